//! Choices for the form of inodes and for the ends of compressed files.

/// The on-disk form of inodes: compact (32 bytes) or extended (64 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InodeForm {
    /// Each inode is compact if that form can hold it, and extended otherwise.
    #[default]
    Auto,
    /// All inodes are compact. An inode that the compact form cannot hold is an error.
    Compact,
    /// All inodes are extended.
    Extended,
}

/// Where the ends of compressed files go: the bytes that would fill the last pcluster
/// only in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tails {
    /// The end of a file has a pcluster of its own, which takes whole blocks.
    #[default]
    Blocks,
    /// The last pcluster of a file lies right after its inode if there is room, so that
    /// it fills no block in part ("ztailpacking", Linux 5.17). Files below one block
    /// are then compressed, too.
    Inline,
    /// The ends of files go to the packed inode, where they are compressed together
    /// (Linux 6.1). So do whole files that are no longer than a pcluster. With a packed
    /// inode, plain pclusters are interlaced, so no pcluster lies after an inode then:
    /// `z_erofs_transform_plain` takes plain bytes after an inode for shifted in Linux
    /// 6.12, and for interlaced since about 6.17.
    Fragments,
    /// All bytes of all compressed files go to the packed inode (Linux 6.1). This makes
    /// the smallest image, and the slowest one to read.
    AllFragments,
}

impl Tails {
    /// Whether the ends of files go to the packed inode.
    pub(super) fn are_fragments(self) -> bool {
        matches!(self, Tails::Fragments | Tails::AllFragments)
    }
}
