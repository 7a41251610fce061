//! Where a dm-verity tree lies: pure arithmetic.

use crate::format::to_u64;
use crate::options::{BlockSize, Verity};

/// The length of a superblock in bytes. It is padded to a hash block.
pub(super) const SUPERBLOCK_LEN: u64 = 512;

/// The places of a tree. Those of data are relative to the start of the image; those of
/// hashes too, or to the start of a file of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) data_block_len: u64,
    pub(crate) hash_block_len: u64,
    pub(crate) data_blocks: u64,
    /// Where the superblock is, or the tree if there is none.
    pub(crate) start: u64,
    /// Where the tree begins.
    pub(crate) tree: u64,
    /// How many hash blocks each level has. The first one hashes the data, the last one
    /// has one block. There is none if there is a single data block: its digest is the
    /// root.
    pub(crate) levels: Vec<u64>,
}

impl Layout {
    /// The places of a tree over `len` bytes, at least one, of an image with blocks of this
    /// size: after them, or apart from them.
    /// `None` beyond 2^63 bytes.
    pub(crate) fn new(
        verity: &Verity,
        block_size: BlockSize,
        len: u64,
        is_apart: bool,
    ) -> Option<Self> {
        let data_block_len = verity.data_block_size_for(block_size).len();
        let hash_block_len = verity.hash_block_size.len();
        let data_blocks = len.div_ceil(data_block_len);
        let per_block = hash_block_len / to_u64(verity.hash.digest_len());
        let mut levels = Vec::new();
        let mut blocks = data_blocks;
        while blocks > 1 {
            blocks = blocks.div_ceil(per_block);
            levels.push(blocks);
        }
        let data_len = data_blocks.checked_mul(data_block_len)?;
        let start = match is_apart {
            true => 0,
            false => data_len.checked_next_multiple_of(hash_block_len)?,
        };
        let header = if verity.superblock { SUPERBLOCK_LEN } else { 0 };
        let tree = start.checked_add(header)?.checked_next_multiple_of(hash_block_len)?;
        let layout = Layout { data_block_len, hash_block_len, data_blocks, start, tree, levels };
        let end = layout.tree.checked_add(layout.tree_blocks().checked_mul(hash_block_len)?)?;
        i64::try_from(end).is_ok().then_some(layout)
    }

    /// The length of the data in bytes, padded to whole blocks.
    pub(crate) fn data_len(&self) -> u64 {
        self.data_blocks * self.data_block_len
    }

    fn tree_blocks(&self) -> u64 {
        self.levels.iter().sum()
    }

    /// Where the level `level` begins, in bytes: higher levels come first.
    pub(super) fn level(&self, level: usize) -> u64 {
        self.tree + self.levels[level + 1..].iter().sum::<u64>() * self.hash_block_len
    }

    /// Where the tree ends.
    pub(crate) fn end(&self) -> u64 {
        self.tree + self.tree_blocks() * self.hash_block_len
    }

    /// How many bytes are hashed in all.
    pub(crate) fn work(&self) -> u64 {
        self.data_len() + self.end() - self.tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(blocks: u64, is_apart: bool) -> Layout {
        Layout::new(&Verity::new(), BlockSize::default(), blocks * 4096, is_apart)
            .expect("is short enough")
    }

    #[test]
    fn levels_end_with_one_block() {
        assert_eq!(layout(1, false).levels, []);
        assert_eq!(layout(2, false).levels, [1]);
        assert_eq!(layout(128, false).levels, [1]);
        assert_eq!(layout(129, false).levels, [2, 1]);
        assert_eq!(layout(128 * 128 + 1, false).levels, [129, 2, 1]);
    }

    #[test]
    fn the_tree_comes_after_the_data_or_apart_from_it() {
        let after = layout(129, false);
        assert_eq!((after.start, after.tree, after.level(0)), (129 << 12, 130 << 12, 131 << 12));
        assert_eq!((after.level(1), after.end()), (130 << 12, 133 << 12));
        let apart = layout(129, true);
        assert_eq!((apart.start, apart.tree, apart.end()), (0, 4096, 4 << 12));
        let bare = Verity::new().superblock(false);
        let bare = Layout::new(&bare, BlockSize::default(), 5000, true).expect("is short enough");
        assert_eq!((bare.start, bare.tree, bare.data_len()), (0, 0, 8192));
    }

    #[test]
    fn no_length_overflows() {
        for len in [u64::MAX, u64::MAX / 2, (1 << 63) - 4096, 1 << 63] {
            assert_eq!(Layout::new(&Verity::new(), BlockSize::default(), len, false), None);
        }
        assert!(Layout::new(&Verity::new(), BlockSize::default(), 1 << 62, false).is_some());
    }
}
