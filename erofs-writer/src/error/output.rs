//! Outputs that cannot be used.

use std::fmt;

/// The reason why an output cannot be used. See [`Error::Output`](crate::Error::Output).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputErrorKind {
    /// The output is not a regular file or a block device, but a directory, a pipe, a
    /// terminal or another device.
    NotAFile,
    /// The output is open for appending, so all bytes would go to its end.
    Appends,
    /// The output is open for reading only.
    NotWritable,
    /// The output cannot be read back, which `ImageWriter::verify` and `Options::verity`
    /// have to.
    NotReadable,
    /// The output is part of the source, so the image would contain itself.
    InsideSource,
    /// The file for the hash tree is the one for the image.
    Twice,
    /// The device holds fewer bytes than the image needs.
    TooSmall {
        /// The length of the image in bytes.
        needed: u64,
        /// The size of the device in bytes.
        available: u64,
    },
}

impl fmt::Display for OutputErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutputErrorKind::NotAFile => {
                f.write_str("an image can only be written to a file or a block device")
            }
            OutputErrorKind::Appends => f.write_str(
                "is open for appending, but the start of an image is written last; in a shell, use \
                 > and not >>",
            ),
            OutputErrorKind::NotWritable => f.write_str("is open for reading only"),
            OutputErrorKind::NotReadable => {
                f.write_str("cannot be read back to be verified or hashed")
            }
            OutputErrorKind::InsideSource => {
                f.write_str("the image would be part of its own source")
            }
            OutputErrorKind::Twice => {
                f.write_str("the hash tree needs another file than the image")
            }
            OutputErrorKind::TooSmall { needed, available } => {
                write!(f, "the image needs {needed} bytes, but the device has {available}")
            }
        }
    }
}
