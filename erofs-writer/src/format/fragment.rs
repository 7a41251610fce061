//! Fragments: parts of the packed inode that other inodes refer to.

/// A file that is one fragment has this header and nothing more: where it
/// begins, with [`WHOLE`].
pub(crate) const HEADER_LEN: u64 = 8;
/// Bit 63 of that header.
pub(crate) const WHOLE: u64 = 1 << 63;
