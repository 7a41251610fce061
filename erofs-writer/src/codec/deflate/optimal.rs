//! The upper levels: the cheapest way through the data, by what literals and matches
//! are expected to cost.
//!
//! Matches are looked for once in a region. Then the cheapest way is found from its end
//! to its beginning, several times: what comes on a way tells the costs for the next one.

use super::counts::Counts;
use super::lazy::Finder;
use super::parse::Parse;
use super::price::Prices;
use super::split::{Part, Parts, split};
use super::stream::Search;
use super::symbols::{DISTANCES, MAX_MATCH, MIN_MATCH, distance_symbol};
use crate::codec::bytes::{common_prefix, word};
use crate::codec::places::Short;
use crate::codec::runs::Runs;

/// The longest region.
const REGION_MAX: usize = 1 << 18;
/// So few bytes are coded by fixed codes.
const FIXED_MAX: usize = 128;

/// How much is done to find the cheapest way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many earlier places are looked at.
    pub(super) depth: u32,
    /// Behind a match of this length no others are looked for in it.
    pub(super) nice: usize,
    /// How often the way is found.
    pub(super) passes: u32,
    pub(super) hash_bits: u32,
    /// How many bytes are in the parts that may have costs of their own.
    pub(super) part_len: usize,
    /// How far back a match may begin.
    pub(super) window: usize,
}

#[derive(Debug, Clone, Copy)]
struct Match {
    /// The length, less the shortest one.
    more: u8,
    /// The symbol of the distance, less that of the shortest one.
    code: u8,
    distance: u16,
}

impl Match {
    #[inline(always)]
    fn new(len: usize, distance: usize) -> Self {
        let code = (distance_symbol(distance as u32) - DISTANCES) as u8;
        Match { more: (len - MIN_MATCH) as u8, code, distance: distance as u16 }
    }

    #[inline(always)]
    fn len(self) -> usize {
        usize::from(self.more) + MIN_MATCH
    }
}

/// How a way goes on at a place.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The cost from here to the end.
    cost: u32,
    /// A match that begins here; a literal has the length 1.
    len: u16,
    distance: u16,
}

/// The search of the upper levels.
#[derive(Debug)]
pub(super) struct Optimal {
    finder: Finder,
    short: Short<{ 1 << 15 }>,
    effort: Effort,
    prices: Prices,
    /// Are the costs those of some data before?
    priced: bool,
    /// The matches of all places, the shortest first at each.
    matches: Vec<Match>,
    /// For each place, the index after its matches.
    ends: Vec<u32>,
    nodes: Vec<Node>,
    /// The last way, to find blocks in it.
    way: Parse,
    parts: Parts,
    blocks: Runs<Part>,
}

impl Optimal {
    pub(super) fn new(effort: Effort) -> Self {
        Optimal {
            finder: Finder::new(),
            short: Short::new(),
            effort,
            prices: Prices::new(),
            priced: false,
            matches: Vec::new(),
            ends: Vec::new(),
            nodes: Vec::new(),
            way: Parse::new(),
            parts: Parts::new(effort.part_len),
            blocks: Runs::new(),
        }
    }

    /// Finds the matches at all places from `begin` to `end`.
    fn find_all(&mut self, data: &[u8], start: usize, begin: usize, end: usize) {
        self.matches.clear();
        self.ends.clear();
        // A long match goes on up to here.
        let (mut inside, mut inside_end) = (Match::new(MIN_MATCH, 1), begin);
        for at in begin..end {
            if at + MIN_MATCH <= inside_end {
                inside.more = (inside_end - at).min(MAX_MATCH).abs_diff(MIN_MATCH) as u8;
                self.matches.push(inside);
            } else {
                let len = self.find(data, start, at);
                if len >= self.effort.nice {
                    inside = self.matches[self.matches.len() - 1];
                    let distance = usize::from(inside.distance);
                    let most = data.len().min(end + MAX_MATCH);
                    inside_end = at + len;
                    if len == MAX_MATCH {
                        inside_end += common_prefix(data, inside_end - distance, inside_end, most);
                    }
                }
            }
            self.ends.push(self.matches.len() as u32);
        }
    }

    /// Finds the matches at a place, each longer than the one before, and returns the
    /// longest length.
    #[inline(always)]
    fn find(&mut self, data: &[u8], start: usize, at: usize) -> usize {
        let mut best = MIN_MATCH - 1;
        let Some(bytes) = word(data, at as u32) else { return best };
        let distance = self.short.distance(data, at);
        if distance.wrapping_sub(1) < (at - start).min(self.effort.window) {
            // Longer ones are found below.
            let differ = word(data, (at - distance) as u32).unwrap_or(0) ^ bytes;
            if differ != 0 && differ << 8 == 0 {
                best = MIN_MATCH;
                self.matches.push(Match::new(best, distance));
            }
        }
        let end = data.len().min(at + MAX_MATCH);
        let mut link = self.finder.find_link(data, at);
        let mut left = at - self.finder.lowest().max(at.saturating_sub(self.effort.window));
        let mut place = at;
        let mut last = bytes.to_le_bytes()[best];
        for _ in 0..self.effort.depth {
            if link.wrapping_sub(1) >= left {
                break;
            }
            left -= link;
            place -= link;
            if data[place + best] == last {
                let len = common_prefix(data, place, at, end);
                if len > best {
                    best = len;
                    self.matches.push(Match::new(len, at - place));
                    if len >= self.effort.nice || at + len >= end {
                        break;
                    }
                    last = data[at + len];
                }
            }
            link = self.finder.link(place);
        }
        best
    }

