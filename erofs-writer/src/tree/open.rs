//! Contents that are open, and how they are read.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::error::{Change, ReaderErrorKind, Unreadable};
use crate::format::to_u64;
use crate::tree::read_at::{ReadAt, host_data};

/// Reads of fewer bytes than this do not look for a hole first, since reading takes
/// less time.
const HOLE_MIN: usize = 256 * 1024;

/// Contents that are open.
pub(crate) struct OpenContent<'a> {
    pub(super) len: u64,
    pub(super) opened: Opened<'a>,
}

pub(super) enum Opened<'a> {
    Bytes(&'a [u8]),
    Owned(File),
    /// A range of a file, which begins at this position.
    Part(File, u64),
    Range(&'a File, u64),
    Custom(&'a dyn ReadAt),
}

impl OpenContent<'_> {
    /// The file that has the bytes, and the position in it at which they start. None if
    /// they are not in a file.
    pub(crate) fn as_file(&self) -> Option<(&File, u64)> {
        match &self.opened {
            Opened::Owned(file) => Some((file, 0)),
            Opened::Part(file, start) => Some((file, *start)),
            Opened::Range(file, start) => Some((file, *start)),
            _ => None,
        }
    }

    /// Whether the source can be longer than expected. A range of a file cannot, since
    /// the bytes after it do not belong to it.
    fn can_grow(&self) -> bool {
        matches!(self.opened, Opened::Owned(_) | Opened::Custom(_))
    }

    /// The next range of data at or after `offset`, as far as the source knows. An
    /// empty range at the end if there is no more. See [`ReadAt::next_data`].
    pub(crate) fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let len = self.len;
        let found = match &self.opened {
            Opened::Bytes(_) => offset..len,
            Opened::Owned(file) => host_data(file, 0, offset, len)?,
            Opened::Part(file, start) => host_data(file, *start, offset, len)?,
            Opened::Range(file, start) => host_data(file, *start, offset, len)?,
            Opened::Custom(reader) => retry(|| reader.next_data(offset))?,
        };
        if offset >= len || found.start == found.end {
            return Ok(len..len);
        }
        if found.end <= found.start.max(offset) {
            return Err(Unreadable::Reader(ReaderErrorKind::DataRange).into());
        }
        let start = found.start.clamp(offset, len);
        Ok(start..found.end.min(len))
    }

    /// Whether all of `bytes` are in a hole, so that they are zeros and need not be
    /// read.
    pub(crate) fn is_hole(&self, bytes: &Range<u64>) -> io::Result<bool> {
        Ok(self.next_data(bytes.start)?.start >= bytes.end && self.reaches(bytes.end)?)
    }

    /// Whether the source has at least `end` bytes. This is checked since a file has no
    /// data after its end, either.
    fn reaches(&self, end: u64) -> io::Result<bool> {
        match &self.opened {
            Opened::Owned(file) => Ok(file.metadata()?.len() >= end),
            Opened::Part(file, start) => Ok(file.metadata()?.len() >= start.saturating_add(end)),
            Opened::Range(file, start) => Ok(file.metadata()?.len() >= start.saturating_add(end)),
            Opened::Bytes(_) | Opened::Custom(_) => Ok(true),
        }
    }

    pub(super) fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.opened {
            Opened::Bytes(bytes) => bytes.read_at(buf, offset),
            Opened::Owned(file) => ReadAt::read_at(file, buf, offset),
            Opened::Part(file, start) => ReadAt::read_at(file, buf, start + offset),
            Opened::Range(file, start) => ReadAt::read_at(*file, buf, start + offset),
            Opened::Custom(reader) => match reader.read_at(buf, offset)? {
                len if len <= buf.len() => Ok(len),
                _ => Err(Unreadable::Reader(ReaderErrorKind::Overfull).into()),
            },
        }
    }

    /// Reads until `buf` is full or the source ends. Returns how many bytes were read.
    fn read_up_to(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match retry(|| self.read_at(&mut buf[filled..], offset + to_u64(filled)))? {
                0 => break,
                len => filled += len,
            }
        }
        Ok(filled)
    }

    /// The error for a source that has `found` bytes, or if that is more than it should
    /// have, at least so many.
    fn wrong_length(&self, found: u64) -> io::Error {
        let len = self.len;
        // A file may have changed again since it was read. Its length now is reported,
        // if that is wrong, too.
        let found = match &self.opened {
            Opened::Owned(file) => {
                let now = file.metadata().map(|stat| stat.len());
                now.ok().filter(|now| *now != len).unwrap_or(found)
            }
            Opened::Part(file, start) => left_now(file, *start, found, len),
            Opened::Range(file, start) => left_now(file, *start, found, len),
            _ => found,
        };
        let why = match &self.opened {
            Opened::Custom(_) if found < len => {
                Unreadable::Reader(ReaderErrorKind::Short { len, read: found })
            }
            Opened::Custom(_) => Unreadable::Reader(ReaderErrorKind::Long { len }),
            _ => Unreadable::Changed(Change::Length { before: len, now: found }),
        };
        why.into()
    }

    /// Fills `buf` with the bytes from `offset` on. It is an error if there are fewer.
    pub(crate) fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match self.fill_hole(buf, offset)? {
            true => Ok(()),
            false => self.read_data_at(buf, offset),
        }
    }

    /// The same where it is known that not all of them are a hole.
    pub(crate) fn read_data_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match self.read_up_to(buf, offset)? {
            filled if filled == buf.len() => Ok(()),
            filled => Err(self.wrong_length(offset + to_u64(filled))),
        }
    }

    /// If `buf` is long enough to look for a hole, and the bytes are in one, fills
    /// `buf` with zeros and returns true.
    fn fill_hole(&self, buf: &mut [u8], offset: u64) -> io::Result<bool> {
        let bytes = offset..offset.saturating_add(to_u64(buf.len()));
        let is_hole = buf.len() >= HOLE_MIN && bytes.end <= self.len && self.is_hole(&bytes)?;
        if is_hole {
            buf.fill(0);
        }
        Ok(is_hole)
    }

    /// Fills all but the last byte of `buf` with the bytes from `offset` on. If the
    /// contents should end there, the last byte is room for one byte too many. So a
    /// single read shows that all bytes are there and that there are no more.
    pub(crate) fn read_range(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let expected = buf.len() - 1;
        let is_end = offset + to_u64(expected) == self.len;
        if !is_end && self.fill_hole(&mut buf[..expected], offset)? {
            return Ok(());
        }
        let wanted = if is_end && self.can_grow() { &mut *buf } else { &mut buf[..expected] };
        // A read of a regular file is short only at its end, so one call is
        // enough in the usual case.
        let mut filled = retry(|| self.read_at(wanted, offset))?;
        if filled < expected {
            filled += self.read_up_to(&mut wanted[filled..], offset + to_u64(filled))?;
        }
        match filled == expected {
            true => Ok(()),
            false => Err(self.wrong_length(offset + to_u64(filled))),
        }
    }

    /// Checks that the source still has the expected length.
    pub(crate) fn check_end(&self) -> io::Result<()> {
        let found = match &self.opened {
            Opened::Owned(file) => file.metadata()?.len(),
            // Bytes in memory cannot change.
            Opened::Bytes(_) => self.len,
            // The file may have more bytes after the range.
            Opened::Range(file, start) => {
                file.metadata()?.len().saturating_sub(*start).min(self.len)
            }
            Opened::Part(file, start) => {
                file.metadata()?.len().saturating_sub(*start).min(self.len)
            }
            Opened::Custom(reader) => match reader.len() {
                len if len == self.len => len + to_u64(self.read_up_to(&mut [0], len)?),
                len => len,
            },
        };
        if found == self.len { Ok(()) } else { Err(self.wrong_length(found)) }
    }
}

/// How many bytes there are of a range of `len` bytes from `start` on, of which `found` were
/// found. The file may have more bytes after the range.
fn left_now(file: &File, start: u64, found: u64, len: u64) -> u64 {
    let now = file.metadata().map(|stat| stat.len().saturating_sub(start));
    if found < len { now.map_or(found, |now| now.min(found)) } else { found }
}

/// Repeats `work` as long as it is interrupted.
fn retry<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
