//! Where the end of a file goes.

use crate::codec::Filled;
use crate::encode::extent::InlinePcluster;
use crate::encode::fragment::UnplacedFragment;
use crate::encode::pclusters::filler::{End, Filler};
use crate::encode::pclusters::result::{Pclusters, Tail};

/// What fills less than a block when compressed becomes a fragment if it has
/// no more blocks than this before, as runs of zeros would have.
const FRAGMENT_BLOCKS: usize = 16;

/// What is up to so many halves of a block may fit into one even when it is
/// encoded in haste. For more that is too rare to be tried.
const ESTIMATED_HALVES: usize = 5;

impl Filler<'_> {
    /// Whether what is left from `start` on is a fragment for sure, which will
    /// be encoded with those of other files, and need not be here.
    pub(super) fn rest_is_short(&mut self, start: usize) -> bool {
        let rest = self.input.data.len() - start;
        if rest <= self.input.pcluster_len {
            return true;
        }
        if rest > ESTIMATED_HALVES * self.input.block_len / 2 || self.next_cut(start).is_some() {
            return false;
        }
        let out = &mut self.scratch[..self.input.block_len - 1];
        self.estimator.segment(self.input.data).fill(start, self.input.data.len(), out).consumed
            == rest
    }

    /// Puts what was encoded last where the end goes, or as much of it as does
    /// not fill a block. Did that succeed?
    pub(super) fn finish(
        &mut self,
        start: usize,
        filled: Filled,
        pclusters: &mut Pclusters,
    ) -> bool {
        if self.take_rest(start, filled, pclusters) {
            return true;
        }
        let blocks = filled.written / self.input.block_len;
        let rest = filled.written % self.input.block_len;
        if blocks == 0 && self.input.end == End::Fragment && self.take_end(start, pclusters) {
            return true;
        }
        let shrinks = filled.consumed > filled.written.next_multiple_of(self.input.block_len);
        // What does not shrink is gone through again, in plain blocks.
        if blocks == 0 || rest == 0 || rest > self.room() || !shrinks {
            return false;
        }
        let whole = self.scratch[..filled.written].to_vec();
        let base = self.out.len();
        let end = self.input.data.len();
        let first = self.fill(start, end, blocks * self.input.block_len);
        if first.consumed > blocks * self.input.block_len {
            let start = start + self.keep(start, end, first, &mut pclusters.extents);
            if self.take_end(start, pclusters) {
                return true;
            }
            pclusters.extents.pop();
        }
        // It was better in one.
        self.out.truncate(base);
        self.scratch[..filled.written].copy_from_slice(&whole);
        false
    }

    /// Puts all from `start` on where the end goes. Did that succeed?
    fn take_end(&mut self, start: usize, pclusters: &mut Pclusters) -> bool {
        match self.input.end {
            End::Fragment
                if self.input.data.len() - start <= FRAGMENT_BLOCKS * self.input.block_len =>
            {
                let rest = UnplacedFragment::new(&self.input.data[start..], self.input.kept);
                pclusters.tail = Tail::Fragment(rest);
                true
            }
            End::Inline(room) => {
                let rest = self.fill(start, self.input.data.len(), room);
                start + rest.consumed == self.input.data.len()
                    && self.take_rest(start, rest, pclusters)
            }
            _ => false,
        }
    }

    /// How long a pcluster may be where the end goes.
    fn room(&self) -> usize {
        match self.input.end {
            End::Part | End::Blocks => 0,
            End::Inline(room) => room,
            End::Fragment => self.input.block_len,
        }
    }

    /// Takes what was encoded last, if it fits after the inode and the end
    /// goes there.
    fn take_rest(&mut self, start: usize, filled: Filled, pclusters: &mut Pclusters) -> bool {
        let End::Inline(room) = self.input.end else { return false };
        let inline = self.inline(start, filled, room);
        let fits = inline.is_some();
        pclusters.tail = inline.map_or(Tail::Blocks, Tail::Inline);
        fits
    }

    /// What was encoded last, if it is no longer than `room`, compressed or as
    /// it is.
    fn inline(&self, start: usize, filled: Filled, room: usize) -> Option<InlinePcluster> {
        let plain = filled.written >= filled.consumed;
        // Of what begins in an earlier lcluster than the last, kernels take
        // the whole last lcluster for its length, and refuse to copy that.
        let last = (self.input.data.len() - 1) / self.input.block_len;
        if plain && start / self.input.block_len != last {
            return None;
        }
        let bytes = match plain {
            true => &self.input.data[start..],
            false => &self.scratch[..filled.written],
        };
        if bytes.len() > room {
            return None;
        }
        let len = u32::try_from(filled.consumed).expect("at most 12 MiB");
        Some(InlinePcluster { len, plain, bytes: bytes.into() })
    }
}
