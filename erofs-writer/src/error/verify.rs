//! Differences between a tree and the image that was written of it.

use std::fmt;

use crate::error::image::ImageErrorKind;
use crate::shown::Shown;

/// The difference that [`ImageWriter::verify`](crate::ImageWriter::verify) has found. See
/// [`Error::Verify`](crate::Error::Verify).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The image cannot be read at this place.
    Image {
        /// The position in the image, in bytes from its start.
        offset: u64,
        /// The error at that position.
        kind: ImageErrorKind,
    },
    /// The first bytes, with the superblock, were not written as they should have been.
    Head,
    /// A field of the superblock or of an inode, in words, is not what it should be.
    Field {
        /// The name of the field.
        name: &'static str,
        /// What the image has.
        found: String,
        /// What it should have.
        expected: String,
    },
    /// A name is not in the image.
    Missing,
    /// A name is in the image, but not in the tree.
    Excess,
    /// The name leads to another inode than an earlier name of the same file.
    Unlinked,
    /// The name leads to the inode of another file.
    Linked {
        /// The path of that file.
        other: Vec<u8>,
    },
    /// A symlink leads elsewhere.
    Target,
    /// The image has not the attribute, or not with this value.
    Xattr {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// The image has an attribute that the tree has not.
    ExcessXattr {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// The attribute is there, but the name filter says that it is not, and Linux asks the
    /// filter first.
    HiddenXattr {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// The contents differ.
    Bytes {
        /// The offset in the file of the first byte that differs. Others may differ before
        /// it, as the parts of a file are compared in any order.
        offset: u64,
    },
    /// Contents that stay on a device are not where the image says.
    Place {
        /// The offset in the file of the first byte.
        offset: u64,
    },
}

impl fmt::Display for VerifyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyErrorKind::Image { offset, kind } => write!(f, "at byte {offset}: {kind}"),
            VerifyErrorKind::Head => f.write_str("the superblock was not written as it should be"),
            VerifyErrorKind::Field { name, found, expected } => {
                write!(f, "it has {name} {found}, not {expected}")
            }
            VerifyErrorKind::Missing => f.write_str("it is missing"),
            VerifyErrorKind::Excess => f.write_str("it is there, but not in the source"),
            VerifyErrorKind::Unlinked => f.write_str("it is not one inode with its other names"),
            VerifyErrorKind::Linked { other } => {
                write!(f, "it is one inode with {}", Shown::bytes(other))
            }
            VerifyErrorKind::Target => f.write_str("the symlink leads elsewhere"),
            VerifyErrorKind::Xattr { name } => {
                write!(f, "the attribute {} is missing, or has another value", Shown::bytes(name))
            }
            VerifyErrorKind::ExcessXattr { name } => {
                write!(f, "it has the attribute {}, which the source has not", Shown::bytes(name))
            }
            VerifyErrorKind::HiddenXattr { name } => {
                write!(f, "its name filter hides the attribute {}", Shown::bytes(name))
            }
            VerifyErrorKind::Bytes { offset } => write!(f, "it differs from byte {offset} on"),
            VerifyErrorKind::Place { offset } => {
                write!(f, "byte {offset} is not where the device has it")
            }
        }
    }
}
