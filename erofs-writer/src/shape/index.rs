//! The lengths of indexes of compressed files, as far as they follow from the sizes of
//! the files alone.

use crate::format::compression::MAP_HEADER_LEN;
use crate::format::index::{FULL_START, LCLUSTER_INDEX_LEN, PACK_2_LEN, PACK_16_LEN};
use crate::format::round_up;
use crate::options::{BlockSize, Options};

/// The most bytes of a file that is compressed: its index has an entry for each
/// block, and no more than 2^28.
pub(crate) fn compressed_len_max(options: &Options) -> u64 {
    options.block_size.len() << 28
}

/// The form of an index, which has an entry for each lcluster. An lcluster is
/// a block.
/// A later form can say all that an earlier one can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum IndexForm {
    /// Compact: entries in packs with one address each, of sixteen where that is
    /// possible, for pclusters that follow each other.
    #[default]
    Packs,
    /// Compact, but an address for each two entries: pclusters lie together only
    /// where they begin in the same two lclusters.
    Pairs,
    /// An address for each entry: pclusters lie anywhere.
    Full,
}

/// Some entries of a compact index with one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pack {
    Two,
    Sixteen,
}

impl Pack {
    pub(crate) fn len(self) -> u64 {
        match self {
            Pack::Two => PACK_2_LEN,
            Pack::Sixteen => PACK_16_LEN,
        }
    }

    pub(crate) fn entries(self) -> u64 {
        match self {
            Pack::Two => 2,
            Pack::Sixteen => 16,
        }
    }
}

/// The lengths of all indexes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexLens {
    block_size: BlockSize,
    are_full: bool,
}

impl IndexLens {
    /// The indexes that the options ask for. Compact entries have no room for positions
    /// in blocks over 16 KiB.
    pub(crate) fn of(options: &Options) -> Self {
        let are_full = options.full_indexes || options.block_size.bits() > 14;
        IndexLens { block_size: options.block_size, are_full }
    }

    /// The form of an index that needs no more than `form`.
    pub(crate) fn form(self, form: IndexForm) -> IndexForm {
        if self.are_full { IndexForm::Full } else { form }
    }

    /// How many entries the index of a file of `size` bytes has.
    pub(crate) fn entries(self, size: u64) -> u64 {
        self.block_size.blocks(size)
    }

    /// The length of an inode of `head` bytes together with the index of a file of
    /// `size` bytes. Only the place of the inode within 32 bytes matters.
    pub(crate) fn inode_len(self, head: u64, size: u64, form: IndexForm) -> u64 {
        let start = round_up(head, MAP_HEADER_LEN) + MAP_HEADER_LEN;
        let count = self.entries(size);
        if self.form(form) == IndexForm::Full {
            return start + FULL_START + LCLUSTER_INDEX_LEN * count;
        }
        let packs = self.packs(start, count, form).into_iter();
        start + packs.map(|(pack, count)| pack.len() * count.div_ceil(pack.entries())).sum::<u64>()
    }

    /// How many of the `count` entries of a compact index that begins at `start` are in
    /// packs of each kind, in their order. Only the place within 32 bytes matters.
    pub(crate) fn packs(self, start: u64, count: u64, form: IndexForm) -> [(Pack, u64); 3] {
        // The entries, two in a pack of 8 bytes, up to a multiple of 32 bytes.
        let first = (PACK_16_LEN - start % PACK_16_LEN) / 4 % 8;
        if !self.has_packs_of_16(form) || first >= count {
            return [(Pack::Two, count), (Pack::Sixteen, 0), (Pack::Two, 0)];
        }
        let small = (count - first) / 16 * 16;
        [(Pack::Two, first), (Pack::Sixteen, small), (Pack::Two, count - first - small)]
    }

    /// Whether there may be packs of sixteen: 14 bits have to be enough for an entry,
    /// and the pclusters of a pack have to follow each other.
    pub(crate) fn has_packs_of_16(self, form: IndexForm) -> bool {
        self.block_size.bits() <= 12 && self.form(form) == IndexForm::Packs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(options: &Options) -> IndexLens {
        IndexLens::of(options)
    }

    #[test]
    fn an_entry_has_2_4_or_8_bytes() {
        let lens = lens(&Options::new());
        let len = |count: u64, form| lens.inode_len(64, count * 4096, form);
        // The header ends at byte 72, and packs of sixteen begin at byte 96.
        assert_eq!(len(6, IndexForm::Packs), 72 + 3 * 8);
        assert_eq!(len(6 + 32, IndexForm::Packs), 96 + 2 * 32);
        assert_eq!(len(6 + 33, IndexForm::Packs), 96 + 2 * 32 + 8);
        assert_eq!(len(6 + 32, IndexForm::Pairs), 72 + 19 * 8);
        assert_eq!(len(6 + 32, IndexForm::Full), 80 + 38 * 8);
    }

    #[test]
    fn large_blocks_have_longer_entries() {
        let of = |bytes| {
            let block_size = BlockSize::new(bytes).expect("is one");
            let lens = lens(&Options::new().block_size(block_size));
            lens.inode_len(32, 64 * u64::from(bytes), IndexForm::Packs)
        };
        assert_eq!(of(16_384), 40 + 32 * 8);
        assert_eq!(of(32_768), 48 + 64 * 8);
    }
}
