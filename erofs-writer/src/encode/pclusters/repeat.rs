//! Stretches of bytes that earlier pclusters already hold, of another part or of the same
//! one.
//!
//! An extent begins at the first byte that its pcluster holds. So a repeat can only begin
//! where an extent of the other part does, which is why the other part is cut there. A
//! repeat may end anywhere, as an extent may have only a part of the bytes that its
//! pcluster holds. At most one extent begins in each lcluster, so each has to reach the
//! end of the lcluster in which it begins.

use crate::encode::extent::{Extent, ExtentRun, PclusterOf};
use crate::encode::pclusters::filler::{Filler, Vain};
use crate::encode::pclusters::result::Pclusters;
use crate::format::to_usize;

/// A repeat of bytes that were encoded before.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// The byte of this part at which it begins.
    pub(crate) at: usize,
    pub(crate) len: usize,
    /// The number of the other part, and the byte of it at which the repeated bytes
    /// begin.
    pub(crate) source: usize,
    pub(crate) source_at: usize,
    /// The extents of the other part there; `None` if it is this part.
    pub(crate) extents: Option<ExtentRun>,
}

/// The most attempts to begin a repeat. Each is at least as far away as all earlier ones
/// together, so that little more is encoded in vain than in the end.
const TRIES: usize = 16;

/// Extents of another part, as they would lie in this one.
struct Repeated {
    extents: Vec<Extent>,
    len: usize,
}

