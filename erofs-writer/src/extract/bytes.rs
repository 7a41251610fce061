//! The bytes of files, from their contents to the host.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::error::{Error, Result};
use crate::format::{to_u64, to_usize};
use crate::pool::{self, Share};
use crate::tree::{Content, InodeId, OpenContent, Reader};

/// How much is read at a time.
const STEP: usize = 1 << 20;
/// Longer runs are copied by the kernel if they stand plain in a file.
const KERNEL_COPY_MIN: u64 = 64 << 10;
/// How much the kernel copies at a time, so that a request to end is heard.
const KERNEL_COPY_MAX: u64 = 16 << 20;
/// Shorter files are not searched for holes.
const HOLES_MIN: u64 = 32 << 10;
/// Several threads work on a file that is longer than two of these.
const PART: u64 = 16 << 20;

thread_local! {
    /// The buffer of a worker. Kept between files, as the kernel would have to clear fresh
    /// memory for each.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Copies contents to files.
#[derive(Clone, Copy)]
pub(super) struct Copier<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) report: &'a (dyn Fn(u64) + Sync),
}

/// An error, and whether it is one of the output.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

impl Copier<'_> {
    /// Copies the contents of `id` to `output`, which is new and empty. Holes become holes.
    /// `named` makes the error of an output.
    pub(super) fn copy(
        self,
        id: InodeId,
        content: &Content,
        output: &File,
        named: &(dyn Fn(io::Error) -> Error + Sync),
    ) -> Result<()> {
        let len = content.len();
        let copied = |range: Range<u64>| -> Result<()> {
            let open = self.reader.open(id, content)?;
            match self.range(&open, len, range.clone(), output) {
                Err(Failed::Write(error)) => return Err(named(error)),
                Err(Failed::Read(error)) => return self.reader.named(id, Err(error)),
                Ok(()) => {}
            }
            if self.reader.stop.is_set() {
                return Err(Error::Cancelled);
            }
            match range.end == len {
                true => self.reader.named(id, open.check_end()),
                false => Ok(()),
            }
        };
        if len <= 2 * PART {
            return copied(0..len);
        }
        // A file of the greatest length has fewer than 2^40 parts.
        let parts = to_usize(len.div_ceil(PART));
        let part = |at: usize| copied(to_u64(at) * PART..(to_u64(at) * PART + PART).min(len));
        match parts <= PARTS_MAX {
            true => pool::try_map(0..parts, Share::Single, part).map(drop),
            false => copied(0..len),
        }
    }

    /// Copies a range. Of contents that end with it, the output gets its length.
    fn range(
        self,
        open: &OpenContent<'_>,
        len: u64,
        range: Range<u64>,
        output: &File,
    ) -> Result<(), Failed> {
        let (mut at, mut written) = (range.start, range.start);
        // The next data, as far as it is known.
        let mut data = if len < HOLES_MIN { at..len } else { at..at };
        let mut buf = BUFFER.take();
        buf.resize(STEP, 0);
        while at < range.end && !self.reader.stop.is_set() {
            if at >= data.end {
                data = open.next_data(at).map_err(Failed::Read)?;
            }
            let start = data.start.clamp(at, range.end);
            (self.report)(start - at);
            at = start;
            let end = data.end.min(range.end);
            if at < end {
                let next = self.step(open, at..end, output, &mut buf)?;
                (self.report)(next - at);
                (at, written) = (next, next);
            }
        }
        BUFFER.set(buf);
        // The last bytes are a hole.
        if range.end == len && written < len && !self.reader.stop.is_set() {
            // Other threads may write parts before.
            output.set_len(len).map_err(Failed::Write)?;
        }
        Ok(())
    }

    /// Copies the first bytes of data, and returns where they end.
    fn step(
        self,
        open: &OpenContent<'_>,
        data: Range<u64>,
        output: &File,
        buf: &mut [u8],
    ) -> Result<u64, Failed> {
        let len = data.end - data.start;
        if let Some((file, base)) = open.as_file().filter(|_| len >= KERNEL_COPY_MIN) {
            // An error here occurs again when the bytes are read and written, and then it
            // is known whose it is.
            let len = len.min(KERNEL_COPY_MAX);
            match kernel_copy(file, base.saturating_add(data.start), output, data.start, len) {
                0 => {}
                done => return Ok(data.start + done.min(len)),
            }
        }
        let now = &mut buf[..to_usize(len.min(to_u64(STEP)))];
        open.read_data_at(now, data.start).map_err(Failed::Read)?;
        output.write_all_at(now, data.start).map_err(Failed::Write)?;
        Ok(data.start + to_u64(now.len()))
    }
}

/// A file with more parts is copied by one thread: most of it has to be holes.
const PARTS_MAX: usize = 1 << 16;

/// How many bytes the kernel has copied.
#[cfg(target_os = "linux")]
fn kernel_copy(source: &File, mut from: u64, output: &File, mut to: u64, len: u64) -> u64 {
    let len = to_usize(len);
    let copied = rustix::fs::copy_file_range(source, Some(&mut from), output, Some(&mut to), len);
    copied.map_or(0, to_u64)
}

#[cfg(not(target_os = "linux"))]
fn kernel_copy(_: &File, _: u64, _: &File, _: u64, _: u64) -> u64 {
    0
}
