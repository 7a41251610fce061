//! Where the end of a file goes.

use crate::codec::{Filled, Segment};
use crate::encode::extent::InlinePcluster;
use crate::encode::fragment::UnplacedFragment;
use crate::encode::pclusters::filler::{End, Filler};
use crate::encode::pclusters::result::{Pclusters, Tail};

/// An end that compresses to less than a block becomes a fragment if it has no more than
/// this many blocks uncompressed. Longer ends, such as runs of zeros, stay in blocks.
const FRAGMENT_BLOCKS: usize = 16;

/// An end of up to this many halves of a block may fit into one block even if it is
/// encoded quickly. For longer ends that is too rare to be tried.
const ESTIMATED_HALVES: usize = 5;

impl Filler<'_> {
    /// Whether the bytes from `start` on surely become a fragment. It will be encoded
    /// with those of other files, so it need not be encoded here.
    pub(super) fn rest_is_short(&mut self, start: usize) -> bool {
        let rest = self.data.len() - start;
        if rest <= self.rules.pcluster_len {
            return true;
        }
        if rest > ESTIMATED_HALVES * self.rules.block_len / 2 || self.next_cut(start).is_some() {
            return false;
        }
        let out = &mut self.scratch[..self.rules.block_len - 1];
        Segment::new(self.estimator, self.data).fill(start, self.data.len(), out).consumed == rest
    }

    /// Puts the bytes that were encoded last where the end of the file goes, or as many
    /// of them as do not fill a block. Returns whether that succeeded.
    pub(super) fn finish(
        &mut self,
        start: usize,
        filled: Filled,
        pclusters: &mut Pclusters,
    ) -> bool {
        if self.take_rest(start, filled, pclusters) {
            return true;
        }
        let blocks = filled.written / self.rules.block_len;
        let rest = filled.written % self.rules.block_len;
        if blocks == 0 && self.rules.end == End::Fragment && self.take_end(start, pclusters) {
            return true;
        }
        let shrinks = filled.consumed > filled.written.next_multiple_of(self.rules.block_len);
        // Bytes that do not shrink become plain blocks, and the rest of them comes here
        // again.
        if blocks == 0 || rest == 0 || rest > self.room() || !shrinks {
            return false;
        }
        let whole = self.scratch[..filled.written].to_vec();
        let base = self.out.len();
        let end = self.data.len();
        let first = self.fill(start, end, blocks * self.rules.block_len);
        if first.consumed > blocks * self.rules.block_len {
            let start = start + self.keep(start, end, first, &mut pclusters.extents);
            if self.take_end(start, pclusters) {
                return true;
            }
            pclusters.extents.pop();
        }
        // It was better as one pcluster.
        self.out.truncate(base);
        self.scratch[..filled.written].copy_from_slice(&whole);
        false
    }

    /// Puts all bytes from `start` on where the end of the file goes. Returns whether
    /// that succeeded.
    fn take_end(&mut self, start: usize, pclusters: &mut Pclusters) -> bool {
        match self.rules.end {
            End::Fragment if self.data.len() - start <= FRAGMENT_BLOCKS * self.rules.block_len => {
                let rest = UnplacedFragment::new(&self.data[start..], self.rules.kept);
                pclusters.tail = Tail::Fragment(rest);
                true
            }
            End::Inline(room) => {
                let rest = self.fill(start, self.data.len(), room);
                start + rest.consumed == self.data.len() && self.take_rest(start, rest, pclusters)
            }
            _ => false,
        }
    }

    /// The room for a pcluster where the end of the file goes, in bytes.
    fn room(&self) -> usize {
        match self.rules.end {
            End::Part | End::Blocks => 0,
            End::Inline(room) => room,
            End::Fragment => self.rules.block_len,
        }
    }

    /// Makes the bytes that were encoded last an inline pcluster, if the end of the file
    /// goes there and they fit. Returns whether they do.
    fn take_rest(&mut self, start: usize, filled: Filled, pclusters: &mut Pclusters) -> bool {
        let End::Inline(room) = self.rules.end else { return false };
        let inline = self.inline(start, filled, room);
        let fits = inline.is_some();
        pclusters.tail = inline.map_or(Tail::Blocks, Tail::Inline);
        fits
    }

    /// The bytes that were encoded last as an inline pcluster of at most `room` bytes,
    /// compressed or plain, if that is possible.
    fn inline(&self, start: usize, filled: Filled, room: usize) -> Option<InlinePcluster> {
        let plain = filled.written >= filled.consumed;
        // If the pcluster begins before the last lcluster, the kernel counts all of the
        // last lcluster as part of the extent (`z_erofs_map_blocks_fo`, Linux 6.18), and
        // refuses to copy fewer bytes than that (`z_erofs_transform_plain`).
        let last = (self.data.len() - 1) / self.rules.block_len;
        if plain && start / self.rules.block_len != last {
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
