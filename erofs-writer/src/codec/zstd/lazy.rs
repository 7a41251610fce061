//! The middle levels: a match is taken unless one that begins a byte or two later is
//! better.

use super::frame::Search;
use super::parse::Parse;
use crate::codec::bytes::{common_prefix, common_suffix, word};
use crate::codec::match_finder::{Link, MatchFinder, Word};

/// How much is done to find a match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many earlier places are looked at.
    pub(super) depth: u32,
    /// A match of this length is taken at once.
    pub(super) nice: usize,
    /// How many places further a better one may begin.
    pub(super) ahead: usize,
    pub(super) hash_bits: u32,
}

/// A match, or none if the length is 0.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    at: usize,
    len: usize,
    offset: usize,
    repeats: bool,
}

impl Match {
    /// Its worth, in quarters of bytes.
    #[inline(always)]
    fn gain(&self, per_byte: usize) -> i64 {
        let cost = if self.repeats { 0 } else { (self.offset as u32 + 3).ilog2() };
        (per_byte * self.len) as i64 - i64::from(cost)
    }
}

/// Takes a match unless one that begins soon after it is better.
#[derive(Debug)]
pub(super) struct Lazy<W, L, const HEADS: usize, const LINKS: usize> {
    finder: MatchFinder<W, L, HEADS, LINKS>,
    effort: Effort,
    window: usize,
}

impl<W: Word, L: Link, const HEADS: usize, const LINKS: usize> Lazy<W, L, HEADS, LINKS> {
    pub(super) fn new(effort: Effort, window: usize) -> Self {
        Lazy { finder: MatchFinder::new(), effort, window }
    }

    /// The longest match at a place with a link, if it is longer than `better` bytes.
    #[inline(always)]
    fn search(&self, data: &[u8], at: usize, better: usize) -> Match {
        let lowest = self.finder.lowest().max(at.saturating_sub(self.window));
        let mut best = Match { at, len: better, offset: 0, repeats: false };
        let mut link = self.finder.link(at);
        let mut place = at;
        for _ in 0..self.effort.depth {
            if link.wrapping_sub(1) >= place - lowest {
                break;
            }
            place -= link;
            if data.get(place + best.len) == data.get(at + best.len) {
                let len = common_prefix(data, place, at, data.len());
                if len > best.len {
                    best.len = len;
                    best.offset = at - place;
                    if len >= self.effort.nice || at + len == data.len() {
                        break;
                    }
                }
            }
            link = self.finder.link(place);
        }
        if best.offset == 0 { Match::default() } else { best }
    }

    /// A match by the last offset.
    #[inline(always)]
    fn repeat(data: &[u8], parse: &Parse, at: usize) -> Match {
        let offset = parse.repeats.0[0] as usize;
        let len = repeated(data, at, offset, parse.start);
        Match { at, len, offset, repeats: true }
    }

    /// The best match that begins at `at` or soon after it.
    fn best(&mut self, data: &[u8], parse: &Parse, at: usize, limit: usize) -> Match {
        let mut best =
            if at == parse.anchor { Match::default() } else { Self::repeat(data, parse, at) };
        let found = self.search(data, at, 3);
        if found.len > 0 && (best.len == 0 || found.gain(4) > best.gain(4) + 1) {
            best = found;
        }
        if best.len == 0 {
            best = Self::repeat(data, parse, at + 1);
            if best.len == 0 {
                return best;
            }
        }
        let mut next = at + 1;
        let mut last = at + self.effort.ahead;
        while next <= last && next < limit && best.len < self.effort.nice {
            let step = (next - best.at) as i64;
            let repeat = Self::repeat(data, parse, next);
            if repeat.len > 0 && repeat.gain(3) > best.gain(3) + 1 {
                best = repeat;
                last = best.at + self.effort.ahead;
            }
            let linked = self.finder.next_linked(data, next, next + 1).is_some();
            if linked {
                let found = self.search(data, next, 3);
                let needed = if step <= 1 { 4 } else { 7 };
                if found.len > 0 && found.gain(4) > best.gain(4) + needed {
                    best = found;
                    last = best.at + self.effort.ahead;
                }
            }
            next += 1;
        }
        best
    }
}

/// How many bytes at `at` are the same as `offset` bytes before, 4 at least or 0.
#[inline(always)]
fn repeated(data: &[u8], at: usize, offset: usize, start: usize) -> usize {
    if offset > at - start || offset == 0 {
        return 0;
    }
    match (word(data, at as u32), word(data, (at - offset) as u32)) {
        (Some(a), Some(b)) if a == b => {
            4 + common_prefix(data, at + 4 - offset, at + 4, data.len())
        }
        _ => 0,
    }
}

impl<W: Word + Send + Sync, L: Link, const HEADS: usize, const LINKS: usize> Search
    for Lazy<W, L, HEADS, LINKS>
{
    fn begin_segment(&mut self, _: usize) {
        self.finder.begin();
    }

    fn begin(&mut self, start: usize) {
        self.finder.begin_block(start, self.effort.hash_bits);
    }

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let limit = data.len().saturating_sub(8);
        while parse.at < target {
            let Some(at) = self.finder.next_linked(data, parse.at, limit.min(target)) else {
                parse.at = if target < limit { target } else { data.len() };
                return;
            };
            let found = self.best(data, parse, at, limit);
            if found.len == 0 {
                parse.at = at + 1;
                continue;
            }
            let Match { mut at, len, offset, .. } = found;
            let end = at + len;
            let first = parse.fixed.max(parse.anchor);
            if at > first && at - offset > parse.start {
                let max = (at - first).min(at - offset - parse.start);
                at -= common_suffix(data, at - offset, at, max);
            }
            parse.push(at, end - at, offset);
            let offset = parse.repeats.0[1] as usize;
            let len = repeated(data, end, offset, parse.start);
            if len > 0 {
                parse.push(end, len, offset);
            }
        }
    }
}
