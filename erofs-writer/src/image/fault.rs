//! Why an image cannot be read, and where.

use std::io;

use crate::error::ImageErrorKind;

/// The result of reading from an image.
pub(crate) type Found<T> = Result<T, Fault>;

/// What is wrong, at which byte of the image.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The system cannot read it.
    Io(io::Error),
    /// The image is wrong.
    Image { offset: u64, kind: ImageErrorKind },
}

impl Fault {
    pub(crate) fn new(offset: u64, kind: ImageErrorKind) -> Self {
        Fault::Image { offset, kind }
    }

    /// The fault of a structure that breaks a rule of the format.
    pub(crate) fn malformed(offset: u64, what: &'static str) -> Self {
        Fault::new(offset, ImageErrorKind::Malformed { what })
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}
