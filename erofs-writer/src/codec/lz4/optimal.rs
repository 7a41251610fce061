//! High compression: a near-optimal parse that looks for matches once per sequence, not
//! once per byte.
//!
//! The reach is the end of the bytes to which the cheapest way is known. A match that
//! leads beyond the reach contains the four bytes that begin three bytes before it. So it
//! is enough to look for earlier places with these four bytes, and to extend each match
//! to both sides. A match that leads further by more than one byte also contains the four
//! bytes that begin two bytes before the reach, and these have fewer earlier places.

use super::block::{MIN_MATCH, Writer, limits};
use super::effort::Effort;
use super::frontier::Frontier;
use crate::codec::bytes::{common_prefix, common_suffix};
use crate::codec::filled::Filled;
use crate::codec::match_finder::MatchFinder;

/// Chains of places with equal words of four bytes, as far back as a match can refer.
type Chains = MatchFinder<u32, u16, { 1 << 17 }, { (1 << 16) + 8 }>;

/// The encoder of high compression.
#[derive(Debug)]
pub(super) struct Optimal {
    level: u8,
    /// The effort for the current block.
    effort: Effort,
    chains: Chains,
    frontier: Frontier,
    /// The matches of a search, without the one that leads furthest.
    shorter: Vec<Match>,
    /// The block that `frontier` describes.
    parsed: Option<Parsed>,
}

/// A block that has been parsed.
#[derive(Debug, Clone, Copy)]
struct Parsed {
    start: usize,
    /// The end of the bytes that were offered to it.
    end: usize,
    room: usize,
}

/// A match around the place of a search.
#[derive(Debug, Clone, Copy)]
struct Match {
    /// How many bytes before that place it begins.
    before: usize,
    end: usize,
    distance: usize,
}

/// Two bytes. A match around `at` that is better than the best so far has at least one of
/// them.
///
/// They exclude most other places at little cost.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// The distance from `at` to the end of the best match.
    after: usize,
    last_byte: u8,
    /// The distance from the byte before the best match to `at`.
    before: usize,
    /// [`NO_BYTE`] if it may not begin earlier.
    first_byte: u16,
}

impl Wanted {
    #[inline(always)]
    fn new(data: &[u8], at: usize, first: usize, best: &Match) -> Self {
        let before = best.before + 1;
        let first_byte = if at - first >= before { u16::from(data[at - before]) } else { NO_BYTE };
        Wanted { after: best.end - at, last_byte: data[best.end], before, first_byte }
    }
}

/// Where matches of a block may be.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Where the block begins.
    start: usize,
    /// Where the last match may begin.
    last_start: usize,
    /// Where all matches must have ended.
    matches_end: usize,
}

/// A match may be new although it begins where an earlier search has looked, because that
/// search did not go to its end. So matches may begin this far before the place of a
/// search.
const LOOK_BACK: usize = 32;

/// No byte has this value.
const NO_BYTE: u16 = 256;

impl Optimal {
    pub(super) fn new(level: u8) -> Self {
        Optimal {
            level,
            effort: Effort::of(level, 0),
            chains: Chains::new(),
            frontier: Frontier::default(),
            shorter: Vec::new(),
            parsed: None,
        }
    }

    pub(super) fn begin(&mut self) {
        self.parsed = None;
        self.chains.begin();
    }

