//! Room in metadata blocks.
//!
//! An inode and what is inline after it must lie in one block. Items are
//! placed in the fullest block that still has room for them, so that blocks
//! fill up although items come in the order of the tree.

use crate::format::{SLOT_LEN, to_usize};

/// Hands out room from the start of an image on.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    block_len: u64,
    /// The first block of which nothing is used.
    next_block: u64,
    /// Whether only the block that was begun last is filled up.
    in_order: bool,
    /// By number of free slots: the blocks with this many free slots at their end.
    free: Vec<Vec<u64>>,
}

impl Slots {
    /// The room in an image with blocks of `block_len` bytes, whose first `used` bytes
    /// are taken. `used` is a multiple of the slot length.
    pub(super) fn new(block_len: u64, used: u64) -> Self {
        let slots = block_len / SLOT_LEN;
        let mut slots = Slots {
            block_len,
            next_block: 0,
            in_order: false,
            free: vec![Vec::new(); to_usize(slots) + 1],
        };
        slots.take_fresh(used);
        slots
    }

    /// The room in a metabox. Each item comes after the one before it: a gap takes little
    /// when it is compressed, and what is looked at together should lie together.
    pub(super) fn in_order(block_len: u64) -> Self {
        Slots { in_order: true, ..Slots::new(block_len, 0) }
    }

    /// Takes `len` bytes and returns where they start, which is at a multiple of the slot
    /// length. They lie in one block, unless they are longer than a block.
    pub(super) fn take(&mut self, len: u64) -> u64 {
        if len > self.block_len {
            return self.take_fresh(len);
        }
        let needed = to_usize(len.div_ceil(SLOT_LEN));
        let Some(slots) = (needed..self.free.len()).find(|slots| !self.free[*slots].is_empty())
        else {
            return self.take_fresh(len);
        };
        let block = self.free[slots].pop().expect("found not empty");
        self.give(block, slots - needed);
        let used = self.free.len() - 1 - slots;
        block * self.block_len + SLOT_LEN * crate::format::to_u64(used)
    }

    /// Takes `len` bytes from the start of unused blocks.
    fn take_fresh(&mut self, len: u64) -> u64 {
        if self.in_order {
            self.free.iter_mut().for_each(Vec::clear);
        }
        let pos = self.next_block * self.block_len;
        let blocks = len.div_ceil(self.block_len);
        self.next_block += blocks;
        let left = (blocks * self.block_len - len) / SLOT_LEN;
        self.give(self.next_block.saturating_sub(1), to_usize(left));
        pos
    }

    fn give(&mut self, block: u64, slots: usize) {
        if slots > 0 {
            self.free[slots].push(block);
        }
    }

    /// Leaves out `blocks` blocks, which are used for something else.
    pub(super) fn skip(&mut self, blocks: u64) {
        self.next_block += blocks;
    }

    /// How many blocks are in use.
    pub(super) fn blocks(&self) -> u64 {
        self.next_block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_items_fill_the_rest_of_the_fullest_block() {
        let mut slots = Slots::new(4096, 1152);
        assert_eq!(slots.take(4000), 4096, "does not fit behind the superblock");
        assert_eq!(slots.take(96), 4096 + 4000, "exactly fills the fullest block");
        assert_eq!(slots.take(33), 1152);
        assert_eq!(slots.take(1), 1152 + 64, "slots are whole");
        assert_eq!(slots.blocks(), 2);
    }

    #[test]
    fn items_over_a_block_start_one_and_leave_its_end_free() {
        let mut slots = Slots::new(512, 1152);
        assert_eq!(slots.blocks(), 3, "1152 bytes are two blocks and 128 bytes");
        assert_eq!(slots.take(384), 1152);
        assert_eq!(slots.take(900), 1536);
        assert_eq!(slots.take(32), 1536 + 928);
        assert_eq!(slots.blocks(), 5);
    }
}
