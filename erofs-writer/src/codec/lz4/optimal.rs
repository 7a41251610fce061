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
    effort: Effort,
    chains: Chains,
    frontier: Frontier,
    /// What a search has found.
    found: Vec<Match>,
}

/// A match around the place that is looked at.
#[derive(Debug, Clone, Copy)]
struct Match {
    /// How many bytes before that place it begins.
    before: usize,
    end: usize,
    distance: usize,
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

/// How far the search for a match goes.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// How many earlier places are looked at.
    depth: usize,
    /// A match of this length ends the search.
    nice: usize,
}

impl Effort {
    fn of(level: u8) -> Self {
        let (depth, nice) = match level {
            0..=2 => (2, 32),
            3 => (4, 48),
            4 => (6, 64),
            5 => (8, 64),
            6 => (12, 96),
            7 => (16, 128),
            8 => (24, 192),
            9 => (40, 256),
            10 => (96, 512),
            11 => (192, 1024),
            _ => (384, 4096),
        };
        Effort { depth, nice }
    }
}

impl Optimal {
    pub(super) fn new(level: u8) -> Self {
        Optimal {
            effort: Effort::of(level),
            chains: Chains::new(),
            frontier: Frontier::default(),
            found: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.chains.begin();
    }

    /// Encodes a block that begins at `start`; `data` ends where the block
    /// must.
    pub(super) fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        self.parse(data, start, out.len());
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
        self.frontier.begin(start);
        self.chains.begin_block(start);
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
        // Of the match that leads furthest: where it ends, and how many bytes
        // before `at` it begins.
        let (mut end, mut before) = (reach, 0);
        let before_max = at - first;
        let lowest = self.chains.lowest();
        let mut place = at;
        for _ in 0..self.effort.depth {
            let link = self.chains.link(place);
            if link == 0 || place < lowest + link {
                break;
            }
            place -= link;
            // Most places can be told by the byte that they would have to add.
            if data[place + (end - at)] != data[end] {
                let is_earlier = before < before_max.min(place - start)
                    && data[place - before - 1] == data[at - before - 1];
                if !is_earlier {
                    continue;
                }
            }
            let (after_place, after) = (place + MIN_MATCH, at + MIN_MATCH);
            let new_end = after + common_prefix(data, after_place, after, matches_end);
            if new_end <= reach {
                continue;
            }
            let new_before = common_suffix(data, place, at, before_max.min(place - start));
            let distance = at - place;
            if new_end > end {
                (end, before) = (new_end, new_before);
                self.found.push(Match { before, end, distance });
                if end >= matches_end || end - at >= self.effort.nice {
                    break;
                }
            } else if new_before > before {
                if new_end == end {
                    before = new_before;
                }
                self.found.push(Match { before: new_before, end: new_end, distance });
            }
        }
        !self.found.is_empty() && self.insert(at, last_start)
    }

    /// Puts in what was found around `at`, the shortest first, so that longer
    /// matches can begin behind shorter ones.
    fn insert(&mut self, at: usize, last_start: usize) -> bool {
        if self.found.len() > 1 {
            self.found.sort_unstable_by_key(|found| (found.end, found.before, found.distance));
        }
        let mut extended = false;
        for (index, found) in self.found.iter().enumerate() {
            // One that begins no later and leads as far makes it useless.
            let next = &self.found[index + 1..];
            let useless = next.iter().any(|next| next.before >= found.before);
            let start = at - found.before;
            if !useless && start <= last_start {
                extended |= self.frontier.insert(start, last_start, found.end, found.distance);
            }
        }
        extended
    }
}
