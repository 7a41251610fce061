//! Errors of manifests.

use std::fmt;

use crate::shown::Shown;

/// The reason why a line of a manifest cannot be used. See
/// [`Error::Manifest`](crate::Error::Manifest).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestErrorKind {
    /// The first line is of none of the formats.
    Format,
    /// The line is longer than 16 MiB.
    LongLine,
    /// The line has fewer fields than the format has.
    Fields,
    /// A field or keyword is not what it has to be: a number, mostly.
    Value {
        /// The name of the field or the keyword.
        field: &'static str,
    },
    /// A backslash is followed by something that is no escape.
    Escape,
    /// A quotation mark is not closed, or something follows it directly.
    Quote,
    /// The first word of the line is none of the format.
    Word {
        /// The word.
        word: Vec<u8>,
    },
    /// What the word asks for is not done.
    Unsupported {
        /// The word, and why.
        what: &'static str,
    },
    /// The kind of the entry is missing or unknown.
    Type,
    /// The path is not absolute, has a `..` where it may not have one, is the root where it
    /// cannot be, or leads through more than 2,048 directories.
    Path {
        /// The path.
        path: Vec<u8>,
    },
    /// The directory above the entry has no line before it.
    NoParent {
        /// The path of the entry.
        path: Vec<u8>,
    },
    /// A hard link leads to nothing, to a directory, or to itself.
    LinkTarget {
        /// The path of its target.
        target: Vec<u8>,
    },
    /// A file has a length, but neither contents nor the path of some.
    NoContents {
        /// The length in bytes.
        len: u64,
    },
    /// The contents have another length than the line says.
    Length {
        /// The length in bytes that the line says.
        said: u64,
        /// The length that was found.
        found: u64,
    },
    /// The path of contents leads out of the directory where they are.
    Outside {
        /// The path.
        path: Vec<u8>,
    },
}

impl fmt::Display for ManifestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ManifestErrorKind as Kind;
        match self {
            Kind::Format => f.write_str(
                "this is neither a dump of composefs, nor a pack file of gensquashfs, nor mtree",
            ),
            Kind::LongLine => f.write_str("the line has more than 16777216 bytes"),
            Kind::Fields => f.write_str("the line has too few fields"),
            Kind::Value { field } => write!(f, "the {field} is missing or wrong"),
            Kind::Escape => f.write_str("a backslash is followed by something that is no escape"),
            Kind::Quote => f.write_str("a quotation mark is not closed before a space"),
            Kind::Word { word } => write!(f, "{} is no word of the format", Shown::bytes(word)),
            Kind::Unsupported { what } => f.write_str(what),
            Kind::Type => f.write_str("the type of the entry is missing or unknown"),
            Kind::Path { path } => {
                write!(f, "{} cannot be the path of this entry", Shown::bytes(path))
            }
            Kind::NoParent { path } => {
                let path = Shown::bytes(path);
                write!(f, "{path}: the directory above it has to come before it")
            }
            Kind::LinkTarget { target } => {
                let target = Shown::bytes(target);
                write!(f, "{target} cannot be hard-linked: it has to be there, and no directory")
            }
            Kind::NoContents { len } => {
                write!(f, "the file has {len} bytes, but it is not said where they are")
            }
            Kind::Length { said, found } => {
                write!(f, "the contents should have {said} bytes, but have {found}")
            }
            Kind::Outside { path } => {
                write!(f, "{} is not below the directory of contents", Shown::bytes(path))
            }
        }
    }
}
