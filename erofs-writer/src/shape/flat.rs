//! The one rule for inodes whose data lies in consecutive blocks: whether the
//! tail lies inline, and what all of it takes then.

use crate::format::{SLOT_LEN, round_up};
use crate::options::BlockSize;

/// The room that a flat inode takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flat {
    /// Whether the tail lies inline.
    pub(crate) has_inline_tail: bool,
    /// The length of the inode, with its xattrs and an inline tail.
    pub(crate) inode_len: u64,
    /// How many blocks hold the rest of the data.
    pub(crate) blocks: u64,
    block_size: BlockSize,
}

impl Flat {
    /// An inode of `head` bytes with its xattrs, and of `size` bytes of data.
    ///
    /// A tail that may lie inline does so if one block has room for it and the
    /// inode, as both have to lie in the same one.
    pub(crate) fn new(
        block_size: BlockSize,
        head: u64,
        size: u64,
        may_have_inline_tail: bool,
    ) -> Self {
        let tail = block_size.tail(size);
        let has_inline_tail = tail > 0 && may_have_inline_tail && head + tail <= block_size.len();
        let (inode_len, blocks) = match has_inline_tail {
            true => (head + tail, size / block_size.len()),
            false => (head, block_size.blocks(size)),
        };
        Flat { has_inline_tail, inode_len, blocks, block_size }
    }

    /// How many bytes of an image it takes, where inodes lie in whole slots.
    pub(crate) fn stored_len(self) -> u64 {
        round_up(self.inode_len, SLOT_LEN) + self.blocks_len()
    }

    /// The length of its blocks.
    pub(super) fn blocks_len(self) -> u64 {
        self.blocks * self.block_size.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(head: u64, size: u64) -> (bool, u64, u64, u64) {
        let flat = Flat::new(BlockSize::default(), head, size, true);
        (flat.has_inline_tail, flat.inode_len, flat.blocks, flat.stored_len())
    }

    #[test]
    fn tails_are_inline_where_a_block_has_room_for_them_and_the_inode() {
        assert_eq!(flat(32, 0), (false, 32, 0, 32));
        assert_eq!(flat(32, 1), (true, 33, 0, 64));
        assert_eq!(flat(32, 4064), (true, 4096, 0, 4096));
        assert_eq!(flat(32, 4065), (false, 32, 1, 32 + 4096));
        assert_eq!(flat(32, 4096), (false, 32, 1, 32 + 4096));
        assert_eq!(flat(32, 4097), (true, 33, 1, 64 + 4096));
        assert_eq!(flat(5000, 1), (false, 5000, 1, 5024 + 4096));
    }

    #[test]
    fn tails_that_may_not_be_inline_take_a_block() {
        let flat = Flat::new(BlockSize::default(), 32, 4097, false);
        assert_eq!((flat.has_inline_tail, flat.inode_len, flat.blocks), (false, 32, 2));
    }
}
