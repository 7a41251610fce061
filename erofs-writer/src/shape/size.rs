//! The size of an inode, as its field has it.

use crate::shape::dir;
use crate::tree::{InodeId, Kind, Tree, content_len};

/// The bytes of a file, a symlink or a directory.
pub(super) fn size(tree: &Tree, id: InodeId, block_len: u64) -> u64 {
    match &tree.inode(id).kind {
        Kind::Directory(children) => dir::len(children, block_len),
        other => content_len(other),
    }
}
