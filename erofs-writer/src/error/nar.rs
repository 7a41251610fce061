//! Errors of NARs.

use std::fmt;

use crate::shown::Shown;

/// The reason why a NAR or an export cannot be used. See [`Error::Nar`](crate::Error::Nar).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NarErrorKind {
    /// It does not begin as a NAR or an export does.
    NoNar,
    /// It ends too early. It was truncated, or the program that wrote it has failed.
    Truncated,
    /// Another word has to be there.
    Expected {
        /// The word of the format.
        word: &'static str,
    },
    /// The type of a node is none of the format: directory, regular, symlink.
    Type,
    /// The bytes after a string, up to a multiple of 8, are not zeros.
    Padding,
    /// A string has more bytes than it may have.
    LongString {
        /// The number of bytes that it is said to have.
        len: u64,
        /// The most bytes that it may have.
        max: u64,
    },
    /// The name of an entry is empty, has more than 255 bytes, is `.` or `..`, or has a
    /// slash or a NUL.
    Name {
        /// The name.
        name: Vec<u8>,
    },
    /// The names of a directory are not in the order of their bytes, or one is there twice.
    Order {
        /// The name.
        name: Vec<u8>,
        /// The name before it.
        last: Vec<u8>,
    },
    /// An entry lies below more than 2,048 directories.
    TooDeep,
    /// Something follows after the end.
    Trailing,
    /// What is to be the root of an image is a file or a symlink.
    NoDirectory,
    /// Between two NARs of an export, something does not follow the rules of its format.
    Export,
    /// The store path of an export is not absolute, or has no name.
    StorePath {
        /// The path.
        path: Vec<u8>,
    },
}

impl fmt::Display for NarErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NarErrorKind::NoNar => f.write_str("this is not a NAR, and no export of store paths"),
            NarErrorKind::Truncated => f.write_str("the archive is truncated"),
            NarErrorKind::Expected { word } => write!(f, "{word:?} is expected here"),
            NarErrorKind::Type => {
                f.write_str("the type has to be \"directory\", \"regular\" or \"symlink\"")
            }
            NarErrorKind::Padding => f.write_str("the padding has bytes other than zero"),
            NarErrorKind::LongString { len, max } => {
                write!(f, "a string is said to have {len} bytes, but may have at most {max}")
            }
            NarErrorKind::Name { name } => write!(
                f,
                "the name {} cannot be that of an entry: a name has 1 to 255 bytes, none of them \
                 NUL or a slash",
                Shown::bytes(name)
            ),
            NarErrorKind::Order { name, last } => {
                let (name, last) = (Shown::bytes(name), Shown::bytes(last));
                write!(f, "names have to be in order, but {name} comes after {last}")
            }
            NarErrorKind::TooDeep => f.write_str("an entry lies below more than 2048 directories"),
            NarErrorKind::Trailing => f.write_str("more bytes follow after the end"),
            NarErrorKind::NoDirectory => {
                f.write_str("the root of an image has to be a directory, and this is none")
            }
            NarErrorKind::Export => {
                f.write_str("the export has something here that is not of its format")
            }
            NarErrorKind::StorePath { path } => {
                write!(f, "{} is not a store path", Shown::bytes(path))
            }
        }
    }
}
