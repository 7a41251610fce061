//! Choices of how inodes look and where the ends of files lie.

/// Which of the two on-disk forms inodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InodeForm {
    /// 32 bytes wherever they suffice, else 64.
    #[default]
    Auto,
    /// 32 bytes; an inode that needs more is an error.
    Compact,
    /// 64 bytes.
    Extended,
}

/// Where the ends of compressed files go: the bytes that would fill their last
/// pcluster in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tails {
    /// Into pclusters of their own, which have whole blocks.
    #[default]
    Blocks,
    /// The last pcluster of a file goes right after its inode where that has room,
    /// so that no block is filled in part ("ztailpacking", Linux 5.17). Files below
    /// a block are then compressed, too.
    Inline,
    /// Into the packed inode, where they are compressed together, and with them
    /// files that are no longer than a pcluster (Linux 6.1). None then goes after
    /// an inode: plain pclusters are interlaced where there is a packed inode, and
    /// kernels do not agree on what that means for plain bytes after an inode.
    Fragments,
    /// All bytes of all compressed files go to the packed inode (Linux 6.1): the
    /// smallest, and the slowest to read.
    AllFragments,
}

impl Tails {
    /// Whether they go to the packed inode.
    pub(crate) fn are_fragments(self) -> bool {
        matches!(self, Tails::Fragments | Tails::AllFragments)
    }
}
