//! The upper levels: the cheapest way through the data, by what literals and matches
//! are expected to cost.
//!
//! From a place where a match begins, ways to all places after it are compared,
//! until there is one that all matches end at or before.

use super::block::BLOCK_MAX;
use super::frame::Search;
use super::parse::Parse;
use super::price::Prices;
use super::sequences::{MIN_MATCH, Repeats, code};
use crate::codec::bytes::common_prefix;
use crate::codec::match_finder::{Link, Long, MatchFinder, Word};
use crate::codec::places::Short;

/// So far ways are compared at once.
const REACH: usize = 4096;
/// The cost of a match beside its bits, in 256ths of a bit: fewer matches are faster to
/// decode.
const MATCH_COST: u32 = 51;
/// A way that was not found yet.
const NO_WAY: u32 = u32::MAX;

/// How much is done to find the cheapest way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many earlier places are looked at.
    pub(super) depth: u32,
    /// The same for those with longer words.
    pub(super) long_depth: u32,
    /// A match of this length is taken at once.
    pub(super) nice: usize,
    /// All lengths of a match are tried, and all places where one may begin.
    pub(super) thorough: bool,
    /// The first block of each frame is gone through twice, first to find prices.
    pub(super) twice: bool,
    pub(super) hash_bits: u32,
}

/// The cheapest way to a place.
#[derive(Debug, Clone, Copy)]
struct Node {
    cost: u32,
    /// The last match on it, or 0.
    len: u32,
    offset: u32,
    /// How many literals come after that.
    literals: u32,
    /// The last offsets. After a match they are known only when it is visited.
    repeats: Repeats,
}

impl Node {
    const NONE: Node =
        Node { cost: NO_WAY, len: 0, offset: 0, literals: 0, repeats: Repeats::FIRST };
}

#[derive(Debug, Clone, Copy)]
struct Match {
    len: u32,
    offset: u32,
    /// The code of the offset.
    code: u32,
}

/// The matches that begin at a place.
struct Found<'a> {
    /// The length of the last match.
    best: usize,
    matches: &'a mut Vec<Match>,
}

impl Found<'_> {
    /// Goes back along the links of a place, and takes each match that is longer than
    /// those before.
    #[inline(always)]
    fn walk<W: Word, L: Link, const HEADS: usize, const LINKS: usize>(
        &mut self,
        finder: &MatchFinder<W, L, HEADS, LINKS>,
        depth: u32,
        effort: Effort,
        window: usize,
        data: &[u8],
        at: usize,
    ) {
        let lowest = finder.lowest().max(at.saturating_sub(window));
        let mut link = finder.link(at);
        let mut place = at;
        for _ in 0..depth {
            if link.wrapping_sub(1) >= place - lowest {
                break;
            }
            place -= link;
            if data.get(place + self.best) == data.get(at + self.best) {
                let len = common_prefix(data, place, at, data.len());
                if len > self.best {
                    self.best = len;
                    let offset = (at - place) as u32;
                    let code = (offset + 3).ilog2();
                    self.matches.push(Match { len: len as u32, offset, code });
                    if len >= effort.nice || at + len == data.len() {
                        break;
                    }
                }
            }
            link = finder.link(place);
        }
    }
}

/// Finds the cheapest way through the data.
#[derive(Debug)]
pub(super) struct Optimal<L, const HEADS: usize, const LINKS: usize> {
    finder: MatchFinder<u32, L, HEADS, LINKS>,
    /// Of longer words, which lead further back.
    long: MatchFinder<Long<8>, L, HEADS, LINKS>,
    short: Short<{ 1 << 14 }>,
    effort: Effort,
    window: usize,
    prices: Prices,
    /// Have prices been told by some data?
    priced: bool,
    nodes: Box<[Node]>,
    /// The matches that begin at a place, the shortest first.
    matches: Vec<Match>,
}

impl<L: Link, const HEADS: usize, const LINKS: usize> Optimal<L, HEADS, LINKS> {
    pub(super) fn new(effort: Effort, window: usize) -> Self {
        Optimal {
            finder: MatchFinder::new(),
            long: MatchFinder::new(),
            short: Short::new(),
            effort,
            window,
            prices: Prices::new(),
            priced: false,
            nodes: vec![Node::NONE; REACH + 1].into_boxed_slice(),
            matches: Vec::new(),
        }
    }

