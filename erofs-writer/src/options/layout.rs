//! Choices of how inodes look and where the ends of files lie.

/// Which of the two on-disk forms inodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InodeForm {
    /// 32 bytes wherever they suffice, else 64.
    #[default]
    Auto,
    /// 32 bytes; an inode that needs more is an error.
    Compact,
    /// 64 bytes.
    Extended,
}

/// Where the bytes of a file behind its last full block go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tails {
    /// Right behind the inode where they fit into its block, else into a
    /// block of their own. The smallest.
    #[default]
    Inline,
    /// Into a block of their own, which DAX and direct block mapping need.
    OwnBlock,
}

/// Which bytes of compressed files go to the packed inode, where they are
/// compressed together (Linux 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fragments {
    /// None.
    #[default]
    None,
    /// The ends of files that would fill a pcluster in part, and files that
    /// have no more than such an end.
    Tails,
    /// All of all files: the smallest, and the slowest to read.
    All,
}
