//! The entries of an index.
//!
//! At most one extent begins in each lcluster, so an index has one entry for
//! each, which tells of the extent that begins there, or how far it is to the
//! lclusters in which the one before and the next do.

use crate::encode::{Compressed, Extent, TailPlace};
use crate::format::index::DELTA_MAX;
use crate::format::{checked_u32, to_usize};
use crate::options::BlockSize;

/// What is in one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// An extent begins at `offset` of this lcluster, and its pcluster at
    /// `block`. Of plain bytes, or of a part of the pcluster, if so said.
    Head { plain: bool, partial: bool, offset: u16, block: u32 },
    /// The file ends at `offset` of this lcluster.
    End { offset: u16 },
    /// No extent begins here. If it is the first after a head, and pclusters
    /// may have several blocks, it tells how many there are.
    NonHead { back: u32, ahead: u32, blocks: Option<u16> },
}

/// A distance as far as the field goes. Readers go on from where it leads.
pub(super) fn delta(distance: u32) -> u16 {
    u16::try_from(distance).unwrap_or(DELTA_MAX).min(DELTA_MAX)
}

/// The entries of a file of `size` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'a> {
    pub(super) file: &'a Compressed,
    pub(super) size: u64,
    pub(super) block_size: BlockSize,
    pub(super) big_pclusters: bool,
    pub(super) is_full: bool,
}

impl<'a> Entries<'a> {
    pub(super) fn count(self) -> u64 {
        self.block_size.blocks(self.size)
    }

    /// The first block that the file has.
    pub(super) fn first_block(self) -> u32 {
        self.extents().next().map_or(0, |indexed| indexed.block)
    }

    /// The entries, made one after the other: a file may have some 10^8.
    pub(super) fn iter(self) -> impl Iterator<Item = Entry> + 'a {
        let block_len = self.block_size.len();
        let offset = move |pos: u64| u16::try_from(pos % block_len).expect("a block is short");
        let count = self.count();
        let extents = self.extents().scan((0, 0), move |(pos, entries), indexed| {
            let Indexed { len, block, blocks, plain, partial, is_end } = indexed;
            let head = *pos / block_len;
            assert_eq!(head, *entries, "one extent begins in an lcluster");
            let first = Entry::Head { plain, partial, offset: offset(*pos), block };
            *pos += len;
            // The end of the file counts as a head, unless it lies in the same
            // lcluster, where there is none any more, or in no pcluster of the
            // file's own.
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

    /// What is in the file. For an end that is in no block a full index tells
    /// something in place of it.
    fn extents(self) -> impl Iterator<Item = Indexed> + 'a {
        let file = self.file;
        let extents = file.extents.iter().map(|extent| {
            let Extent { len, block, blocks, plain, partial, pcluster: _ } = *extent;
            Indexed { len: u64::from(len), block, blocks, plain, partial, is_end: false }
        });
        let end = |len, block, plain| Indexed {
            len,
            block,
            blocks: 1,
            plain,
            partial: false,
            is_end: true,
        };
        let tail = match &file.tail {
            TailPlace::Blocks => None,
            TailPlace::Inline(inline) => {
                Some(end(u64::from(inline.len), file.next_block, inline.plain))
            }
            TailPlace::Fragment(fragment) => {
                let high_half = checked_u32(fragment.at >> 32);
                let block = if self.is_full { high_half } else { file.next_block };
                Some(end(fragment.len, block, false))
            }
        };
        extents.chain(tail)
    }
}

/// What the index tells of an extent.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    /// How many bytes of the file.
    len: u64,
    block: u32,
    blocks: u16,
    plain: bool,
    partial: bool,
    /// Whether this is an end that is in no block.
    is_end: bool,
}