impl Filler<'_> {
    /// Takes as much of a repeat as possible, and encodes the bytes between `start` and
    /// the repeat. Returns the first byte that is not stored yet.
    pub(super) fn repeat(
        &mut self,
        mut start: usize,
        stretch: &Stretch,
        pclusters: &mut Pclusters,
    ) -> usize {
        let own;
        let ExtentRun { first, at: first_at, extents } = match &stretch.extents {
            Some(extents) => extents,
            None if stretch.source_at + stretch.len <= start => {
                let bytes = stretch.source_at..stretch.source_at + stretch.len;
                own = ExtentRun::within(&pclusters.extents, bytes);
                &own
            }
            None => {
                // The bytes that are repeated have to be encoded first.
                let cut =
                    stretch.source_at.next_multiple_of(self.rules.block_len) - stretch.source_at;
                let block_len = self.rules.block_len;
                // In the second lcluster of a pair it may not begin.
                let places =
                    [cut, cut + block_len].into_iter().take(1 + usize::from(self.rules.paired));
                let mut places = places.filter(|skipped| *skipped < stretch.len);
                let reached = places.find(|skipped| {
                    let at = stretch.at + skipped;
                    at >= start && self.reach(start, at, pclusters)
                });
                let Some(skipped) = reached else { return start };
                start = stretch.at + skipped;
                let bytes = stretch.source_at..stretch.source_at + stretch.len;
                own = ExtentRun::within(&pclusters.extents, bytes);
                &own
            }
        };
        let (mut tries, mut tried) = (0, 0);
        let mut pos = *first_at;
        for (index, extent) in extents.iter().enumerate() {
            let skipped = pos - stretch.source_at;
            pos += to_usize(u64::from(extent.len));
            let at = stretch.at + skipped;
            if tries == TRIES {
                break;
            }
            if at < start + tried {
                continue;
            }
            let repeated = self.repeated(at, stretch.len - skipped, &extents[index..]);
            if repeated.len == 0 {
                continue;
            }
            (tries, tried) = (tries + 1, tried + (at - start));
            if self.reach(start, at, pclusters) {
                pclusters.link(stretch.source, first + index, &repeated.extents);
                start = at + repeated.len;
                (tries, tried) = (0, 0);
            }
        }
        start
    }

    /// The extents that repeat `len` bytes from `at` on, or as many of the bytes as
    /// possible.
    fn repeated(&self, at: usize, len: usize, extents: &[Extent]) -> Repeated {
        let mut repeated = Repeated { extents: Vec::new(), len: 0 };
        let mut previous: Option<(usize, &Extent)> = None;
        for extent in extents {
            let whole = to_usize(u64::from(extent.len));
            let left = len - repeated.len;
            // A plain extent is taken whole or not at all. Of another one, a part is
            // taken if that saves something.
            let stored = usize::from(extent.blocks) * self.rules.block_len;
            let taken = match whole <= left {
                true => whole,
                false if !extent.plain && left > stored && !self.rules.paired => left,
                false => break,
            };
            let begin = at + repeated.len;
            if begin / self.rules.block_len == (begin + taken) / self.rules.block_len {
                break;
            }
            let follows = previous.is_some_and(|(_, before)| extent.follows(before));
            if !follows && previous.is_some_and(|(place, _)| self.is_pair(place, begin)) {
                break;
            }
            previous = Some((begin, extent));
            let len = u32::try_from(taken).expect("no more than the extent has");
            let partial = extent.partial || taken < whole;
            let pcluster = if follows { PclusterOf::AnotherNext } else { PclusterOf::Another };
            repeated.extents.push(Extent { len, partial, pcluster, ..*extent });
            repeated.len += taken;
        }
        self.end_with_pair(at, &mut repeated);
        repeated
    }

    /// Whether these two places, the first before the second, lie in a pair of lclusters
    /// that has one address.
    fn is_pair(&self, first: usize, second: usize) -> bool {
        let pair = 2 * self.rules.block_len;
        self.rules.paired && first / pair == second / pair && second < self.data.len()
    }

    /// Shortens a repeat that begins at `at` until its last extent does not begin in the
    /// same pair of lclusters as the bytes after it.
    fn end_with_pair(&self, at: usize, repeated: &mut Repeated) {
        while let Some(last) = repeated.extents.last() {
            let before = repeated.len - to_usize(u64::from(last.len));
            if !self.is_pair(at + before, at + repeated.len) {
                return;
            }
            repeated.len = before;
            repeated.extents.pop();
        }
    }

    /// Encodes the bytes from `start` to `stop`, so that an extent can begin at `stop`.
    /// If none can, returns false and changes nothing.
    fn reach(&mut self, start: usize, stop: usize, pclusters: &mut Pclusters) -> bool {
        let is_known = |vain: &Vain| vain.start == start && vain.end > start;
        let known = self.vain.filter(|vain| is_known(vain) && self.is_far(vain.end, stop));
        // Without this, all bytes from `start` on would be encoded again for each later
        // place.
        let is_vain = known.is_some_and(|Vain { end, is_lost, .. }| {
            is_lost || !self.try_reach(start, end, stop, pclusters)
        });
        !is_vain && self.try_reach(start, start, stop, pclusters)
    }

    /// Like `reach`, where it is known that a pcluster begins at `from`. Unless that is
    /// `start`, this is only a trial, and nothing of it stays.
    fn try_reach(
        &mut self,
        start: usize,
        from: usize,
        stop: usize,
        pclusters: &mut Pclusters,
    ) -> bool {
        let (bytes, extents) = (self.out.len(), pclusters.extents.len());
        let failed = self.fill_until(start, from, stop, pclusters);
        if failed.is_some() || from != start {
            self.out.truncate(bytes);
            pclusters.extents.truncate(extents);
            self.segment.restart();
        }
        self.vain = failed.or(self.vain);
        failed.is_none()
    }

    /// Encodes the bytes from `from` to `stop`. If no extent can begin at `stop`, returns
    /// what holds for later places as well.
    fn fill_until(
        &mut self,
        start: usize,
        from: usize,
        stop: usize,
        pclusters: &mut Pclusters,
    ) -> Option<Vain> {
        let mut failed = Vain { start, end: from, is_lost: false };
        let (mut at, mut last) = (from, None);
        while at < stop {
            // After a cut there must be enough bytes to reach the next lcluster.
            let cut = self.next_cut(at).filter(|cut| cut + self.rules.block_len <= stop);
            let (filled, limit) = self.fill_before(at, cut.unwrap_or(stop));
            let next = pclusters.extents.len();
            let mut begin = at;
            at += self.keep(at, limit, filled, &mut pclusters.extents);
            let mut is_lost = false;
            for extent in &pclusters.extents[next..] {
                let end = begin + to_usize(u64::from(extent.len));
                is_lost |= begin / self.rules.block_len == end / self.rules.block_len;
                last = Some(std::mem::replace(&mut begin, end));
            }
            if self.is_far(at, stop) {
                (failed.end, failed.is_lost) = (at, is_lost);
            }
            if is_lost {
                return Some(failed);
            }
        }
        last.filter(|last| self.is_pair(*last, stop)).map(|_| failed)
    }

    /// Whether a pcluster that ends at `end` ends there for every later `stop` as well.
    fn is_far(&self, end: usize, stop: usize) -> bool {
        end + 4 * self.rules.block_len <= stop
    }
}
