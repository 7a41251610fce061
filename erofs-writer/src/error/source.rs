//! What can be wrong with contents that are read: they are not what they were,
//! or whoever reads them does not do what [`ReadAt`](crate::ReadAt) asks for.

use std::fmt;
use std::io;

/// How a source differs from what it was. See [`Error::Changed`](crate::Error::Changed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// There is another file or directory in its place, or something of another
    /// kind.
    Replaced,
    /// It has another length.
    Length {
        /// How many bytes it had.
        before: u64,
        /// How many were found now. If it grew, it may have even more.
        now: u64,
    },
}

/// What a reader does that it must not. See [`Error::Reader`](crate::Error::Reader).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReaderErrorKind {
    /// It ends before its length.
    Short {
        /// How many bytes it says that it has.
        len: u64,
        /// It gives nothing from this byte on. It may end before, as parts are read
        /// in any order.
        read: u64,
    },
    /// It has more bytes than its length.
    Long {
        /// How many bytes it says that it has.
        len: u64,
    },
    /// It says that it has read more bytes than there was room for.
    Overfull,
    /// It tells of data that ends before it begins.
    DataRange,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Replaced => f.write_str("another file is in its place"),
            Change::Length { before, now } => write!(f, "it had {before} bytes and now has {now}"),
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

/// Why reading failed if it was not the system's fault. It goes through functions
/// that give what the system said, and `Error::read` finds it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Changed(Change),
    Reader(ReaderErrorKind),
    /// Reading was to end early.
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
