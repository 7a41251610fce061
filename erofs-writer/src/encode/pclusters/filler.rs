//! Filling one pcluster.

use crate::alike::Kept;
use crate::cancel::Stop;
use crate::codec::{Encoder, Filled, Segment};
use crate::encode::extent::{Extent, PclusterOf};

/// Where the end of a file may go, if not into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nowhere yet, as another part follows this one.
    Part,
    Blocks,
    /// After the inode, where there are so many bytes.
    Inline(usize),
    /// Into the packed inode.
    Fragment,
}

/// A part to encode, and how its pclusters have to be.
#[derive(Clone, Copy)]
pub(crate) struct FillInput<'a> {
    pub(crate) data: &'a [u8],
    /// Where others begin to repeat `data`, at multiples of a block.
    pub(crate) cuts: &'a [usize],
    pub(crate) block_len: usize,
    pub(crate) pcluster_len: usize,
    /// The most bytes of `data` for an extent.
    pub(crate) extent_len: usize,
    pub(crate) end: End,
    /// How much is kept of what becomes a fragment.
    pub(crate) kept: &'a Kept,
    /// Whether plain blocks are interlaced.
    pub(crate) interlaced: bool,
    /// Whether the index is to have an address for each two lclusters. Then of the
    /// extents that begin in these, from an even one on, each has to lie after the
    /// one before, and to take all that its pcluster holds.
    pub(crate) paired: bool,
    /// Set when the result is no longer wanted, and may be incomplete.
    pub(crate) stop: &'a dyn Stop,
}

/// Fills the pclusters of a part.
pub(crate) struct Filler<'a> {
    pub(super) input: FillInput<'a>,
    pub(super) segment: Segment<'a>,
    /// Tells at little cost how much fits into a block.
    pub(super) estimator: &'a mut Encoder,
    /// Gets the pclusters that have blocks.
    pub(super) out: &'a mut Vec<u8>,
    /// Has room for a pcluster.
    pub(super) scratch: &'a mut [u8],
    pub(super) vain: Option<Vain>,
}

/// A place that could not be reached, and what follows from it for later ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vain {
    /// From where it was tried.
    pub(super) start: usize,
    /// A pcluster ends here on the way to each later place.
    pub(super) end: usize,
    /// Whether none of them can be reached, as an extent before `end` does not
    /// reach the next lcluster.
    pub(super) is_lost: bool,
}

impl<'a> Filler<'a> {
    /// One that appends to `out`. `scratch` has room for a pcluster.
    pub(crate) fn new(
        input: FillInput<'a>,
        segment: Segment<'a>,
        estimator: &'a mut Encoder,
        out: &'a mut Vec<u8>,
        scratch: &'a mut [u8],
    ) -> Self {
        Filler { input, segment, estimator, out, scratch, vain: None }
    }

    /// Where a pcluster should begin behind one that begins at `start`, which
    /// has a block or more: one with less might not reach the next lcluster of
    /// a file that repeats it.
    pub(super) fn next_cut(&self, start: usize) -> Option<usize> {
        let next = self.input.cuts.partition_point(|cut| *cut < start + self.input.block_len);
        self.input.cuts.get(next).copied()
    }

    /// Encodes a pcluster that ends at `stop` or so far before it that another
    /// one is worth its block. Returns also where it had to end.
    pub(super) fn fill_before(&mut self, start: usize, stop: usize) -> (Filled, usize) {
        let (filled, limit) = self.fill_up_to(start, stop);
        let left = stop - start - filled.consumed;
        // Less than a block takes one, and may not reach the next lcluster.
        let shorter = stop.saturating_sub(self.input.block_len);
        if (1..self.input.block_len).contains(&left)
            && shorter / self.input.block_len > start / self.input.block_len
        {
            return self.fill_up_to(start, shorter);
        }
        (filled, limit)
    }

    /// Encodes a pcluster that ends at `stop` or before it. Returns also where
    /// it had to end.
    pub(super) fn fill_up_to(&mut self, start: usize, stop: usize) -> (Filled, usize) {
        let limit = stop.min(start + self.input.extent_len);
        (self.fill(start, limit, self.input.pcluster_len), limit)
    }

    /// Encodes a pcluster of up to `len` bytes into `scratch`, which has
    /// nothing from `end` on.
    pub(super) fn fill(&mut self, start: usize, end: usize, len: usize) -> Filled {
        self.segment.fill(start, end, &mut self.scratch[..len])
    }

    /// Appends what was encoded in whole blocks, or as many plain ones as
    /// replace it, up to `limit`; and returns how many bytes of `data` that
    /// has.
    pub(super) fn keep(
        &mut self,
        start: usize,
        limit: usize,
        filled: Filled,
        extents: &mut Vec<Extent>,
    ) -> usize {
        let blocks = filled.written.div_ceil(self.input.block_len);
        let len = blocks * self.input.block_len;
        let base = self.out.len();
        if filled.consumed > len {
            // Zeros come first, and less than a block of them.
            self.out.resize(base + len - filled.written, 0);
            self.out.extend_from_slice(&self.scratch[..filled.written]);
            extents.push(extent(filled.consumed, blocks, false));
            return filled.consumed;
        }
        // All of it would have been larger than it is.
        let blocks = (filled.consumed / self.input.block_len).max(1);
        let plain = &self.input.data[start..limit.min(start + blocks * self.input.block_len)];
        self.out.extend_from_slice(plain);
        self.out.resize(base + plain.len().next_multiple_of(self.input.block_len), 0);
        if self.input.interlaced {
            // Each byte lies where it would lie in a block of the file.
            let blocks = self.out[base..].chunks_mut(self.input.block_len);
            blocks.for_each(|block| block.rotate_right(start % self.input.block_len));
        }
        let lens = plain.chunks(self.input.block_len).map(<[u8]>::len);
        extents.extend(lens.map(|len| extent(len, 1, true)));
        plain.len()
    }
}

/// An extent whose place is not known yet.
fn extent(len: usize, blocks: usize, plain: bool) -> Extent {
    Extent {
        len: u32::try_from(len).expect("at most 12 MiB"),
        block: 0,
        blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
        plain,
        partial: false,
        pcluster: PclusterOf::ThisPart,
    }
}
