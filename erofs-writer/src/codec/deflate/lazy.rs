//! The middle levels: a match is taken unless one that begins a byte or two later is
//! better.

use super::parse::Parse;
use super::stream::Search;
use super::symbols::{MAX_MATCH, MIN_MATCH};
use crate::codec::bytes::common_prefix;
use crate::codec::match_finder::MatchFinder;
use crate::codec::places::Short;

/// How much is done to find a match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many earlier places are looked at.
    pub(super) depth: u32,
    /// A match of this length is taken at once.
    pub(super) nice: usize,
    /// How many places further a better one may begin.
    pub(super) ahead: usize,
    /// Are matches of three bytes looked for?
    pub(super) short: bool,
    /// Also those with places inside other matches?
    pub(super) thorough: bool,
    pub(super) hash_bits: u32,
    /// How far back a match may begin.
    pub(super) window: usize,
}

/// A match, or none if the length is 0.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    at: usize,
    len: usize,
    distance: usize,
}

/// A match of three bytes pays up to here.
const SHORT_DISTANCE: usize = 2048;

impl Match {
    /// Its worth, in quarters of bytes.
    #[inline(always)]
    fn gain(&self) -> i64 {
        4 * self.len as i64 - i64::from((self.distance as u32 | 1).ilog2())
    }
}

/// The search of the middle levels.
#[derive(Debug)]
pub(super) struct Lazy {
    finder: Finder,
    short: Short<{ 1 << 15 }>,
    effort: Effort,
}

/// Chains that reach as far as the window.
pub(super) type Finder = MatchFinder<u32, u16, { 1 << 16 }, { (1 << 16) + 8 }>;

impl Lazy {
    pub(super) fn new(effort: Effort) -> Self {
        Lazy { finder: Finder::new(), short: Short::new(), effort }
    }

    /// The longest match at a place with a link, longer than `better` bytes.
    #[inline(always)]
    fn search(&self, data: &[u8], at: usize, better: usize, depth: u32) -> Match {
        let end = data.len().min(at + MAX_MATCH);
        let lowest = self.finder.lowest().max(at.saturating_sub(self.effort.window));
        let mut best = Match { at, len: better, distance: 0 };
        let mut link = self.finder.link(at);
        let mut place = at;
        for _ in 0..depth {
            if link.wrapping_sub(1) >= place - lowest {
                break;
            }
            place -= link;
            if data.get(place + best.len) == data.get(at + best.len) {
                let len = common_prefix(data, place, at, end);
                if len > best.len {
                    best.len = len;
                    best.distance = at - place;
                    if len >= self.effort.nice || at + len == end {
                        break;
                    }
                }
            }
            link = self.finder.link(place);
        }
        if best.distance == 0 { Match::default() } else { best }
    }

    /// A match of three bytes or a little more.
    #[inline(always)]
    fn search_short(&mut self, data: &[u8], start: usize, at: usize) -> Match {
        let distance = if self.effort.thorough {
            self.short.distance(data, at)
        } else {
            self.short.replace(data, at)
        };
        if distance.wrapping_sub(1) < (at - start).min(SHORT_DISTANCE.min(self.effort.window)) {
            let len = common_prefix(data, at - distance, at, data.len().min(at + MAX_MATCH));
            if len >= MIN_MATCH {
                return Match { at, len, distance };
            }
        }
        Match::default()
    }

    /// The best match at `at`.
    #[inline(always)]
    fn find(&mut self, data: &[u8], start: usize, at: usize, better: usize, depth: u32) -> Match {
        if self.finder.find_link(data, at) > 0 {
            return self.search(data, at, better.max(MIN_MATCH), depth);
        }
        if self.effort.short && better < MIN_MATCH {
            return self.search_short(data, start, at);
        }
        Match::default()
    }

    /// The best of a match and those that begin soon after it.
    #[inline(always)]
    fn best(&mut self, data: &[u8], start: usize, limit: usize, mut best: Match) -> Match {
        let mut next = best.at + 1;
        let mut last = best.at + self.effort.ahead;
        let mut depth = self.effort.depth / 2 + 1;
        while next <= last && next < limit && best.len < self.effort.nice {
            let step = (next - best.at) as i64;
            let found = self.find(data, start, next, best.len - 1, depth);
            let needed = if step <= 1 { 2 } else { 6 };
            if found.len > 0 && found.gain() > best.gain() + needed {
                best = found;
                last = best.at + self.effort.ahead;
            } else {
                depth = depth / 2 + 1;
            }
            next += 1;
        }
        best
    }
}

impl Search for Lazy {
    fn begin_segment(&mut self, len: usize) {
        self.finder.begin();
        self.short.begin_segment(len);
    }

    fn begin(&mut self, start: usize) {
        self.finder.begin_block(start, self.effort.hash_bits);
        self.short.begin(start);
    }

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let limit = data.len().saturating_sub(8);
        let start = parse.start;
        let mut at = parse.at;
        while at < target.min(limit) {
            if !self.effort.short {
                let Some(linked) = self.finder.next_linked(data, at, target.min(limit)) else {
                    break;
                };
                at = linked;
            }
            let found = self.find(data, start, at, 0, self.effort.depth);
            if found.len == 0 {
                at += 1;
                continue;
            }
            let found = self.best(data, start, limit, found);
            parse.push(found.at, found.len, found.distance);
            at = parse.anchor;
        }
        parse.at = at.max(target).min(data.len());
    }
}
