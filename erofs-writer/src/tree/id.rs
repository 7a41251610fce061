//! Ids of inodes.

use crate::format::to_usize;

/// The place of an inode in the arena of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InodeId(pub(super) u32);

/// An inode of a [`Tree`](crate::Tree). Two paths with the same id are hard links.
///
/// An id belongs to the tree that gave it, and to clones that were made of that tree
/// later. Every other tree refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeInodeId {
    pub(super) tree: u64,
    pub(super) id: InodeId,
}

impl InodeId {
    /// The index of the inode in tables that have one entry for each inode.
    pub(crate) fn index(self) -> usize {
        to_usize(u64::from(self.0))
    }
}