    /// Sets the costs after the region. A match that reaches there saves something.
    fn begin_ways(&mut self, len: usize) {
        let none = Node { cost: 0, len: 1, distance: 0 };
        self.nodes.clear();
        self.nodes.resize(len + MAX_MATCH, none);
        let per_byte = 2 << 8;
        for (index, node) in (1..).zip(self.nodes[len..].iter_mut().rev()) {
            node.cost = index * per_byte;
        }
    }

    /// Finds the cheapest way from `first` to `last` in the region `data`, if those
    /// after `last` are known.
    fn find_way(&mut self, data: &[u8], first: usize, last: usize) {
        let prices = &self.prices;
        let mut matches_end = self.ends[last - 1] as usize;
        for at in (first..last).rev() {
            let matches_begin = match at {
                0 => 0,
                at => self.ends[at - 1] as usize,
            };
            let nodes = &self.nodes[at + 1..][..MAX_MATCH];
            let cost = prices.literals[usize::from(data[at])] + nodes[0].cost;
            let mut best = Node { cost, len: 1, distance: 0 };
            let matches = &self.matches[matches_begin..matches_end];
            for (index, found) in matches.iter().enumerate().rev() {
                let fixed = prices.distances[usize::from(found.code) % 32];
                let shorter = index.checked_sub(1).map(|index| matches[index].len());
                let lens = shorter.unwrap_or(MIN_MATCH - 1)..found.len();
                // After less of the match, the rest of the way costs more still.
                let stop = |best: Node| best.cost.saturating_sub(fixed + prices.len_min);
                let mut most = stop(best);
                let costs = prices.lens[1..][lens.clone()].iter().zip(&nodes[lens.clone()]);
                for (len, (price, node)) in lens.zip(costs).rev() {
                    if node.cost >= most {
                        break;
                    }
                    let cost = fixed + price + node.cost;
                    if cost <= best.cost {
                        best = Node { cost, len: len as u16 + 1, distance: found.distance };
                        most = stop(best);
                    }
                }
            }
            self.nodes[at] = best;
            matches_end = matches_begin;
        }
    }

    /// Adds the way through a region that begins at `begin` to a parse.
    fn follow(nodes: &[Node], begin: usize, len: usize, parse: &mut Parse) {
        let mut at = 0;
        while at < len {
            let node = nodes[at];
            let taken = usize::from(node.len);
            if taken > 1 {
                parse.push(begin + at, taken, node.distance.into());
            }
            at += taken;
        }
        parse.at = begin + at;
    }

    /// Finds the way again with the costs that each block of the last one has.
    fn refine(&mut self, data: &[u8], begin: usize, len: usize) {
        self.way.begin(begin);
        Self::follow(&self.nodes, begin, len, &mut self.way);
        self.way.push_literals(self.way.at);
        self.parts.begin();
        self.parts.add(data, begin, &self.way.sequences);
        split(&mut self.blocks, self.parts.from(0));
        let region = &data[begin..begin + len];
        self.begin_ways(len);
        let mut last = len;
        for index in (0..self.blocks.len()).rev() {
            let block = self.blocks.get(index);
            let first = block.start - begin;
            self.prices.set(&block.counts);
            self.find_way(region, first, last);
            last = first;
        }
        // What comes next is most like the last block.
        let counts: &Counts = &self.blocks.get(self.blocks.len() - 1).counts;
        self.prices.set(counts);
    }

    /// Parses a region.
    fn parse_region(&mut self, data: &[u8], parse: &mut Parse, end: usize) {
        let (begin, len) = (parse.at, end - parse.at);
        self.find_all(data, parse.start, begin, end);
        let mut passes = self.effort.passes;
        if end - parse.start < FIXED_MAX {
            self.prices.set_fixed();
            (self.priced, passes) = (false, 1);
        } else if !self.priced {
            self.prices.guess(&data[begin..end]);
            self.priced = true;
            passes += 1;
        }
        self.begin_ways(len);
        self.find_way(&data[begin..end], 0, len);
        for _ in 1..passes {
            self.refine(data, begin, len);
        }
        Self::follow(&self.nodes, begin, len, parse);
    }
}

impl Search for Optimal {
    fn begin_segment(&mut self, len: usize) {
        self.finder.begin();
        self.short.begin_segment(len);
    }

    fn restart(&mut self) {
        self.priced = false;
    }

    fn begin(&mut self, start: usize) {
        self.finder.begin_block(start, self.effort.hash_bits);
        self.short.begin(start);
    }

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        while parse.at < target {
            let end = target.min(parse.at + REGION_MAX);
            self.parse_region(data, parse, end);
        }
    }
}
