//! High compression: a near-optimal parse that looks for matches once a
//! sequence, not once a byte.
//!
//! A match that leads beyond the reach R contains the four bytes around R - 1
//! that begin at R - 3. So it is enough to look there for earlier places with
//! these bytes, and to extend each match to both sides.

use super::block::{MIN_MATCH, Writer, limits};
use super::bytes::{common_prefix, common_suffix};
use super::chain::Chains;
use super::frontier::Frontier;
use crate::codec::Filled;

/// See the module.
#[derive(Debug)]
pub(super) struct Optimal {
    level: u8,
    /// For the block at hand.
    effort: Effort,
    chains: Chains,
    frontier: Frontier,
    /// What a search has found.
    found: Vec<Match>,
    /// What `frontier` is about.
    parsed: Option<Parsed>,
}

/// A block that has been parsed.
#[derive(Debug, Clone, Copy)]
struct Parsed {
    start: usize,
    /// Where it may have ended.
    end: usize,
    room: usize,
}

/// A match around the place that is looked at.
#[derive(Debug, Clone, Copy)]
struct Match {
    /// How many bytes before that place it begins.
    before: usize,
    end: usize,
    distance: usize,
}

/// Of the matches around the place that is looked at, the one that leads
/// furthest.
///
/// Most other places can be told by the bytes that a better match would have
/// to add.
#[derive(Debug, Clone, Copy)]
struct Furthest {
    end: usize,
    /// How many bytes before that place it begins.
    before: usize,
    last_byte: u8,
    /// [`NO_BYTE`] if it may not begin earlier.
    first_byte: u16,
}

impl Furthest {
    #[inline(always)]
    fn new(data: &[u8], at: usize, first: usize, end: usize, before: usize) -> Self {
        let start = at - before;
        let first_byte = if start > first { u16::from(data[start - 1]) } else { NO_BYTE };
        Furthest { end, before, last_byte: data[end], first_byte }
    }
}

/// Where matches of a block may be.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Where the block begins.
    start: usize,
    /// Where the last match may begin.
    last_start: usize,
    /// Where all must have ended.
    matches_end: usize,
}

/// A match that begins where another search has looked may be new all the
/// same, as that one did not go to the end. So far back it is taken.
const LOOK_BACK: usize = 32;

/// The longest output of a block that is called short.
const SHORT_BLOCK: usize = 8192;

/// What no byte is.
const NO_BYTE: u16 = 256;

/// How far the search for a match goes.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// How many earlier places are looked at.
    depth: u32,
    /// A match of this length ends the search.
    nice: usize,
    hash_bits: u32,
}

impl Effort {
    /// The effort for a block of `room` bytes. A short one has fewer earlier
    /// places, and a table for them in the fastest cache.
    fn of(level: u8, room: usize) -> Self {
        let is_short = room <= SHORT_BLOCK;
        let choose = |short, long| if is_short { short } else { long };
        let (depth, nice) = match level {
            0..=2 => (2, 32),
            3 => (4, 48),
            4 => (choose(5, 6), 64),
            5 => (choose(6, 8), 64),
            6 => (choose(8, 12), 96),
            7 => (choose(10, 16), 128),
            8 => (choose(12, 20), 192),
            9 => (choose(16, 28), 256),
            10 => (choose(48, 96), 512),
            11 => (choose(96, 192), 1024),
            _ => (384, 4096),
        };
        let hash_bits = choose(if level < 10 { 14 } else { 16 }, 17);
        Effort { depth, nice, hash_bits }
    }
}

