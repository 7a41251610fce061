//! Bytes for consecutive places, gathered so that many small files become
//! few large writes.

use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::format::{round_up, to_u64, to_usize};
use crate::tree::{Content, InodeId, OpenContent};
use crate::write::Job;

/// How much is gathered.
const CAPACITY: usize = 1024 * 1024;

thread_local! {
    /// The buffer of a worker. Kept between jobs, as the kernel would have to
    /// clear fresh memory for each.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Gathers bytes and writes them.
pub(crate) struct Run<'a> {
    job: &'a Job<'a>,
    /// Always of full length; only the first `len` bytes mean something.
    buf: Vec<u8>,
    len: usize,
    /// Where in the image the buffer starts.
    pos: u64,
    hasher: Option<Fingerprinter>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(job: &'a Job<'a>) -> Self {
        let mut buf = BUFFER.take();
        buf.resize(CAPACITY, 0);
        Run { job, buf, len: 0, pos: 0, hasher: job.hashes().then(Fingerprinter::default) }
    }

    /// Goes on at `pos`, which costs nothing if that is where it is.
    pub(crate) fn seek(&mut self, pos: u64) -> Result<()> {
        if self.pos + to_u64(self.len) != pos {
            self.flush()?;
            self.pos = pos;
        }
        Ok(())
    }

    /// Adds `bytes`.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) -> Result<()> {
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
    pub(crate) fn add_zeros(&mut self, mut len: u64) -> Result<()> {
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
    pub(crate) fn pad(&mut self) -> Result<()> {
        let end = self.pos + to_u64(self.len);
        self.add_zeros(round_up(end, self.job.options.block_size.len()) - end)
    }

    /// Adds a whole file of `len` bytes and returns its bytes behind `keep`,
    /// which are taken off again. The file fits into the buffer.
    pub(crate) fn add_whole(
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
        self.job.read(id, open.read_range(buf, 0))?;
        let tail = self.len + keep..self.len + len;
        self.len += keep;
        Ok(&self.buf[tail])
    }

    /// Adds `len` bytes of a file from `offset` on, through the kernel where
    /// that is worth it.
    pub(crate) fn add_range(
        &mut self,
        open: &OpenContent<'_>,
        id: InodeId,
        mut offset: u64,
        mut len: u64,
    ) -> Result<()> {
        if let Some((file, base)) = open.as_file() {
            if len >= self.job.sink.kernel_copy_min {
                self.flush()?;
                // What goes wrong here goes wrong when reading, too, and is
                // then known to be the source's or the output's fault.
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
            self.job.read(id, open.read_exact_at(buf, offset))?;
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
            if let Some(hasher) = &mut self.hasher {
                hasher.update(bytes);
            }
        }
        self.pos += to_u64(self.len);
        self.len = 0;
        Ok(())
    }

    /// Writes what is left, and gives the digest of everything, begun with
    /// `prefix`, if it was asked for.
    pub(crate) fn finish(mut self, prefix: &[u8]) -> Result<Option<Fingerprint>> {
        self.flush()?;
        BUFFER.set(std::mem::take(&mut self.buf));
        Ok(self.hasher.take().map(|mut hasher| {
            hasher.update(prefix);
            hasher.finish()
        }))
    }
}

impl Job<'_> {
    pub(crate) fn open<'c>(&self, id: InodeId, content: &'c Content) -> Result<OpenContent<'c>> {
        let opened = content.open(self.reader.dirs);
        opened.map_err(|error| Error::read(self.shown_path(id), error))
    }

    /// Gives a failed read of `id` its path.
    pub(crate) fn read<T>(&self, id: InodeId, result: std::io::Result<T>) -> Result<T> {
        result.map_err(|error| Error::read(self.shown_path(id), error))
    }
}
