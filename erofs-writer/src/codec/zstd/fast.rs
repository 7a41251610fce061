//! The lowest levels: the first match that is seen is taken.

use super::frame::Search;
use super::parse::Parse;
use crate::codec::bytes::{common_prefix, common_suffix, long_word, word};
use crate::codec::places::{Tables, before};

/// A match that was found.
#[derive(Debug, Clone, Copy)]
struct Match {
    at: usize,
    offset: usize,
    /// So many bytes are known to be the same.
    known: usize,
}

/// The bounds of a match, and the last offset.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    start: usize,
    window: usize,
    repeat: usize,
}

impl Bounds {
    #[inline(always)]
    fn allow(self, at: usize, offset: usize) -> bool {
        offset.wrapping_sub(1) < (at - self.start).min(self.window)
    }
}

/// Takes the first match that it sees. The table of longer words is for the higher of
/// these levels.
#[derive(Debug)]
pub(super) struct Fast<const BYTES: u32, const SIZE: usize, const LONG_SIZE: usize> {
    tables: Tables<BYTES, SIZE, 8, LONG_SIZE>,
    window: usize,
    /// After so many places without a match, as a power of two, every other one is left
    /// out, then two of three, and so on.
    skip_bits: u32,
}

impl<const BYTES: u32, const SIZE: usize, const LONG_SIZE: usize> Fast<BYTES, SIZE, LONG_SIZE> {
    pub(super) fn new(window: usize, skip_bits: u32) -> Self {
        Fast { tables: Tables::new(), window, skip_bits }
    }

    /// Takes a match, and matches right after it that repeat the offset before it.
    #[inline(always)]
    fn take(&mut self, data: &[u8], parse: &mut Parse, found: Match) {
        let Match { mut at, offset, known } = found;
        let after = at + known;
        let mut end = after + common_prefix(data, after - offset, after, data.len());
        let first = parse.fixed.max(parse.anchor);
        if at > first && at - offset > parse.start && data[at - 1] == data[at - offset - 1] {
            let max = (at - first).min(at - offset - parse.start);
            at -= common_suffix(data, at - offset, at, max);
        }
        parse.push(at, end - at, offset);
        self.tables.put(data, found.at + 2);
        self.tables.put(data, end - 2);
        loop {
            let offset = parse.repeats.0[1] as usize;
            if offset > end - parse.start || !are_same(data, end, offset) {
                break;
            }
            let after = end + 4;
            let len = 4 + common_prefix(data, after - offset, after, data.len());
            parse.push(end, len, offset);
            self.tables.put(data, end);
            end += len;
        }
    }

    /// A match at a place, or one byte after it.
    #[inline(always)]
    fn find(&mut self, data: &[u8], at: usize, bytes: u64, bounds: Bounds) -> Option<Match> {
        let (near, far) = self.tables.replace(at, bytes);
        let repeated = word(data, before(at + 1, bounds.repeat as u32));
        if repeated == Some((bytes >> 8) as u32) && bounds.repeat <= at + 1 - bounds.start {
            return Some(Match { at: at + 1, offset: bounds.repeat, known: 4 });
        }
        if LONG_SIZE > 1
            && long_word(data, before(at, far) as usize) == Some(bytes)
            && bounds.allow(at, far as usize)
        {
            return Some(Match { at, offset: far as usize, known: 8 });
        }
        // The bytes are compared first, as few places of other segments have the same.
        if word(data, before(at, near)) != Some(bytes as u32) || !bounds.allow(at, near as usize) {
            return None;
        }
        if LONG_SIZE > 1 {
            // The next place may have a longer one.
            if let Some(next) = long_word(data, at + 1) {
                let far = self.tables.replace_long(at + 1, next);
                if long_word(data, before(at + 1, far) as usize) == Some(next)
                    && bounds.allow(at + 1, far as usize)
                {
                    return Some(Match { at: at + 1, offset: far as usize, known: 8 });
                }
            }
        }
        Some(Match { at, offset: near as usize, known: 4 })
    }
}

/// Are the four bytes at `at` also `offset` bytes before?
#[inline(always)]
fn are_same(data: &[u8], at: usize, offset: usize) -> bool {
    match (word(data, at as u32), word(data, before(at, offset as u32))) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

impl<const BYTES: u32, const SIZE: usize, const LONG_SIZE: usize> Search
    for Fast<BYTES, SIZE, LONG_SIZE>
{
    fn begin_segment(&mut self, len: usize) {
        self.tables.begin_segment(len);
    }

    fn begin(&mut self, _: usize) {}

    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize) {
        let limit = target.min(data.len().saturating_sub(8));
        let mut at = parse.at.max(parse.start + 1);
        let mut bounds =
            Bounds { start: parse.start, window: self.window, repeat: parse.repeats.0[0] as usize };
        let mut anchor = parse.anchor;
        while at < limit {
            let Some(bytes) = long_word(data, at) else { break };
            match self.find(data, at, bytes, bounds) {
                Some(found) => {
                    self.take(data, parse, found);
                    (at, anchor) = (parse.at, parse.anchor);
                    bounds.repeat = parse.repeats.0[0] as usize;
                }
                None => at += 1 + ((at - anchor) >> self.skip_bits),
            }
        }
        parse.at = if at < target { data.len() } else { at.min(data.len()) };
    }
}
