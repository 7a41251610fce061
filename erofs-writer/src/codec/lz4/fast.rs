//! The fast level: the first match that is seen is taken.

use super::block::{
    LAST_LITERALS, MATCH_COST, MAX_DISTANCE, MIN_MATCH, Writer, extra, limits, literals_cost,
    longest, max_last_literals, min_last_literals,
};
use super::bytes::{common_prefix, common_suffix};
use crate::codec::Filled;

const HASH_BITS: u32 = 13;
/// After so many places without a match, as a power of two, every other place
/// is left out, then two of three, and so on.
const SKIP_BITS: u32 = 6;

/// See the module.
#[derive(Debug)]
pub(super) struct Fast {
    /// The last place of each hash. Places count on from segment to segment.
    table: Box<[u32; 1 << HASH_BITS]>,
    base: u32,
    free: u32,
}

impl Fast {
    pub(super) fn new() -> Self {
        let table = vec![0; 1 << HASH_BITS].into_boxed_slice();
        let table = table.try_into().unwrap_or_else(|_| unreachable!("it has that length"));
        Fast { table, base: 0, free: 1 }
    }

    pub(super) fn begin(&mut self, len: usize) {
        let needed = (len + 1) as u32;
        if self.free.checked_add(needed).is_none() {
            self.table.fill(0);
            self.free = 1;
        }
        self.base = self.free;
        self.free += needed;
    }

    /// Encodes a block that begins at `start`; `data` ends where the block
    /// must.
    pub(super) fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        let (last_start, matches_end) = limits(data.len(), start, out.len());
        let mut writer = Writer::new(data, start, out);
        let mut last_len = usize::MAX;
        let mut at = start + 1;
        self.put(data, start, last_start);
        while let Some((found, place)) = self.find(data, start, at, last_start) {
            let before = (found - writer.anchor).min(place - start);
            let before = common_suffix(data, place, found, before);
            let (begin, from) = (found - before, place - before);
            let after = found + MIN_MATCH;
            let len =
                before + MIN_MATCH + common_prefix(data, place + MIN_MATCH, after, matches_end);
            let room = writer.room();
            let fixed = MATCH_COST + literals_cost(begin - writer.anchor);
            let Some(len) = fitting(len, room.saturating_sub(fixed)) else { break };
            if fixed + extra(len - MIN_MATCH) + 1 + min_last_literals(len) > room {
                break;
            }
            writer.sequence(begin, len, begin - from);
            last_len = len;
            at = begin + len;
            self.put(data, at - 2, last_start);
        }
        self.finish(data, writer, start, last_len)
    }

    /// The literals at the end.
    fn finish(&self, data: &[u8], mut writer: Writer<'_>, start: usize, last_len: usize) -> Filled {
        let literals = max_last_literals(writer.room()).min(data.len() - writer.anchor);
        if literals == 0 {
            return Filled::default();
        }
        debug_assert!(last_len == usize::MAX || literals >= min_last_literals(last_len));
        writer.last_literals(writer.anchor + literals);
        Filled { consumed: writer.anchor - start, written: writer.len }
    }

    /// The next place from `at` on with a match, and where that is.
    #[inline(always)]
    fn find(
        &mut self,
        data: &[u8],
        start: usize,
        mut at: usize,
        last_start: usize,
    ) -> Option<(usize, usize)> {
        let mut tried = 1 << SKIP_BITS;
        while at <= last_start {
            let bytes: &[u8; 8] = data[at..].first_chunk()?;
            let slot = &mut self.table[hash(u64::from_le_bytes(*bytes))];
            let stored = std::mem::replace(slot, self.base + at as u32);
            // Places of earlier segments wrap around to far ahead; the block
            // before may have looked further than it came.
            let place = stored.wrapping_sub(self.base) as usize;
            let is_near = place >= start && place < at && at - place <= MAX_DISTANCE;
            if is_near && data[place..].first_chunk::<4>() == bytes.first_chunk::<4>() {
                return Some((at, place));
            }
            at += tried >> SKIP_BITS;
            tried += 1;
        }
        None
    }

    #[inline(always)]
    fn put(&mut self, data: &[u8], at: usize, last_start: usize) {
        if at <= last_start {
            if let Some(bytes) = data[at..].first_chunk() {
                self.table[hash(u64::from_le_bytes(*bytes))] = self.base + at as u32;
            }
        }
    }
}

/// How much of a match of `len` bytes fits into `room`, with the literals that
/// must follow.
#[inline(always)]
fn fitting(len: usize, room: usize) -> Option<usize> {
    let needed = extra(len - MIN_MATCH) + 1 + min_last_literals(len);
    if needed <= room {
        return Some(len);
    }
    // A shorter match has fewer bytes of length.
    let extra_max = room.checked_sub(1 + LAST_LITERALS)?;
    Some(len.min(longest(extra_max)))
}

/// A hash of the first five bytes.
#[inline(always)]
fn hash(bytes: u64) -> usize {
    ((bytes << 24).wrapping_mul(889_523_592_379) >> (64 - HASH_BITS)) as usize
}
