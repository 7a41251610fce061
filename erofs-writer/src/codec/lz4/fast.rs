//! The fast level: the first match that is seen is taken.

use super::block::{
    LAST_LITERALS, MATCH_COST, MIN_MATCH, Writer, extra, limits, literals_cost, longest,
    max_last_literals, min_last_literals,
};
use crate::codec::bytes::{common_prefix, common_suffix, long_word, word};
use crate::codec::filled::Filled;

const HASH_BITS: u32 = 13;
/// log2 of the number of places without a match after which every other place is left
/// out, then two of three, and so on.
const SKIP_BITS: u32 = 6;

/// The encoder of the fast level.
#[derive(Debug)]
pub(super) struct Fast {
    /// For each hash, its last place in the block, modulo 2^16. Where there is none yet,
    /// it is the first place of the block, which is as good as any other.
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
        while let Some((found, distance)) = Self::find(&mut self.table, starts, at, writer.end()) {
            if distance == 0 {
                at = found + 1;
                continue;
            }
            let place = found - distance;
            let mut begin = found;
            // This is rare, as the place before has been searched.
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
            // The left side is more than the sequence and the literals that must follow
            // it take. So the exact costs are needed only near the end of the block.
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

    /// Writes the literals at the end.
    fn finish(data: &[u8], mut writer: Writer<'_>) -> Filled {
        let literals = max_last_literals(writer.room()).min(data.len() - writer.anchor);
        if literals == 0 {
            return Filled::default();
        }
        writer.last_literals(writer.anchor + literals);
        Filled { consumed: writer.anchor, written: writer.len }
    }

    /// The next place from `first` on that has a match, and the distance of the match.
    ///
    /// The distance is 0 if the place that was found is 2^16 away, which is too far.
    /// `end` is where the block ends if there is no match.
    #[inline(always)]
    fn find(table: &mut Table, data: &[u8], first: usize, end: usize) -> Option<(usize, usize)> {
        let mut at = first as u32;
        for bytes in data.get(first..)?.windows(8).take(1 << SKIP_BITS) {
            let bytes = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let distance = place_in(table, at, bytes);
            if word(data, at - distance)? == bytes as u32 {
                return Some((at as usize, distance as usize));
            }
            at += 1;
        }
        Self::find_farther(table, data, at, end)
    }

    /// `find` after many places without a match: some places are left out.
    #[inline(never)]
    fn find_farther(
        table: &mut Table,
        data: &[u8],
        mut at: u32,
        end: usize,
    ) -> Option<(usize, usize)> {
        let mut tried = 2 << SKIP_BITS;
        let mut within = &data[..data.len().min(end + 8)];
        loop {
            let Some(bytes) = long_word(within, at as usize) else {
                // In noise the search would go up to the end of all data and find
                // nothing.
                if within.len() == data.len() || !may_reach_back(data, end) {
                    return None;
                }
                within = data;
                continue;
            };
            let distance = place_in(table, at, bytes);
            if word(within, at - distance)? == bytes as u32 {
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

/// Puts the place `at`, which begins with these bytes, into the table. Returns the
/// distance to the place that was there.
#[inline(always)]
fn place_in(table: &mut Table, at: u32, bytes: u64) -> u32 {
    let slot = &mut table[hash(bytes)];
    let distance = (at as u16).wrapping_sub(*slot);
    *slot = at as u16;
    u32::from(distance)
}

/// Whether there is a byte before both places, and it is the same.
#[inline(always)]
fn ends_same(data: &[u8], a: usize, b: usize) -> bool {
    let byte = data.get(a.wrapping_sub(1));
    byte.is_some_and(|byte| *byte == data[b - 1])
}

/// A match that begins at least this many bytes before the end of a block of literals
/// fits into the block.
const FIT: usize = MATCH_COST + 1 + LAST_LITERALS;
/// How many places are compared together.
const BATCH: usize = 64;

/// Whether a match that is found after `end`, where the block ends without it, may reach
/// so far back that it fits into the block. That is so if the bytes around `end` occur
/// earlier.
#[cold]
fn may_reach_back(data: &[u8], end: usize) -> bool {
    let Some(start) = end.checked_sub(FIT) else { return false };
    let Some(around) = data.get(start..end + MIN_MATCH) else { return false };
    let first = start.saturating_sub(usize::from(u16::MAX));
    let places = &data[first..end + MIN_MATCH - 1];
    let come_at = |place: usize| places[place..].starts_with(around);
    let count = start - first;
    let whole = count / BATCH * BATCH;
    let come_in = |batch: usize| {
        let bytes: &[u8; BATCH + 3] = places[batch..].first_chunk().expect("more is behind it");
        // All places are compared, as that takes no branches.
        let same =
            |at: usize| (0..4).fold(true, |same, byte| same & (bytes[at + byte] == around[byte]));
        (0..BATCH).fold(false, |any, at| any | same(at))
    };
    let batches = (0..whole).step_by(BATCH).filter(|batch| come_in(*batch));
    batches.flat_map(|batch| batch..batch + BATCH).chain(whole..count).any(come_at)
}

/// The most bytes of a match of `len` bytes that fit into `room`, with the literals that
/// must follow; `None` if none do.
#[inline(always)]
fn fitting(len: usize, room: usize) -> Option<usize> {
    let needed = extra(len - MIN_MATCH) + 1 + min_last_literals(len);
    if needed <= room {
        return Some(len);
    }
    // The length of a shorter match takes fewer bytes.
    let extra_max = room.checked_sub(1 + LAST_LITERALS)?;
    Some(len.min(longest(extra_max)))
}

/// A hash of the first five bytes.
#[inline(always)]
fn hash(bytes: u64) -> usize {
    ((bytes << 24).wrapping_mul(889_523_592_379) >> (64 - HASH_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_back_over_the_end_has_come_before() {
        // No four bytes come twice.
        let noise: Vec<u8> =
            (0..20_000_u32).flat_map(|n| (n << 12 | n >> 2).to_be_bytes()).collect();
        let end = 70_000;
        assert!(!may_reach_back(&noise, end));
        let start = end - FIT;
        let around = noise[start..end + MIN_MATCH].to_vec();
        let found = |place: usize| {
            let mut data = noise.clone();
            data[place..place + around.len()].copy_from_slice(&around);
            may_reach_back(&data, end)
        };
        // Up to 65,535 bytes before, whole batches or not.
        for distance in [65_535, 65_534, 40_000, 1000, 64, 63, 30, 20] {
            assert!(found(start - distance), "{distance}");
        }
        assert!(!found(start - 65_536));
        // Fewer of the bytes are not enough.
        let mut data = noise.clone();
        data[100..100 + around.len() - 1].copy_from_slice(&around[1..]);
        data[5000..5000 + around.len() - 1].copy_from_slice(&around[..around.len() - 1]);
        assert!(!may_reach_back(&data, end));
        assert!(!may_reach_back(&noise, FIT - 1) && !may_reach_back(&noise, noise.len() - 3));
    }
}
