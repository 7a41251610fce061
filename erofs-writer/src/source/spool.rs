//! Files in which contents of a stream wait until they are written.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::format::to_u64;

/// A segment gets no more contents when it has this many bytes ...
const SEGMENT_LEN: u64 = 16 << 20;
/// ... and this fraction of all spooled bytes. So a stream of 100 GB has some 360
/// segments, each of which is an open file.
const SEGMENT_PART: u64 = 64;

/// The bytes of a write. With more, file systems try to get large folios, which takes
/// longer than getting their pages one by one.
const BUFFER_LEN: usize = 32 << 10;

/// Files without names to which contents are appended. There are several, so that each
/// can be truncated when its contents have been written. Pages that are still in memory
/// then need not go to the disk, and a tmpfs gets its memory back.
pub(crate) struct Spool {
    pub(crate) dir: PathBuf,
    /// How many spools there are. Together they have as many segments as one.
    count: u64,
    segments: Vec<Arc<File>>,
    /// Bytes that are still to be written to the last segment.
    buffer: Vec<u8>,
    /// The bytes of the last segment, including those in `buffer`.
    last_len: u64,
    /// The bytes of all segments.
    len: u64,
}

impl Spool {
    pub(crate) fn new(dir: &Path) -> Self {
        Spool::one_of(dir, 1)
    }

    /// One of `count` spools that are filled side by side.
    pub(crate) fn one_of(dir: &Path, count: usize) -> Self {
        Spool {
            dir: dir.to_owned(),
            count: to_u64(count),
            segments: Vec::new(),
            buffer: Vec::with_capacity(BUFFER_LEN),
            last_len: 0,
            len: 0,
        }
    }

    /// The file to which the next contents go, and their position in it.
    pub(crate) fn next(&mut self) -> io::Result<(Arc<File>, u64)> {
        let full = SEGMENT_LEN.max(self.len / SEGMENT_PART).saturating_mul(self.count);
        let file = match self.segments.last() {
            Some(last) if self.last_len < full => last.clone(),
            _ => {
                self.flush()?;
                let file = Arc::new(tempfile::tempfile_in(&self.dir)?);
                self.segments.push(file.clone());
                self.last_len = 0;
                file
            }
        };
        Ok((file, self.last_len))
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(mut last) = self.segments.last().map(|file| &**file) {
            last.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the rest, and returns all files.
    pub(crate) fn finish(mut self) -> io::Result<Vec<Arc<File>>> {
        self.flush()?;
        Ok(self.segments)
    }

    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let len = to_u64(bytes.len());
        while !bytes.is_empty() {
            let room = BUFFER_LEN - self.buffer.len();
            let (next, rest) = bytes.split_at(bytes.len().min(room));
            self.buffer.extend_from_slice(next);
            if next.len() == room {
                self.flush()?;
            }
            bytes = rest;
        }
        self.last_len += len;
        self.len += len;
        Ok(())
    }
}

/// The error for contents that cannot be spooled to `dir`.
pub(crate) fn unspooled(dir: &Path, source: io::Error) -> Error {
    Error::Write { path: Some(dir.to_owned()), source }
}
