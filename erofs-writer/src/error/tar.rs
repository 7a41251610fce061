//! Errors of tar archives.

use std::fmt;

use crate::shown::Shown;

/// The reason why a tar archive cannot be used. See [`Error::Tar`](crate::Error::Tar).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TarErrorKind {
    /// The archive has no bytes. The program that should have written it has failed: an
    /// archive without members has blocks of zeros.
    Empty,
    /// It is an EROFS image, which begins with zeros as an archive without members does.
    ErofsImage,
    /// The archive ends within a member. It was truncated, or the program that wrote it
    /// has failed.
    Truncated,
    /// The checksum of a header is wrong. At the start of a file this may mean that the
    /// file is compressed, or is not an archive.
    Checksum,
    /// A field of a header is not a number, or the number is too large.
    Number {
        /// The name of the field.
        field: &'static str,
    },
    /// An extended header ("pax") does not follow the rules of its format.
    Pax,
    /// The map of a sparse file does not follow the rules of its format.
    Sparse,
    /// The runs of data of a sparse file do not begin and end at blocks of 512 bytes,
    /// or are too many, so that an index cannot have the file.
    SparseIndex,
    /// A member or a global header has more than 16 MiB of metadata.
    Metadata {
        /// The length of the metadata in bytes.
        len: u64,
    },
    /// The records for all following members are more than 128, or have more than 256
    /// KiB.
    Global,
    /// The type of a member is unknown.
    Type {
        /// The byte of the header that gives the type.
        flag: u8,
    },
    /// A path has a `..` in it, or is the root, but its member is not a directory.
    Path {
        /// The path as it is in the archive.
        path: Vec<u8>,
    },
    /// A path or the target of a link has more than 64 KiB; or it leads through more
    /// than 4,096 names, including those in targets of symlinks; or it is more than
    /// 2,048 directories deep.
    LongPath {
        /// The path as it is in the archive.
        path: Vec<u8>,
    },
    /// The target of a hard link does not come before it in the archive.
    LinkTarget {
        /// The path of the hard link.
        path: Vec<u8>,
        /// The path of its target.
        target: Vec<u8>,
    },
    /// The target of a hard link is a directory.
    LinkToDirectory {
        /// The path of the hard link.
        path: Vec<u8>,
        /// The path of its target.
        target: Vec<u8>,
    },
}

impl fmt::Display for TarErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TarErrorKind::Empty => f.write_str("is empty, and so is no tar archive"),
            TarErrorKind::ErofsImage => f.write_str("is an EROFS image, and no tar archive"),
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
            (TarErrorKind::Empty, "is empty, and so is no tar archive"),
            (TarErrorKind::ErofsImage, "is an EROFS image, and no tar archive"),
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
