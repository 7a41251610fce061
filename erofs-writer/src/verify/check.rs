//! What all parts of a comparison need, and the errors of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::{Error, Result, VerifyErrorKind};
use crate::image::{Fault, Found, Image, Input};
use crate::options::Options;
use crate::tree::device::Device;
use crate::tree::{InodeId, Reader};
use uuid::Uuid;

/// What an image is compared with.
pub(crate) struct Check<'a> {
    /// The tree, and whether to end early.
    pub(crate) reader: Reader<'a>,
    pub(crate) options: &'a Options,
    /// The devices of the image.
    pub(crate) devices: Vec<Arc<Device>>,
    /// The UUID that the summary of the build tells.
    pub(crate) uuid: Uuid,
    /// When the build began: a file that was changed later may have other bytes.
    pub(crate) began: SystemTime,
    /// How many threads may compare.
    pub(crate) workers: usize,
}

impl Check<'_> {
    pub(super) fn open(&self, input: Input) -> Result<Image> {
        let image = Image::open(PathBuf::new(), vec![input]);
        image.map_err(|fault| of_fault(fault, || b"/".to_vec()))
    }

    /// The error that `id` is not what it should be.
    pub(super) fn wrong(&self, id: InodeId, kind: VerifyErrorKind) -> Error {
        Error::Verify { path: self.reader.tree.path_of(id), kind }
    }

    /// What was found in the image at `id`.
    pub(super) fn found<T>(&self, id: InodeId, found: Found<T>) -> Result<T> {
        found.map_err(|fault| of_fault(fault, || self.reader.tree.path_of(id)))
    }

    pub(super) fn go_on(&self) -> Result<()> {
        if self.reader.stop.is_set() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// The error that a field is another one.
pub(super) fn field(
    name: &'static str,
    found: impl ToString,
    expected: impl ToString,
) -> VerifyErrorKind {
    VerifyErrorKind::Field { name, found: found.to_string(), expected: expected.to_string() }
}

/// The error of a fault at a path.
fn of_fault(fault: Fault, path: impl FnOnce() -> Vec<u8>) -> Error {
    match fault {
        // Of the output, whose name is added later.
        Fault::Io(source) => Error::Write { path: None, source },
        Fault::Image { offset, kind } => {
            Error::Verify { path: path(), kind: VerifyErrorKind::Image { offset, kind } }
        }
    }
}
