//! What can be wrong with a tar archive.

use std::fmt;

/// What is wrong with a tar archive. See [`Error::Tar`](crate::Error::Tar).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TarErrorKind {
    /// It ends without the two blocks of zeros that end an archive: it was cut
    /// off, or what writes it has failed.
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
    /// The pieces of a sparse file begin or end within a block of 512 bytes, or
    /// are too many, so that no index can lead to them.
    SparseIndex,
    /// A header says that more than 16 MiB of metadata follow.
    Metadata {
        /// How many bytes.
        len: u64,
    },
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
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        match self {
            TarErrorKind::Truncated => f.write_str(
                "ends without the two blocks of zeros that end an archive, and may be cut off",
            ),
            TarErrorKind::Checksum => f.write_str("is no header, as its checksum is wrong"),
            TarErrorKind::Number { field } => write!(f, "the {field} is no number, or too large"),
            TarErrorKind::Pax => f.write_str("the extended header cannot be read"),
            TarErrorKind::Sparse => f.write_str("the map of the sparse file cannot be read"),
            TarErrorKind::SparseIndex => f.write_str(
                "the pieces of the sparse file are no whole blocks of 512 bytes, or are too many for an index",
            ),
            TarErrorKind::Metadata { len } => {
                write!(f, "{len} bytes of metadata are more than an archive needs")
            }
            TarErrorKind::Type { flag } => {
                write!(f, "members of the type '{}' are not known", flag.escape_ascii())
            }
            TarErrorKind::Path { path } => {
                write!(f, "'{}' can be no path of a member", text(path))
            }
            TarErrorKind::LinkTarget { path, target } => write!(
                f,
                "'{}' is a hard link to '{}', which is not in the archive before it",
                text(path),
                text(target)
            ),
            TarErrorKind::LinkToDirectory { path, target } => write!(
                f,
                "'{}' is a hard link to '{}', which is a directory",
                text(path),
                text(target)
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
            (
                TarErrorKind::Truncated,
                "ends without the two blocks of zeros that end an archive, and may be cut off",
            ),
            (TarErrorKind::Checksum, "is no header, as its checksum is wrong"),
            (TarErrorKind::Number { field: "size" }, "the size is no number, or too large"),
            (TarErrorKind::Pax, "the extended header cannot be read"),
            (TarErrorKind::Sparse, "the map of the sparse file cannot be read"),
            (
                TarErrorKind::SparseIndex,
                "the pieces of the sparse file are no whole blocks of 512 bytes, or are too many for an index",
            ),
            (
                TarErrorKind::Metadata { len: 1 << 30 },
                "1073741824 bytes of metadata are more than an archive needs",
            ),
            (TarErrorKind::Type { flag: b'Q' }, "members of the type 'Q' are not known"),
            (TarErrorKind::Type { flag: 0xfe }, "members of the type '\\xfe' are not known"),
            (TarErrorKind::Path { path: path.clone() }, "'a/b' can be no path of a member"),
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
