//! Filling pclusters with the bytes of a part.

use crate::codec::Filled;
use crate::codec::lz4::Segment;
use crate::encode::{Extent, InlinePcluster};

/// What a part has become, but for its pclusters in blocks.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    pub(crate) extents: Vec<Extent>,
    pub(crate) inline: Option<InlinePcluster>,
}

/// Fills pclusters.
pub(crate) struct Filler<'a> {
    pub(crate) segment: Segment<'a>,
    pub(crate) data: &'a [u8],
    /// Gets the pclusters that have blocks.
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) block_len: usize,
    pub(crate) pcluster_len: usize,
    /// How many bytes of `data` an extent has at most.
    pub(crate) extent_len: usize,
    /// How long a pcluster may be behind the inode; 0 for none.
    pub(crate) room: usize,
}

impl Filler<'_> {
    /// Encodes all of `data`.
    pub(crate) fn run(mut self) -> Filling {
        let mut filling = Filling::default();
        let mut start = 0;
        while start < self.data.len() {
            let base = self.out.len();
            let filled = self.fill(start, self.pcluster_len);
            if start + filled.consumed == self.data.len() && self.room > 0 {
                if let Some(inline) = self.inline(start, base, filled, &mut filling.extents) {
                    filling.inline = Some(inline);
                    return filling;
                }
            }
            start += self.keep(start, base, filled, &mut filling.extents);
        }
        filling
    }

    /// Appends a pcluster of up to `len` bytes as the encoder writes it.
    fn fill(&mut self, start: usize, len: usize) -> Filled {
        let base = self.out.len();
        self.out.resize(base + len, 0);
        let end = self.data.len().min(start + self.extent_len);
        let filled = self.segment.fill(start, end, &mut self.out[base..]);
        self.out.truncate(base + filled.written);
        filled
    }

    /// Makes a pcluster at `base` one that takes whole blocks, or as many
    /// plain ones as replace it, and returns how many bytes of `data` it has.
    fn keep(
        &mut self,
        start: usize,
        base: usize,
        filled: Filled,
        extents: &mut Vec<Extent>,
    ) -> usize {
        let blocks = filled.written.div_ceil(self.block_len);
        let len = blocks * self.block_len;
        if filled.consumed > len {
            // Zeros come first, and less than a block of them.
            let padding = len - filled.written;
            self.out.resize(base + len, 0);
            self.out.copy_within(base..base + filled.written, base + padding);
            self.out[base..base + padding].fill(0);
            extents.push(extent(filled.consumed, blocks, false));
            return filled.consumed;
        }
        // All of it would have been larger than it is.
        let blocks = (filled.consumed / self.block_len).max(1);
        let plain = &self.data[start..self.data.len().min(start + blocks * self.block_len)];
        self.out.truncate(base);
        self.out.extend_from_slice(plain);
        self.out.resize(base + plain.len().next_multiple_of(self.block_len), 0);
        let lens = plain.chunks(self.block_len).map(<[u8]>::len);
        extents.extend(lens.map(|len| extent(len, 1, true)));
        plain.len()
    }

    /// Puts what the last pcluster holds, which is at `base`, behind the
    /// inode, or as much of it as does not fill a block.
    fn inline(
        &mut self,
        start: usize,
        base: usize,
        filled: Filled,
        extents: &mut Vec<Extent>,
    ) -> Option<InlinePcluster> {
        if let Some(inline) = self.inline_rest(start, base, filled) {
            return Some(inline);
        }
        let blocks = filled.written / self.block_len;
        let rest = filled.written % self.block_len;
        let shrinks = filled.consumed > filled.written.next_multiple_of(self.block_len);
        // What does not shrink is gone through again, in plain blocks.
        if blocks == 0 || rest == 0 || rest > self.room || !shrinks {
            return None;
        }
        let whole = self.out[base..].to_vec();
        self.out.truncate(base);
        let first = self.fill(start, blocks * self.block_len);
        if first.consumed > blocks * self.block_len {
            let kept = self.keep(start, base, first, extents);
            let rest_base = self.out.len();
            let rest = self.fill(start + kept, self.room);
            if start + kept + rest.consumed == self.data.len() {
                if let Some(inline) = self.inline_rest(start + kept, rest_base, rest) {
                    return Some(inline);
                }
            }
            extents.pop();
        }
        // It was better in one.
        self.out.truncate(base);
        self.out.extend_from_slice(&whole);
        None
    }

    /// Takes the last pcluster, which is at `base`, if it fits behind the
    /// inode, compressed or as it is.
    fn inline_rest(&mut self, start: usize, base: usize, filled: Filled) -> Option<InlinePcluster> {
        let plain = filled.written >= filled.consumed;
        // Of what begins in an earlier lcluster than the last, kernels take
        // the whole last lcluster for its length, and refuse to copy that.
        let last = (self.data.len() - 1) / self.block_len;
        if plain && start / self.block_len != last {
            return None;
        }
        let bytes = match plain {
            true => &self.data[start..],
            false => &self.out[base..],
        };
        if bytes.len() > self.room {
            return None;
        }
        let len = u32::try_from(filled.consumed).expect("at most 12 MiB");
        let inline = InlinePcluster { len, plain, bytes: bytes.into() };
        self.out.truncate(base);
        Some(inline)
    }
}

fn extent(len: usize, blocks: usize, plain: bool) -> Extent {
    Extent {
        len: u32::try_from(len).expect("at most 12 MiB"),
        blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
        plain,
    }
}
