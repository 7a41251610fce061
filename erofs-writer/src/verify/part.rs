//! Parts of files.

use std::ops::Range;

use crate::tree::InodeId;

/// A part of a file.
pub(super) struct Part {
    pub(super) id: InodeId,
    pub(super) nid: u64,
    pub(super) bytes: Range<u64>,
}
