//! The fast level: the first match that is seen is taken.

use super::block::{
    LAST_LITERALS, MATCH_COST, MIN_MATCH, Writer, extra, limits, literals_cost, longest,
    max_last_literals, min_last_literals,
};
use super::bytes::{common_prefix, common_suffix, long_word, word};
use crate::codec::filled::Filled;

const HASH_BITS: u32 = 13;
/// After so many places without a match, as a power of two, every other place
/// is left out, then two of three, and so on.
const SKIP_BITS: u32 = 6;

/// See the module.
#[derive(Debug)]
pub(super) struct Fast {
    /// The last place in the block of each hash, modulo 2^16. Where there is
    /// none yet it is the first place, as good as any other.
    table: Box<Table>,
}

type Table = [u16; 1 << HASH_BITS];

impl Fast {
    pub(super) fn new() -> Self {
        let table = vec![0; 1 << HASH_BITS].into_boxed_slice();
        let table = table.try_into().unwrap_or_else(|_| unreachable!("it has that length"));
        Fast { table }
    }

    /// Encodes a block that begins at `start`; `data` ends where the block
    /// must.
    pub(super) fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        let data = &data[start..];
        let (last_start, matches_end) = limits(data.len(), 0, out.len());
        // Eight bytes can be read at each place where a match may begin.
        let starts = &data[..data.len().min(last_start + 8)];
        let mut writer = Writer::new(data, 0, out);
        let mut at = 1;
        self.table.fill(0);
        while let Some((found, distance)) = Self::find(&mut self.table, starts, at) {
            if distance == 0 {
                at = found + 1;
                continue;
            }
            let place = found - distance;
            let mut begin = found;
            // This is rare, as the place before has been looked at.
            if begin > writer.anchor && ends_same(data, place, begin) {
                let max = (found - writer.anchor).min(place);
                begin -= common_suffix(data, place, found, max);
            }
            let after = found + MIN_MATCH;
            let end = after + common_prefix(data, place + MIN_MATCH, after, matches_end);
            let len = end - begin;
            let room = writer.room();
            let literals = begin - writer.anchor;
            let mut fitted = len;
            // More than it takes, with the literals that must follow.
            if literals + (literals + len) / 128 + 32 > room {
                let fixed = MATCH_COST + literals_cost(literals);
                let Some(len) = fitting(len, room.saturating_sub(fixed)) else { break };
                if fixed + extra(len - MIN_MATCH) + 1 + min_last_literals(len) > room {
                    break;
                }
                fitted = len;
            }
            writer.sequence(begin, fitted, distance);
            at = begin + fitted;
            self.put(starts, at - 2);
        }
        Self::finish(data, writer)
    }

    /// The literals at the end.
    fn finish(data: &[u8], mut writer: Writer<'_>) -> Filled {
        let literals = max_last_literals(writer.room()).min(data.len() - writer.anchor);
        if literals == 0 {
            return Filled::default();
        }
        writer.last_literals(writer.anchor + literals);
        Filled { consumed: writer.anchor, written: writer.len }
    }

    /// The next place from `at` on with a match, and how far that is away.
    ///
    /// That can be 0, for a place that is 2^16 away: too far.
    #[inline(always)]
    fn find(table: &mut Table, data: &[u8], first: usize) -> Option<(usize, usize)> {
        let mut at = first as u32;
        for bytes in data.get(first..)?.windows(8).take(1 << SKIP_BITS) {
            let bytes = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let distance = place_in(table, at, bytes);
            if word(data, at - distance)? == bytes as u32 {
                return Some((at as usize, distance as usize));
            }
            at += 1;
        }
        Self::find_farther(table, data, at)
    }

    /// The same where there has been none for a while: some places are left
    /// out.
    #[inline(never)]
    fn find_farther(table: &mut Table, data: &[u8], mut at: u32) -> Option<(usize, usize)> {
        let mut tried = 2 << SKIP_BITS;
        loop {
            let bytes = long_word(data, at as usize)?;
            let distance = place_in(table, at, bytes);
            if word(data, at - distance)? == bytes as u32 {
                return Some((at as usize, distance as usize));
            }
            at += tried >> SKIP_BITS;
            tried += 1;
        }
    }

    #[inline(always)]
    fn put(&mut self, data: &[u8], at: usize) {
        if let Some(bytes) = long_word(data, at) {
            self.table[hash(bytes)] = at as u16;
        }
    }
}

/// Puts in `at`, where these bytes are, and returns how far it is to the place
/// that was there.
#[inline(always)]
fn place_in(table: &mut Table, at: u32, bytes: u64) -> u32 {
    let slot = &mut table[hash(bytes)];
    let distance = (at as u16).wrapping_sub(*slot);
    *slot = at as u16;
    u32::from(distance)
}

/// Is there a byte before both places, and the same?
#[inline(always)]
fn ends_same(data: &[u8], a: usize, b: usize) -> bool {
    let byte = data.get(a.wrapping_sub(1));
    byte.is_some_and(|byte| *byte == data[b - 1])
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