    /// Finds the matches at a place, each longer than the one before.
    fn find(&mut self, data: &[u8], start: usize, at: usize, node: Node, max: usize) {
        self.matches.clear();
        let end = data.len().min(at + max);
        let mut best = MIN_MATCH - 1;
        let [first, second, third] = node.repeats.0;
        let repeats = match node.literals {
            0 => [second, third, first.wrapping_sub(1)],
            _ => [first, second, third],
        };
        for (index, offset) in (1_u32..).zip(repeats) {
            if offset == 0 || offset as usize > at - start {
                continue;
            }
            let len = common_prefix(data, at - offset as usize, at, end);
            if len > best {
                best = len;
                self.matches.push(Match { len: len as u32, offset, code: index.ilog2() });
            }
        }
        if best >= self.effort.nice {
            return;
        }
        if best < 4 {
            let offset = self.short.distance(data, at);
            if offset.wrapping_sub(1) < (at - start).min(self.window) {
                let len = common_prefix(data, at - offset, at, end);
                if len > best {
                    best = len;
                    self.push(len, offset);
                }
            }
        }
        // The last places of data have no links.
        if at + 8 >= data.len() {
            return;
        }
        let mut found = Found { best, matches: &mut self.matches };
        let finder = &mut self.finder;
        if finder.next_linked(data, at, at + 1).is_some() {
            found.walk(finder, self.effort.depth, self.effort, self.window, &data[..end], at);
        }
        if self.effort.long_depth > 0 && found.best < self.effort.nice {
            let finder = &mut self.long;
            if finder.next_linked(data, at, at + 1).is_some() {
                let depth = self.effort.long_depth;
                found.walk(finder, depth, self.effort, self.window, &data[..end], at);
            }
        }
    }

    fn push(&mut self, len: usize, offset: usize) {
        let offset = offset as u32;
        self.matches.push(Match { len: len as u32, offset, code: (offset + 3).ilog2() });
    }

    /// Compares the ways from `begin` on and puts the cheapest one into the parse.
    fn series(&mut self, data: &[u8], parse: &mut Parse, begin: usize) {
        self.nodes[0] = Node {
            cost: 0,
            len: 0,
            offset: 0,
            literals: (begin - parse.anchor) as u32,
            repeats: parse.repeats,
        };
        let (mut at, mut reach) = (0, 0);
        loop {
            let node = self.visit(at);
            // Elsewhere a match begins just as well a byte later.
            let worth = self.effort.thorough
                || at == 0
                || at >= reach
                || self.nodes[at + 1].cost > node.cost.saturating_add(128);
            if at < REACH && worth {
                self.find(data, parse.start, begin + at, node, usize::MAX >> 1);
                if let Some(last) = self.matches.last().copied() {
                    if last.len as usize >= self.effort.nice || at + last.len as usize >= REACH {
                        self.take(data, parse, begin, at, Some(last));
                        return;
                    }
                    reach = self.extend(at, node, reach);
                }
            }
            if at == reach {
                break;
            }
            reach = self.literal(at, node, reach, &data[begin + at..]);
            at += 1;
        }
        if at == 0 {
            parse.at = begin + 1;
            return;
        }
        self.take(data, parse, begin, at, None);
    }

    /// Completes the node at a place, to which all ways are known now.
    #[inline(always)]
    fn visit(&mut self, at: usize) -> Node {
        let node = self.nodes[at];
        let repeats = if node.len > 0 && node.literals == 0 {
            self.repeats_after(at, node)
        } else {
            node.repeats
        };
        self.nodes[at].repeats = repeats;
        Node { repeats, ..node }
    }

    /// The last offsets after the match of a node that ends at `end`.
    #[inline(always)]
    fn repeats_after(&self, end: usize, node: Node) -> Repeats {
        let before = self.nodes[end - node.len as usize];
        let mut repeats = before.repeats;
        repeats.code(node.offset, before.literals);
        repeats
    }

