//! Errors of contents: they have changed, or their reader does not do what
//! [`ReadAt`](crate::ReadAt) demands.

use std::fmt;
use std::io;

/// The change of a source. See [`Error::Changed`](crate::Error::Changed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Another file or directory is in its place, perhaps of another kind.
    Replaced,
    /// The length is another one.
    Length {
        /// The length in bytes that it had.
        before: u64,
        /// The length in bytes that was found now. A file that grew may be even longer.
        now: u64,
    },
    /// The bytes are not those that were read before.
    /// [`ImageWriter::verify`](crate::ImageWriter::verify) finds this.
    Bytes {
        /// The offset of the first byte that differs, as far as it is known.
        offset: u64,
    },
}

/// A mistake of a reader. See [`Error::Reader`](crate::Error::Reader).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReaderErrorKind {
    /// The reader has fewer bytes than its length.
    Short {
        /// The length in bytes that it has reported.
        len: u64,
        /// The first offset at which it has returned no bytes. It may end before that,
        /// as contents are read in any order.
        read: u64,
    },
    /// The reader has more bytes than its length.
    Long {
        /// The length in bytes that it has reported.
        len: u64,
    },
    /// The reader says that it has read more bytes than the buffer holds.
    Overfull,
    /// The reader reports a range of data that ends before it begins.
    DataRange,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Replaced => f.write_str("another file is in its place"),
            Change::Length { before, now } => write!(f, "it had {before} bytes and now has {now}"),
            Change::Bytes { offset } => write!(f, "other bytes from byte {offset} on"),
        }
    }
}

impl fmt::Display for ReaderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReaderErrorKind::Short { len, read } => {
                write!(f, "its reader ends at byte {read}, but says that it has {len} bytes")
            }
            ReaderErrorKind::Long { len } => {
                write!(f, "its reader says that it has {len} bytes, but has more")
            }
            ReaderErrorKind::Overfull => {
                f.write_str("its reader says that it read more bytes than the buffer holds")
            }
            ReaderErrorKind::DataRange => {
                f.write_str("its reader reports a range of data that ends before it begins")
            }
        }
    }
}

/// Why a read failed, if it was not for an error of the system. It is passed on inside
/// of an `io::Error`, in which `Error::read` finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Changed(Change),
    Reader(ReaderErrorKind),
    /// Reading was cancelled.
    #[cfg_attr(not(feature = "tar"), allow(dead_code, reason = "only streams end so"))]
    Stopped,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Changed(change) => change.fmt(f),
            Unreadable::Reader(kind) => kind.fmt(f),
            Unreadable::Stopped => f.write_str("was to end early"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for io::Error {
    fn from(why: Unreadable) -> Self {
        io::Error::other(why)
    }
}
