//! The size of an inode, as its field has it.

use crate::options::Options;
use crate::shape::dir;
use crate::tree::{InodeId, Kind, Tree, content_len};

/// What the sizes of directories depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    block_len: u64,
    omits_dots: bool,
}

impl Sizes {
    pub(super) fn of(options: &Options) -> Self {
        Sizes { block_len: options.block_size.len(), omits_dots: options.omit_dots }
    }

    /// The bytes of a file, a symlink or a directory.
    pub(super) fn size(self, tree: &Tree, id: InodeId) -> u64 {
        match &tree.inode(id).kind {
            Kind::Directory(children) => dir::len(children, self.omits_dots, self.block_len),
            other => content_len(other),
        }
    }
}
