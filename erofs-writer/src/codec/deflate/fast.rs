//! The lowest levels: the first match that is seen is taken.

use super::parse::Parse;
use super::stream::Search;
use super::symbols::MAX_MATCH;
use crate::codec::bytes::{common_prefix, common_suffix, long_word, word};
use crate::codec::places::{Tables, before};

/// A match that was found.
#[derive(Debug, Clone, Copy)]
struct Match {
    at: usize,
    distance: usize,
    /// So many bytes are known to be the same.
    known: usize,
}

/// Where a match may begin.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    start: usize,
    window: usize,
}

impl Bounds {
    #[inline(always)]
    fn allow(self, at: usize, distance: u32) -> bool {
        (distance as usize).wrapping_sub(1) < (at - self.start).min(self.window)
    }
}

/// The search of the lowest levels. The longer table is for the higher of these levels.
#[derive(Debug)]
pub(super) struct Fast<const SIZE: usize, const LONG_SIZE: usize> {
    tables: Tables<4, SIZE, 7, LONG_SIZE>,
    window: usize,
}

/// After so many places without a match, as a power of two, every other one is left
/// out, then two of three, and so on.
const SKIP_BITS: u32 = 7;

impl<const SIZE: usize, const LONG_SIZE: usize> Fast<SIZE, LONG_SIZE> {
    pub(super) fn new(window: usize) -> Self {
        Fast { tables: Tables::new(), window }
    }

    /// Takes a match and returns where it ends.
    #[inline(always)]
    fn take(&mut self, data: &[u8], parse: &mut Parse, found: Match) -> usize {
        let Match { mut at, distance, known } = found;
        let after = at + known;
        let most = data.len().min(at + MAX_MATCH);
        let mut end = after + common_prefix(data, after - distance, after, most);
        if at > parse.anchor
            && at - distance > parse.start
            && data[at - 1] == data[at - distance - 1]
        {
            let max = (at - parse.anchor).min(at - distance - parse.start);
            at -= common_suffix(data, at - distance, at, max);
            end = end.min(at + MAX_MATCH);
        }
        parse.push(at, end - at, distance);
        self.tables.put(data, found.at + 1);
        self.tables.put(data, end - 2);
        end
    }

    /// A match at a place, or one byte after it.
    #[inline(always)]
    fn find(&mut self, data: &[u8], at: usize, bytes: u64, bounds: Bounds) -> Option<Match> {
        let (near, far) = self.tables.replace(at, bytes);
        if LONG_SIZE > 1 {
            if let Some(found) = long_match(data, at, bytes, far, bounds) {
                return Some(found);
            }
        }
        // What was left from elsewhere is seldom the same.
        if word(data, before(at, near)) != Some(bytes as u32) || !bounds.allow(at, near) {
            return None;
        }
        if LONG_SIZE > 1 {
            // The next place may have a longer one.
            if let Some(next) = long_word(data, at + 1) {
                let far = self.tables.replace_long(at + 1, next);
                if let Some(found) = long_match(data, at + 1, next, far, bounds) {
                    return Some(found);
                }
            }
        }
        Some(Match { at, distance: near as usize, known: 4 })
    }
}

/// A match of seven bytes.
#[inline(always)]
fn long_match(data: &[u8], at: usize, bytes: u64, far: u32, bounds: Bounds) -> Option<Match> {
    let there = long_word(data, before(at, far) as usize)?;
    let is_match = (there ^ bytes) << 8 == 0 && bounds.allow(at, far);
    is_match.then_some(Match { at, distance: far as usize, known: 7 })
}

impl<const SIZE: usize, const LONG_SIZE: usize> Search for Fast<SIZE, LONG_SIZE> {
    fn begin_segment(&mut self, len: usize) {
        self.tables.begin_segment(len);
    }

    fn begin(&mut self, _: usize) {}

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let limit = target.min(data.len().saturating_sub(8));
        let mut at = parse.at.max(parse.start + 1);
        let bounds = Bounds { start: parse.start, window: self.window };
        let mut anchor = parse.anchor;
        while at < limit {
            let Some(bytes) = long_word(data, at) else { break };
            match self.find(data, at, bytes, bounds) {
                Some(found) => {
                    at = self.take(data, parse, found);
                    anchor = at;
                }
                None => at += 1 + ((at - anchor) >> SKIP_BITS),
            }
        }
        parse.at = at.max(target).min(data.len());
    }
}
