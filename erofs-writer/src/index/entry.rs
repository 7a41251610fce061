//! The entries of an index.
//!
//! At most one extent begins in each lcluster, so an index has one entry for each. It
//! describes the extent that begins there, or has the distances to the lclusters in
//! which the previous and the next extent begin.

use crate::encode::{Compressed, Extent, TailPlace};
use crate::format::index::{DELTA_MAX, TYPE_HEAD1, TYPE_HEAD2, TYPE_PLAIN};
use crate::format::{checked_u32, to_usize};
use crate::options::BlockSize;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// An extent begins at `offset` of this lcluster, and its pcluster at `block`. The
    /// flags say whether the bytes are plain, whether they have the second algorithm, and
    /// whether the extent has only a part of the pcluster's bytes.
    Head { plain: bool, second: bool, partial: bool, offset: u16, block: u32 },
    /// The file ends at `offset` of this lcluster.
    End { offset: u16 },
    /// No extent begins here. The first one after a head has the number of the
    /// pcluster's blocks, if pclusters may have several.
    NonHead { back: u32, ahead: u32, blocks: Option<u16> },
}

/// A distance, cut to the greatest one that the field can hold. Readers go on from there.
pub(super) fn delta(distance: u32) -> u16 {
    u16::try_from(distance).unwrap_or(DELTA_MAX).min(DELTA_MAX)
}

/// The type of an lcluster in which an extent begins.
pub(super) fn head_type(plain: bool, second: bool) -> u16 {
    match (plain, second) {
        (true, _) => TYPE_PLAIN,
        (false, false) => TYPE_HEAD1,
        (false, true) => TYPE_HEAD2,
    }
}

/// The entries of a file of `size` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'a> {
    pub(super) file: &'a Compressed,
    pub(super) size: u64,
    pub(super) block_size: BlockSize,
    pub(super) big_pclusters: bool,
    pub(super) is_full: bool,
    /// How many blocks the image has.
    pub(super) image_blocks: u64,
}

impl<'a> Entries<'a> {
    pub(super) fn count(self) -> u64 {
        self.block_size.blocks(self.size)
    }

    /// The first block of the file.
    pub(super) fn first_block(self) -> u32 {
        self.extents().next().map_or(0, |indexed| indexed.block)
    }

    /// The entries, made one at a time: a file may have some 10^8.
    pub(super) fn iter(self) -> impl Iterator<Item = Entry> + 'a {
        let block_len = self.block_size.len();
        let offset = move |pos: u64| u16::try_from(pos % block_len).expect("a block is short");
        let count = self.count();
        let extents = self.extents().scan((0, 0), move |(pos, entries), indexed| {
            let Indexed { len, block, blocks, plain, second, partial, is_end } = indexed;
            let head = *pos / block_len;
            assert_eq!(head, *entries, "one extent begins in an lcluster");
            let first = Entry::Head { plain, second, partial, offset: offset(*pos), block };
            *pos += len;
            // The end of the file counts as a head, unless it lies in the same
            // lcluster, which then has no further entry, or outside of the file's own
            // pclusters.
            let next = if is_end { count } else { *pos / block_len };
            *entries = next.max(head + 1);
            let rest = (head + 1..next).map(move |lcluster| Entry::NonHead {
                back: checked_u32(lcluster - head),
                ahead: checked_u32(next - lcluster),
                blocks: (lcluster == head + 1 && self.big_pclusters).then_some(blocks),
            });
            Some(std::iter::once(first).chain(rest))
        });
        let len: u64 = self.extents().map(|indexed| indexed.len).sum();
        assert!(len == self.size, "extents have {len} bytes of a file of {}", self.size);
        let end = Entry::End { offset: offset(self.size) };
        extents.flatten().chain(std::iter::once(end)).take(to_usize(count))
    }

    /// The extents of the file. For an end that is in no block, a full index has
    /// another value in place of the block.
    fn extents(self) -> impl Iterator<Item = Indexed> + 'a {
        let (file, image_blocks) = (self.file, self.image_blocks);
        let extents = file.extents.iter().enumerate().map(move |(number, extent)| {
            let Extent { len, block: _, blocks, plain, partial, pcluster: _ } = *extent;
            let (len, second) = (u64::from(len), file.is_second(number));
            let block = extent.address(image_blocks);
            Indexed { len, block, blocks, plain, second, partial, is_end: false }
        });
        let end = |len, block, plain| Indexed {
            len,
            block,
            blocks: 1,
            plain,
            second: false,
            partial: false,
            is_end: true,
        };
        let next_block = || file.next_address(image_blocks);
        let tail = match &file.tail {
            TailPlace::Blocks => None,
            TailPlace::Inline(inline) => {
                Some(end(u64::from(inline.len), next_block(), inline.plain))
            }
            TailPlace::Fragment(fragment) => {
                let high_half = checked_u32(fragment.at >> 32);
                let block = if self.is_full { high_half } else { next_block() };
                Some(end(fragment.len, block, false))
            }
        };
        extents.chain(tail)
    }
}

/// An extent as the index describes it.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    /// Its length in the file.
    len: u64,
    block: u32,
    blocks: u16,
    plain: bool,
    second: bool,
    partial: bool,
    /// Whether this is an end that is in no block.
    is_end: bool,
}