    /// Encodes a block that begins at `start`; `data` ends where the block
    /// must.
    pub(super) fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        let block = Parsed { start, end: data.len(), room: out.len() };
        // The cheapest ways to all that fits into less room are known already.
        let is_known = self.parsed.is_some_and(|known| {
            (known.start, known.end) == (start, block.end) && known.room >= block.room
        });
        if !is_known {
            self.parse(data, start, out.len());
            self.parsed = Some(block);
        }
        let end = self.frontier.best_end(data.len(), out.len());
        if end.end == start {
            return Filled::default();
        }
        let mut writer = Writer::new(data, start, out);
        for sequence in self.frontier.sequences(end).iter().rev() {
            writer.sequence(sequence.start, sequence.len, sequence.distance);
        }
        writer.last_literals(end.end);
        assert_eq!(writer.len, end.written);
        Filled { consumed: end.end - start, written: writer.len }
    }

    /// Finds the cheapest ways until they cost more than `room`.
    fn parse(&mut self, data: &[u8], start: usize, room: usize) {
        self.effort = Effort::of(self.level, room);
        self.frontier.begin(start);
        self.chains.begin_block(start, self.effort.hash_bits);
        let (last_start, matches_end) = limits(data.len(), start, room);
        let bounds = Bounds { start, last_start, matches_end };
        let limit = (matches_end + 1).saturating_sub(MIN_MATCH);
        // The last place that was searched: matches that contain its four bytes are
        // known.
        let mut looked = start;
        let mut reach = start;
        loop {
            // Each further literal takes at least a byte.
            let Some(left) = room.checked_sub(self.frontier.cost()) else { return };
            let limit = limit.min(reach + left);
            // Matches with the four bytes at `looked`, or before, lead no further.
            let at = (looked + 1).max(reach.saturating_sub(self.effort.back));
            let at_linked = self.chains.next_linked(data, at, limit);
            // All bytes before it, and the first of its own, have to be reached.
            let needed = at_linked.unwrap_or(limit) + MIN_MATCH - 1;
            self.frontier.literals_to(needed);
            reach = reach.max(needed);
            let Some(at) = at_linked else { return };
            let first = (looked + 1).min(at.saturating_sub(LOOK_BACK).max(start + 1));
            if self.search(data, bounds, at, first) {
                reach = self.frontier.reach();
            }
            looked = at;
        }
    }

    /// Finds the matches that contain the four bytes at `at`, lead further and begin at
    /// `first` or after it, and puts them into the frontier. Returns whether that
    /// extended it.
    #[inline(always)]
    fn search(&mut self, data: &[u8], bounds: Bounds, at: usize, first: usize) -> bool {
        let lowest = self.chains.lowest();
        let mut tries = self.effort.depth;
        let mut place = at - self.chains.link(at);
        if place < lowest {
            return false;
        }
        self.shorter.clear();
        let mut best = around(data, bounds, at, first, place);
        let mut wanted = Wanted::new(data, at, first, &best);
        while best.end < bounds.matches_end && best.end - at < self.effort.nice {
            match self.next_place(data, place, wanted, lowest, &mut tries) {
                Some(next) => place = next,
                None => break,
            }
            let new = around(data, bounds, at, first, place);
            if new.end > best.end || (new.end == best.end && new.before > best.before) {
                self.set_aside(best, new.before);
                best = new;
                wanted = Wanted::new(data, at, first, &best);
            } else if new.before > best.before {
                self.add_shorter(new);
            }
        }
        self.insert(at, bounds.last_start, best)
    }

    /// The next place before `place` where there may be a better match.
    #[inline(always)]
    fn next_place(
        &self,
        data: &[u8],
        mut place: usize,
        wanted: Wanted,
        lowest: usize,
        tries: &mut u32,
    ) -> Option<usize> {
        loop {
            let link = self.chains.link(place);
            *tries -= 1;
            // A link of 0 leads to no place.
            if link.wrapping_sub(1) >= place - lowest || *tries == 0 {
                return None;
            }
            place -= link;
            let leads = data[place + wanted.after] == wanted.last_byte;
            let byte = data.get(place.wrapping_sub(wanted.before));
            let is_earlier = byte.is_some_and(|byte| u16::from(*byte) == wanted.first_byte);
            // The branch is taken at random, so one is better than two.
            if leads | is_earlier {
                return Some(place);
            }
        }
    }

    /// Keeps `best`, which no longer leads furthest, if it begins earlier than the new
    /// match, which begins `before` bytes before the place of the search. Otherwise drops
    /// it, and earlier matches that begin no earlier than the new one.
    #[inline(always)]
    fn set_aside(&mut self, best: Match, before: usize) {
        if best.before > before {
            self.shorter.push(best);
        } else {
            while self.shorter.last().is_some_and(|last| last.before <= before) {
                self.shorter.pop();
            }
        }
    }

    /// Adds a match to `shorter`, which is in the order of ends, unless another match
    /// there begins no later and leads as far.
    fn add_shorter(&mut self, new: Match) {
        let mut index = self.shorter.len();
        while let Some(found) = index.checked_sub(1).map(|index| self.shorter[index]) {
            if found.end >= new.end && found.before >= new.before {
                return;
            }
            if found.end < new.end && found.before > new.before {
                break;
            }
            index -= 1;
            if found.end <= new.end {
                self.shorter.remove(index);
            }
        }
        self.shorter.insert(index, new);
    }

    /// Puts the matches around `at` into the frontier, the shortest first, so that longer
    /// matches can begin after shorter ones. Returns whether that extended it.
    #[inline(always)]
    fn insert(&mut self, at: usize, last_start: usize, best: Match) -> bool {
        let mut extended = false;
        for found in self.shorter.iter().chain([&best]) {
            let start = at - found.before;
            if start <= last_start {
                extended |= self.frontier.insert(start, last_start, found.end, found.distance);
            }
        }
        extended
    }
}

/// The match around `at` with the bytes around `place`, which has the same four bytes.
#[inline(always)]
fn around(data: &[u8], bounds: Bounds, at: usize, first: usize, place: usize) -> Match {
    let (after_place, after) = (place + MIN_MATCH, at + MIN_MATCH);
    let end = after + common_prefix(data, after_place, after, bounds.matches_end);
    let before_max = (at - first).min(place - bounds.start);
    let before = common_suffix(data, place, at, before_max);
    Match { before, end, distance: at - place }
}