    /// Goes on by a literal, and returns how far ways are known.
    #[inline(always)]
    fn literal(&mut self, at: usize, node: Node, reach: usize, bytes: &[u8]) -> usize {
        let prices = &self.prices;
        let literals = node.literals + 1;
        let more = |cost: u32, literals: u32, byte: u8| {
            (cost + prices.literal(byte) + prices.literals(literals))
                .saturating_sub(prices.literals(literals - 1))
        };
        let cost = more(node.cost, literals, bytes[0]);
        let next = self.nodes[at + 1];
        if cost > next.cost {
            return reach;
        }
        self.nodes[at + 1] = Node { cost, literals, ..node };
        // Where few matches follow each other at once, the one that ended here may be
        // better with a literal after it.
        let is_match = next.cost != NO_WAY && next.len > 0 && next.literals == 0;
        if !is_match || at + 2 > REACH || prices.literals(1) >= prices.literals(0) {
            return reach;
        }
        let Some(byte) = bytes.get(1) else { return reach };
        let with_one = more(next.cost, 1, *byte);
        let known = if at + 2 <= reach { self.nodes[at + 2].cost } else { NO_WAY };
        if with_one < more(cost, literals + 1, *byte) && with_one < known {
            let repeats = self.repeats_after(at + 1, next);
            self.nodes[at + 2] = Node { cost: with_one, literals: 1, repeats, ..next };
            return reach.max(at + 2);
        }
        reach
    }

    /// Goes on by the matches that were found.
    #[inline(always)]
    fn extend(&mut self, at: usize, node: Node, mut reach: usize) -> usize {
        let mut shortest = MIN_MATCH as u32;
        let fixed = node.cost + self.prices.literals(0) + MATCH_COST;
        for found in &self.matches {
            let end = at + found.len as usize;
            while reach < end {
                reach += 1;
                self.nodes[reach].cost = NO_WAY;
            }
            let fixed = fixed + self.prices.offset(found.code);
            for len in (shortest..=found.len).rev() {
                let cost = fixed + self.prices.len(len);
                let to = &mut self.nodes[at + len as usize];
                if cost < to.cost {
                    to.cost = cost;
                    (to.len, to.offset, to.literals) = (len, found.offset, 0);
                } else if !self.effort.thorough {
                    break;
                }
            }
            shortest = found.len + 1;
        }
        reach
    }

    /// Puts the way to `at` into the parse, and a match after it.
    fn take(
        &mut self,
        data: &[u8],
        parse: &mut Parse,
        begin: usize,
        at: usize,
        last: Option<Match>,
    ) {
        // The way is known from its end. Each match on it gets the next one in place
        // of its cost.
        let (mut place, mut next) = (at, 0);
        loop {
            let node = self.nodes[place];
            if node.len == 0 {
                break;
            }
            let end = place - node.literals as usize;
            self.nodes[end] = Node { cost: next, literals: 0, ..node };
            next = end as u32;
            place = end - node.len as usize;
        }
        while next != 0 {
            let node = self.nodes[next as usize];
            let start = begin + next as usize - node.len as usize;
            self.add(data, parse, start, node.len, node.offset);
            next = node.cost;
        }
        parse.at = begin + at;
        if let Some(found) = last {
            self.add(data, parse, begin + at, found.len, found.offset);
        }
        self.prices.follow();
    }

    fn add(&mut self, data: &[u8], parse: &mut Parse, start: usize, len: u32, offset: u32) {
        let literals = &data[parse.anchor..start];
        let mut repeats = parse.repeats;
        // A longer one becomes several, in several blocks.
        let len_there = len.min(BLOCK_MAX as u32);
        let coded = code(&mut repeats, literals.len() as u32, len_there, offset);
        self.prices.add(&coded, literals);
        parse.push(start, len as usize, offset as usize);
    }

    fn run(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let limit = data.len().saturating_sub(8);
        while parse.at < target {
            // Also where no four bytes come again, three may.
            let at = parse.at;
            if at >= limit.min(target) {
                parse.at = if target <= limit { target } else { data.len() };
                return;
            }
            self.series(data, parse, at);
        }
    }
}

impl<L: Link, const HEADS: usize, const LINKS: usize> Search for Optimal<L, HEADS, LINKS> {
    fn begin_segment(&mut self, len: usize) {
        self.finder.begin();
        self.long.begin();
        self.short.begin_segment(len);
        self.priced = false;
    }

    fn begin(&mut self, start: usize) {
        self.finder.begin_block(start, self.effort.hash_bits);
        if self.effort.long_depth > 0 {
            self.long.begin_block(start, self.effort.hash_bits);
        }
        self.short.begin(start);
    }

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let first = parse.at == parse.start;
        if first && !self.priced {
            let some = &data[parse.start..target.max(parse.start + 1024).min(data.len())];
            self.prices.begin(some);
        }
        if first && (self.effort.twice || (!self.priced && self.effort.thorough)) {
            self.run(data, parse, target.min(parse.start + BLOCK_MAX));
            parse.begin(parse.start);
            // The first run may have gone further than the finders remember.
            self.begin(parse.start);
        }
        self.priced = true;
        self.run(data, parse, target);
    }
}
