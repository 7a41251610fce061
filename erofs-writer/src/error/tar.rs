//! What can be wrong with a tar archive.

use std::fmt;

use crate::error::shown::Shown;

/// What is wrong with a tar archive. See [`Error::Tar`](crate::Error::Tar).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TarErrorKind {
    /// It ends within a member: it was cut off, or what writes it has failed.
    Truncated,
    /// A header is none: its checksum is wrong. At the start of the archive
    /// this may mean that it is compressed, or no archive at all.
    Checksum,
    /// A number in a header is none, or too large.
    Number {
        /// What the number tells.
        field: &'static str,
    },
    /// A header of extended attributes ("pax") breaks the rules for these.
    Pax,
    /// The list of what a sparse file holds breaks the rules for it.
    Sparse,
    /// The runs of data in a sparse file begin or end within a block of 512 bytes, or
    /// are too many, so that no index can lead to them.
    SparseIndex,
    /// A header says that more than 16 MiB of metadata follow.
    Metadata {
        /// How many bytes.
        len: u64,
    },
    /// More than 128 records, or 256 KiB, are to hold for all members that
    /// follow.
    Global,
    /// A member is of a type that is not known.
    Type {
        /// The byte that tells the type.
        flag: u8,
    },
    /// A path has `..` in it, or is that of the root and not of a directory.
    Path {
        /// The path as it stands in the archive.
        path: Vec<u8>,
    },
    /// A path, or that of a link, has more than 64 KiB, or leads through more
    /// than 4,096 names, those in targets of symlinks among them, or more than
    /// 2,048 directories deep.
    LongPath {
        /// The path as it stands in the archive.
        path: Vec<u8>,
    },
    /// A hard link to something that is not there, or not yet.
    LinkTarget {
        /// The path of the link.
        path: Vec<u8>,
        /// The path that it links to.
        target: Vec<u8>,
    },
    /// A hard link to a directory.
    LinkToDirectory {
        /// The path of the link.
        path: Vec<u8>,
        /// The path that it links to.
        target: Vec<u8>,
    },
}

impl fmt::Display for TarErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TarErrorKind::Truncated => {
                f.write_str("the archive is truncated: it ends within a member")
            }
            TarErrorKind::Checksum => {
                f.write_str("the header has a wrong checksum; this may not be a tar archive")
            }
            TarErrorKind::Number { field } => {
                write!(f, "the {field} is not a number, or is too large")
            }
            TarErrorKind::Pax => f.write_str("the extended header cannot be read"),
            TarErrorKind::Sparse => f.write_str("the map of the sparse file cannot be read"),
            TarErrorKind::SparseIndex => f.write_str(
                "the pieces of the sparse file are not whole blocks of 512 bytes, or are too many \
                 for an index",
            ),
            TarErrorKind::Metadata { len } => {
                write!(f, "{len} bytes of metadata for one member are too many")
            }
            TarErrorKind::Global => {
                f.write_str("global extended headers have more than 128 records or 256 KiB")
            }
            TarErrorKind::LongPath { path } => {
                write!(f, "'{}' is too long, or has too many directories", Shown::bytes(path))
            }
            TarErrorKind::Type { flag } => {
                write!(f, "the type of the member, '{}', is unknown", flag.escape_ascii())
            }
            TarErrorKind::Path { path } => {
                write!(f, "'{}' cannot be the path of a member", Shown::bytes(path))
            }
            TarErrorKind::LinkTarget { path, target } => write!(
                f,
                "'{}' is a hard link to '{}', which is not in the archive before it",
                Shown::bytes(path),
                Shown::bytes(target)
            ),
            TarErrorKind::LinkToDirectory { path, target } => write!(
                f,
                "'{}' is a hard link to '{}', which is a directory",
                Shown::bytes(path),
                Shown::bytes(target)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_is_wrong() {
        let (path, target) = (b"a/b".to_vec(), b"\xff".to_vec());
        for (kind, message) in [
            (TarErrorKind::Truncated, "the archive is truncated: it ends within a member"),
            (TarErrorKind::Global, "global extended headers have more than 128 records or 256 KiB"),
            (
                TarErrorKind::LongPath { path: path.clone() },
                "'a/b' is too long, or has too many directories",
            ),
            (
                TarErrorKind::Checksum,
                "the header has a wrong checksum; this may not be a tar archive",
            ),
            (TarErrorKind::Number { field: "size" }, "the size is not a number, or is too large"),
            (TarErrorKind::Pax, "the extended header cannot be read"),
            (TarErrorKind::Sparse, "the map of the sparse file cannot be read"),
            (
                TarErrorKind::SparseIndex,
                "the pieces of the sparse file are not whole blocks of 512 bytes, or are too many \
                 for an index",
            ),
            (
                TarErrorKind::Metadata { len: 1 << 30 },
                "1073741824 bytes of metadata for one member are too many",
            ),
            (TarErrorKind::Type { flag: b'Q' }, "the type of the member, 'Q', is unknown"),
            (TarErrorKind::Type { flag: 0xfe }, "the type of the member, '\\xfe', is unknown"),
            (TarErrorKind::Path { path: path.clone() }, "'a/b' cannot be the path of a member"),
            (
                TarErrorKind::LinkTarget { path: path.clone(), target: target.clone() },
                "'a/b' is a hard link to '\u{fffd}', which is not in the archive before it",
            ),
            (
                TarErrorKind::LinkToDirectory { path, target },
                "'a/b' is a hard link to '\u{fffd}', which is a directory",
            ),
        ] {
            assert_eq!(kind.to_string(), message);
        }
    }
}
