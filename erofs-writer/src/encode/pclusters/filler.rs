//! Filling one pcluster.

use crate::alike::Kept;
use crate::cancel::Stop;
use crate::codec::{Encode, Filled, Segment};
use crate::encode::extent::{Extent, PclusterOf};

/// The place that the last bytes of a part may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The part is not the last one of its file.
    Part,
    Blocks,
    /// After the inode and its index, where this many bytes are free.
    Inline(usize),
    /// Into the packed inode.
    Fragment,
}

/// The rules for the pclusters of a part.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// Where pclusters should begin for later repeats of the part: multiples of a block.
    pub(crate) cuts: &'a [usize],
    pub(crate) block_len: usize,
    pub(crate) pcluster_len: usize,
    /// The most bytes of the part in one extent.
    pub(crate) extent_len: usize,
    pub(crate) end: End,
    /// How many bytes of sketches are kept, to which a fragment may add its own.
    pub(crate) kept: &'a Kept,
    /// Whether plain blocks are interlaced.
    pub(crate) interlaced: bool,
    /// Whether the index is to have one address for each pair of lclusters, an even one
    /// and the next. Then the pclusters of extents that begin in the same pair have to
    /// follow each other, and no extent may be partial.
    pub(crate) paired: bool,
    /// Set when the result is no longer wanted. It may then be incomplete.
    pub(crate) stop: &'a dyn Stop,
}

/// Fills the pclusters of a part.
pub(crate) struct Filler<'a> {
    /// The bytes of the part.
    pub(super) data: &'a [u8],
    pub(super) rules: Rules<'a>,
    pub(super) segment: Segment<'a>,
    /// Estimates quickly how much fits into a block.
    pub(super) estimator: &'a mut dyn Encode,
    /// Receives the pclusters that lie in blocks.
    pub(super) out: &'a mut Vec<u8>,
    /// A buffer with room for one pcluster.
    pub(super) scratch: &'a mut [u8],
    pub(super) vain: Option<Vain>,
}

/// A place at which no extent could begin, and what that means for later places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vain {
    /// Where the attempt began.
    pub(super) start: usize,
    /// Every attempt for a later place has a pcluster that ends here.
    pub(super) end: usize,
    /// Whether no later place can be reached, because an extent before `end` does not
    /// reach the next lcluster.
    pub(super) is_lost: bool,
}

impl<'a> Filler<'a> {
    /// A filler that appends to `out`. `scratch` has room for a pcluster.
    pub(crate) fn new(
        data: &'a [u8],
        rules: Rules<'a>,
        segment: Segment<'a>,
        estimator: &'a mut dyn Encode,
        out: &'a mut Vec<u8>,
        scratch: &'a mut [u8],
    ) -> Self {
        Filler { data, rules, segment, estimator, out, scratch, vain: None }
    }

    /// The first cut that is a block or more after `start`, where a pcluster begins. A
    /// shorter pcluster might not reach the next lcluster of a file that repeats it.
    pub(super) fn next_cut(&self, start: usize) -> Option<usize> {
        let next = self.rules.cuts.partition_point(|cut| *cut < start + self.rules.block_len);
        self.rules.cuts.get(next).copied()
    }

    /// Encodes a pcluster that ends at `stop`, or so far before it that another pcluster
    /// is worth its block. Also returns the limit at which it had to end.
    pub(super) fn fill_before(&mut self, start: usize, stop: usize) -> (Filled, usize) {
        let (filled, limit) = self.fill_up_to(start, stop);
        let left = stop - start - filled.consumed;
        // A rest of less than a block takes a block all the same, and may not reach the
        // next lcluster.
        let shorter = stop.saturating_sub(self.rules.block_len);
        if (1..self.rules.block_len).contains(&left)
            && shorter / self.rules.block_len > start / self.rules.block_len
        {
            return self.fill_up_to(start, shorter);
        }
        (filled, limit)
    }

    /// Encodes a pcluster that ends at `stop` or before it. Also returns the limit at
    /// which it had to end.
    pub(super) fn fill_up_to(&mut self, start: usize, stop: usize) -> (Filled, usize) {
        let limit = stop.min(start + self.rules.extent_len);
        (self.fill(start, limit, self.rules.pcluster_len), limit)
    }

    /// Encodes bytes from `start` on, up to `end` at most, into `scratch`: a pcluster of
    /// up to `len` bytes.
    pub(super) fn fill(&mut self, start: usize, end: usize, len: usize) -> Filled {
        self.segment.fill(start, end, &mut self.scratch[..len])
    }

    /// Appends the encoded bytes as whole blocks, or plain blocks in their place if
    /// encoding saves nothing, up to `limit`. Returns how many bytes of `data` are in
    /// them.
    pub(super) fn keep(
        &mut self,
        start: usize,
        limit: usize,
        filled: Filled,
        extents: &mut Vec<Extent>,
    ) -> usize {
        let blocks = filled.written.div_ceil(self.rules.block_len);
        let len = blocks * self.rules.block_len;
        let base = self.out.len();
        if filled.consumed > len {
            // Zeros come before the compressed bytes, and less than a block of them:
            // readers skip no more (`z_erofs_fixup_insize`, Linux 6.12).
            self.out.resize(base + len - filled.written, 0);
            self.out.extend_from_slice(&self.scratch[..filled.written]);
            extents.push(extent(filled.consumed, blocks, false));
            return filled.consumed;
        }
        // Compressed, the bytes would take no less room.
        let blocks = (filled.consumed / self.rules.block_len).max(1);
        let plain = &self.data[start..limit.min(start + blocks * self.rules.block_len)];
        self.out.resize(base + plain.len().next_multiple_of(self.rules.block_len), 0);
        let blocks = self.out[base..].chunks_exact_mut(self.rules.block_len);
        for (bytes, block) in plain.chunks(self.rules.block_len).zip(blocks) {
            plain_block(bytes, start, self.rules.interlaced, block);
        }
        let lens = plain.chunks(self.rules.block_len).map(<[u8]>::len);
        extents.extend(lens.map(|len| extent(len, 1, true)));
        plain.len()
    }
}

/// Fills a block with plain bytes of a part, of which the first is at `start`, and zeros.
pub(crate) fn plain_block(bytes: &[u8], start: usize, interlaced: bool, block: &mut [u8]) {
    let (first, rest) = block.split_at_mut(bytes.len());
    first.copy_from_slice(bytes);
    rest.fill(0);
    if interlaced {
        // Each byte lies where it would lie in a block of the file.
        block.rotate_right(start % block.len());
    }
}

/// An extent whose place is not known yet.
pub(crate) fn extent(len: usize, blocks: usize, plain: bool) -> Extent {
    Extent {
        len: u32::try_from(len).expect("at most 12 MiB"),
        block: 0,
        blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
        plain,
        partial: false,
        pcluster: PclusterOf::ThisPart,
    }
}
