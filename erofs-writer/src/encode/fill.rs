//! Filling pclusters with the bytes of a part.

use crate::codec::Filled;
use crate::codec::lz4::Segment;
use crate::encode::{Extent, Fragment, InlinePcluster};
use crate::format::to_u64;

/// What a part has become, but for its pclusters in blocks.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    pub(crate) extents: Vec<Extent>,
    pub(crate) inline: Option<InlinePcluster>,
    pub(crate) fragment: Option<Fragment>,
}

/// Where the end of a file may go, if not into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Blocks,
    /// Behind the inode, where there are so many bytes.
    Inline(usize),
    /// Into the packed inode.
    Fragment,
}

/// What fills less than a block when compressed becomes a fragment if it has
/// no more blocks than this before, as runs of zeros would have.
const FRAGMENT_BLOCKS: usize = 16;

/// Fills pclusters.
pub(crate) struct Filler<'a> {
    pub(crate) segment: Segment<'a>,
    pub(crate) data: &'a [u8],
    /// Gets the pclusters that have blocks.
    pub(crate) out: &'a mut Vec<u8>,
    /// Has room for a pcluster.
    pub(crate) scratch: &'a mut [u8],
    pub(crate) block_len: usize,
    pub(crate) pcluster_len: usize,
    /// How many bytes of `data` an extent has at most.
    pub(crate) extent_len: usize,
    pub(crate) end: End,
    /// Whether plain blocks are rings.
    pub(crate) interlaced: bool,
}

impl Filler<'_> {
    /// Encodes all of `data`.
    pub(crate) fn run(mut self) -> Filling {
        let mut filling = Filling::default();
        let mut start = 0;
        while start < self.data.len() {
            if self.end == End::Fragment && self.data.len() - start <= self.pcluster_len {
                filling.fragment = Some(self.fragment(start));
                break;
            }
            let filled = self.fill(start, self.pcluster_len);
            let reaches_end = start + filled.consumed == self.data.len();
            if reaches_end && self.finish(start, filled, &mut filling) {
                break;
            }
            start += self.keep(start, filled, &mut filling.extents);
        }
        filling
    }

    fn fragment(&self, start: usize) -> Fragment {
        let bytes = &self.data[start..];
        Fragment { at: 0, len: to_u64(bytes.len()), digest: Some(blake3::hash(bytes)) }
    }

    /// Encodes a pcluster of up to `len` bytes into `scratch`.
    fn fill(&mut self, start: usize, len: usize) -> Filled {
        let end = self.data.len().min(start + self.extent_len);
        self.segment.fill(start, end, &mut self.scratch[..len])
    }

    /// Appends what was encoded in whole blocks, or as many plain ones as
    /// replace it, and returns how many bytes of `data` that has.
    fn keep(&mut self, start: usize, filled: Filled, extents: &mut Vec<Extent>) -> usize {
        let blocks = filled.written.div_ceil(self.block_len);
        let len = blocks * self.block_len;
        let base = self.out.len();
        if filled.consumed > len {
            // Zeros come first, and less than a block of them.
            self.out.resize(base + len - filled.written, 0);
            self.out.extend_from_slice(&self.scratch[..filled.written]);
            extents.push(extent(filled.consumed, blocks, false));
            return filled.consumed;
        }
        // All of it would have been larger than it is.
        let blocks = (filled.consumed / self.block_len).max(1);
        let plain = &self.data[start..self.data.len().min(start + blocks * self.block_len)];
        self.out.extend_from_slice(plain);
        self.out.resize(base + plain.len().next_multiple_of(self.block_len), 0);
        if self.interlaced {
            // Each byte lies where it would lie in a block of the file.
            let blocks = self.out[base..].chunks_mut(self.block_len);
            blocks.for_each(|block| block.rotate_right(start % self.block_len));
        }
        let lens = plain.chunks(self.block_len).map(<[u8]>::len);
        extents.extend(lens.map(|len| extent(len, 1, true)));
        plain.len()
    }

    /// Puts what was encoded last where the end goes, or as much of it as does
    /// not fill a block. Did that succeed?
    fn finish(&mut self, start: usize, filled: Filled, filling: &mut Filling) -> bool {
        if self.take_rest(start, filled, filling) {
            return true;
        }
        let blocks = filled.written / self.block_len;
        let rest = filled.written % self.block_len;
        if blocks == 0 && self.end == End::Fragment && self.take_end(start, filling) {
            return true;
        }
        let shrinks = filled.consumed > filled.written.next_multiple_of(self.block_len);
        // What does not shrink is gone through again, in plain blocks.
        if blocks == 0 || rest == 0 || rest > self.room() || !shrinks {
            return false;
        }
        let whole = self.scratch[..filled.written].to_vec();
        let base = self.out.len();
        let first = self.fill(start, blocks * self.block_len);
        if first.consumed > blocks * self.block_len {
            let start = start + self.keep(start, first, &mut filling.extents);
            if self.take_end(start, filling) {
                return true;
            }
            filling.extents.pop();
        }
        // It was better in one.
        self.out.truncate(base);
        self.scratch[..filled.written].copy_from_slice(&whole);
        false
    }

    /// Puts all from `start` on where the end goes. Did that succeed?
    fn take_end(&mut self, start: usize, filling: &mut Filling) -> bool {
        match self.end {
            End::Fragment if self.data.len() - start <= FRAGMENT_BLOCKS * self.block_len => {
                filling.fragment = Some(self.fragment(start));
                true
            }
            End::Inline(room) => {
                let rest = self.fill(start, room);
                start + rest.consumed == self.data.len() && self.take_rest(start, rest, filling)
            }
            _ => false,
        }
    }

    /// How long a pcluster may be where the end goes.
    fn room(&self) -> usize {
        match self.end {
            End::Blocks => 0,
            End::Inline(room) => room,
            End::Fragment => self.block_len,
        }
    }

    /// Takes what was encoded last, if it fits behind the inode and the end
    /// goes there.
    fn take_rest(&mut self, start: usize, filled: Filled, filling: &mut Filling) -> bool {
        if let End::Inline(room) = self.end {
            filling.inline = self.inline(start, filled, room);
        }
        filling.inline.is_some()
    }

    /// What was encoded last, if it is no longer than `room`, compressed or as
    /// it is.
    fn inline(&self, start: usize, filled: Filled, room: usize) -> Option<InlinePcluster> {
        let plain = filled.written >= filled.consumed;
        // Of what begins in an earlier lcluster than the last, kernels take
        // the whole last lcluster for its length, and refuse to copy that.
        let last = (self.data.len() - 1) / self.block_len;
        if plain && start / self.block_len != last {
            return None;
        }
        let bytes = match plain {
            true => &self.data[start..],
            false => &self.scratch[..filled.written],
        };
        if bytes.len() > room {
            return None;
        }
        let len = u32::try_from(filled.consumed).expect("at most 12 MiB");
        Some(InlinePcluster { len, plain, bytes: bytes.into() })
    }
}

fn extent(len: usize, blocks: usize, plain: bool) -> Extent {
    Extent {
        len: u32::try_from(len).expect("at most 12 MiB"),
        blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
        plain,
    }
}
