//! Errors of images that are read.

use std::fmt;

use crate::codec::Algorithm;

/// The reason why an image cannot be read. See [`Error::Image`](crate::Error::Image).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageErrorKind {
    /// There is no superblock of EROFS.
    NoMagic,
    /// The checksum of the superblock is wrong.
    Checksum,
    /// The image uses features of the format that are newer than this crate.
    Features {
        /// The unknown bits of `feature_incompat`.
        bits: u32,
    },
    /// The image has further devices, of which others were given.
    Devices {
        /// How many it has.
        needed: usize,
        /// How many were given.
        given: usize,
    },
    /// Something that the image has should be after its end, or that of a device.
    Truncated,
    /// Something breaks a rule of the format.
    Malformed {
        /// The rule, as a message has it.
        what: &'static str,
    },
    /// A pcluster cannot be decoded.
    Pcluster {
        /// Its algorithm.
        algorithm: Algorithm,
    },
    /// A directory contains itself, or has two names.
    Loop,
}

impl fmt::Display for ImageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageErrorKind::NoMagic => f.write_str("is not an EROFS image"),
            ImageErrorKind::Checksum => f.write_str("the checksum of the superblock is wrong"),
            ImageErrorKind::Features { bits } => {
                write!(f, "the image has features that are not known ({bits:#x})")
            }
            ImageErrorKind::Devices { needed, given } => {
                write!(f, "the image has {needed} further devices, and {given} were given")
            }
            ImageErrorKind::Truncated => f.write_str("the image ends before it"),
            ImageErrorKind::Malformed { what } => f.write_str(what),
            ImageErrorKind::Pcluster { algorithm } => {
                write!(f, "what {algorithm} has compressed cannot be decoded")
            }
            ImageErrorKind::Loop => f.write_str("a directory is in two places, or in itself"),
        }
    }
}
