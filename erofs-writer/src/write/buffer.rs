//! Bytes for consecutive places, gathered so that many small files become
//! few large writes.

use std::cell::RefCell;

use crate::error::Result;
use crate::format::{round_up, to_u64, to_usize};
use crate::tree::{InodeId, OpenContent};
use crate::write::job::Job;

/// How much is gathered.
const CAPACITY: usize = 1024 * 1024;

thread_local! {
    /// The buffer of a worker. Kept between jobs, as the kernel would have to
    /// clear fresh memory for each.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Gathers bytes and writes them.
pub(super) struct Buffer<'a> {
    job: &'a Job<'a>,
    /// Always of full length; only the first `len` bytes mean something.
    buf: Vec<u8>,
    len: usize,
    /// Where in the image the buffer starts.
    pos: u64,
}

impl<'a> Buffer<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        let mut buf = BUFFER.take();
        buf.resize(CAPACITY, 0);
        Buffer { job, buf, len: 0, pos: 0 }
    }

    /// Continues at `pos`, which costs nothing if it is already there.
    pub(super) fn seek(&mut self, pos: u64) -> Result<()> {
        if self.pos + to_u64(self.len) != pos {
            self.flush()?;
            self.pos = pos;
        }
        Ok(())
    }

    /// Checks that everything up to `pos` is there: something else begins at `pos`.
    pub(super) fn ends_at(&self, pos: u64) {
        let end = self.pos + to_u64(self.len);
        assert!(end == pos, "what ends at {pos} has been written up to {end}");
    }

    /// Adds `bytes`.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.len == self.buf.len() {
                self.flush()?;
            }
            let step = bytes.len().min(self.buf.len() - self.len);
            self.buf[self.len..self.len + step].copy_from_slice(&bytes[..step]);
            self.len += step;
            bytes = &bytes[step..];
        }
        Ok(())
    }

    /// Adds `len` zeros.
    pub(super) fn add_zeros(&mut self, mut len: u64) -> Result<()> {
        while len > 0 {
            if self.len == self.buf.len() {
                self.flush()?;
            }
            let step = to_usize(len).min(self.buf.len() - self.len);
            self.buf[self.len..self.len + step].fill(0);
            self.len += step;
            len -= to_u64(step);
        }
        Ok(())
    }

    /// Adds zeros up to the end of a block.
    pub(super) fn pad(&mut self) -> Result<()> {
        let end = self.pos + to_u64(self.len);
        self.add_zeros(round_up(end, self.job.options.block_size.len()) - end)
    }

    /// Adds a whole file of `len` bytes, takes the bytes after the first `keep` off
    /// again and returns them. The file fits into the buffer.
    pub(super) fn add_whole(
        &mut self,
        open: &OpenContent<'_>,
        id: InodeId,
        len: u64,
        keep: u64,
    ) -> Result<&[u8]> {
        let (len, keep) = (to_usize(len), to_usize(keep));
        // One byte more than the file has shows whether it has grown.
        if self.buf.len() - self.len <= len {
            self.flush()?;
        }
        let buf = &mut self.buf[self.len..=self.len + len];
        self.job.reader.named(id, open.read_range(buf, 0))?;
        let tail = self.len + keep..self.len + len;
        self.len += keep;
        Ok(&self.buf[tail])
    }

    /// Adds `len` bytes of a file from `offset` on, through the kernel where that pays.
    pub(super) fn add_range(
        &mut self,
        open: &OpenContent<'_>,
        id: InodeId,
        mut offset: u64,
        mut len: u64,
    ) -> Result<()> {
        if let Some((file, base)) = open.as_file() {
            if len >= self.job.sink.kernel_copy_min {
                self.flush()?;
                // An error here occurs again when the bytes are read and written, and
                // then it is known whose it is: the source's or the output's.
                let done = self.job.sink.copy(file, base + offset, self.pos, len).unwrap_or(0);
                self.pos += done;
                offset += done;
                len -= done;
            }
        }
        while len > 0 {
            if self.len == self.buf.len() {
                self.flush()?;
            }
            let step = to_usize(len).min(self.buf.len() - self.len);
            let buf = &mut self.buf[self.len..self.len + step];
            self.job.reader.named(id, open.read_exact_at(buf, offset))?;
            self.len += step;
            offset += to_u64(step);
            len -= to_u64(step);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let bytes = &self.buf[..self.len];
        if !bytes.is_empty() {
            self.job.write_at(bytes, self.pos)?;
        }
        self.pos += to_u64(self.len);
        self.len = 0;
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        BUFFER.set(std::mem::take(&mut self.buf));
        Ok(())
    }
}