impl Optimal {
    pub(super) fn new(level: u8) -> Self {
        Optimal {
            level,
            effort: Effort::of(level, 0),
            chains: Chains::new(),
            frontier: Frontier::default(),
            found: Vec::new(),
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
        // The cheapest ways to what fits into less room are known already.
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
        // Matches that contain the four bytes here have been looked at.
        let mut looked = start;
        let mut reach = start;
        loop {
            // What comes takes a byte for each literal.
            let Some(left) = room.checked_sub(self.frontier.cost()) else { return };
            let limit = limit.min(reach + left);
            // Of what begins before or at `looked` nothing leads further.
            let at = (looked + 1).max(reach.saturating_sub(MIN_MATCH - 1));
            let at_linked = self.chains.next_linked(data, at, limit);
            // All before it, and its first bytes, have to be reached.
            let needed = at_linked.unwrap_or(limit) + MIN_MATCH - 1;
            self.frontier.literals_to(needed);
            reach = reach.max(needed);
            let Some(at) = at_linked else { return };
            let first = (looked + 1).min(at.saturating_sub(LOOK_BACK).max(start + 1));
            if self.search(data, bounds, at, first, reach) {
                reach = self.frontier.reach();
            }
            looked = at;
        }
    }

    /// Finds the matches that contain the four bytes at `at`, lead further and
    /// begin at `first` or behind it, and puts them into the frontier. Did
    /// that extend it?
    #[inline(always)]
    fn search(
        &mut self,
        data: &[u8],
        bounds: Bounds,
        at: usize,
        first: usize,
        reach: usize,
    ) -> bool {
        let Bounds { start, last_start, matches_end } = bounds;
        self.found.clear();
        let before_max = at - first;
        let mut best = Furthest::new(data, at, first, reach, 0);
        let lowest = self.chains.lowest();
        let mut tries = self.effort.depth;
        let mut place = at - self.chains.link(at);
        if place < lowest {
            return false;
        }
        loop {
            let (after_place, after) = (place + MIN_MATCH, at + MIN_MATCH);
            let end = after + common_prefix(data, after_place, after, matches_end);
            let before = common_suffix(data, place, at, before_max.min(place - start));
            let new = Match { before, end, distance: at - place };
            if end > best.end {
                while self.found.last().is_some_and(|last| last.before <= before) {
                    self.found.pop();
                }
                self.found.push(new);
                if end >= matches_end || end - at >= self.effort.nice {
                    break;
                }
                best = Furthest::new(data, at, first, end, before);
            } else if before > best.before {
                if end == best.end {
                    best = Furthest::new(data, at, first, end, before);
                }
                self.add_shorter(new);
            }
            match self.next_place(data, at, place, &best, lowest, &mut tries) {
                Some(next) => place = next,
                None => break,
            }
        }
        self.insert(at, last_start)
    }

    /// The next place from `place` on back where there may be a better match.
    #[inline(always)]
    fn next_place(
        &self,
        data: &[u8],
        at: usize,
        mut place: usize,
        best: &Furthest,
        lowest: usize,
        tries: &mut u32,
    ) -> Option<usize> {
        loop {
            let link = self.chains.link(place);
            *tries -= 1;
            // There is none if it is 0.
            if link.wrapping_sub(1) >= place - lowest || *tries == 0 {
                return None;
            }
            place -= link;
            let leads = data[place + (best.end - at)] == best.last_byte;
            let byte = data.get(place.wrapping_sub(best.before + 1));
            let is_earlier = byte.is_some_and(|byte| u16::from(*byte) == best.first_byte);
            // Taken at random, and so one branch and not two.
            if leads | is_earlier {
                return Some(place);
            }
        }
    }

    /// Adds a match to those that were found, which are in the order of their
    /// ends, unless another one begins no later and leads as far.
    fn add_shorter(&mut self, new: Match) {
        let mut index = self.found.len();
        while let Some(found) = index.checked_sub(1).map(|index| self.found[index]) {
            if found.end >= new.end && found.before >= new.before {
                return;
            }
            if found.end < new.end && found.before > new.before {
                break;
            }
            index -= 1;
            if found.end <= new.end {
                self.found.remove(index);
            }
        }
        self.found.insert(index, new);
    }

    /// Puts in what was found around `at`, the shortest first, so that longer
    /// matches can begin behind shorter ones.
    fn insert(&mut self, at: usize, last_start: usize) -> bool {
        let mut extended = false;
        for found in &self.found {
            let start = at - found.before;
            if start <= last_start {
                extended |= self.frontier.insert(start, last_start, found.end, found.distance);
            }
        }
        extended
    }
}
