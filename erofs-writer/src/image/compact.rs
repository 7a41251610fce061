//! Packs of compact indexes.

use super::entry::{Entry, Kind};
use super::fault::{Fault, Found};
use super::place::Place;
use crate::format::index::{DELTA0_CBLKCNT, PACK_2_LEN, PACK_16_LEN};

/// Where the packs of an index are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packs {
    place: Place,
    /// The entries before the packs of 16, and in them.
    first: u64,
    middle: u64,
    count: u64,
    /// How many bits of an entry are not its type.
    low_bits: u32,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pack {
    pub(super) place: Place,
    pub(super) len: u64,
    /// The number of its first entry, and how many it has.
    pub(super) first: u64,
    count: u32,
    low_bits: u32,
}

impl Packs {
    /// Those of `count` entries from `place` on (`z_erofs_load_compact_lcluster`).
    pub(super) fn new(place: Place, count: u64, lcluster_bits: u32, long: bool) -> Found<Self> {
        if lcluster_bits > 14 || (long && lcluster_bits > 12) {
            return Err(Fault::malformed(place.pos, "lclusters are too long for this index"));
        }
        let first = (32 - place.pos % 32) / 4 % 8;
        let has_long = long && first < count;
        let middle = if has_long { (count - first) / 16 * 16 } else { 0 };
        let first = if has_long { first } else { 0 };
        Ok(Packs { place, first, middle, count, low_bits: lcluster_bits.max(12) })
    }

    /// The pack with an entry.
    pub(super) fn pack(&self, number: u64) -> Pack {
        let long_start = self.place.plus(self.first / 2 * PACK_2_LEN);
        let (start, from, count, len) = if number < self.first {
            (self.place, 0, 2, PACK_2_LEN)
        } else if number - self.first < self.middle {
            (long_start, self.first, 16, PACK_16_LEN)
        } else {
            let start = long_start.plus(self.middle / 16 * PACK_16_LEN);
            (start, self.first + self.middle, 2, PACK_2_LEN)
        };
        let index = (number - from) / count;
        let place = start.plus(index * len);
        let first = from + index * count;
        let count = if count == 2 { 2 } else { 16 };
        Pack { place, len, first, count, low_bits: self.low_bits }
    }

    /// The place after the last pack.
    pub(super) fn end(&self) -> Place {
        let last = self.pack(self.count.saturating_sub(1));
        if self.count == 0 { self.place } else { last.place.plus(last.len) }
    }
}

impl Pack {
    /// Its entries. With `big`, pclusters may have several blocks.
    pub(super) fn entries(&self, bytes: &[u8], big: bool, entries: &mut Vec<Entry>) {
        let (codes, base) = bytes.split_last_chunk::<4>().expect("longer than four bytes");
        let bits = to_bits(codes, self.count);
        let mut block = u64::from(u32::from_le_bytes(*base));
        let low_mask = (1 << self.low_bits) - 1;
        // The head before has no count of blocks yet.
        let mut is_open = false;
        entries.clear();
        for number in 0..self.count {
            let code = bit_field(codes, number * bits, bits);
            let kind = Kind::of_bits(code >> self.low_bits);
            let low = u16::try_from(code & low_mask).expect("at most 14 bits");
            let mut entry = Entry { kind, offset: low, block: 0, partial: false, blocks: None };
            if kind == Kind::Nonhead {
                entry.blocks = (big && low & DELTA0_CBLKCNT != 0).then_some(low & !DELTA0_CBLKCNT);
                if let Some(blocks) = entry.blocks {
                    block += u64::from(blocks);
                    is_open = false;
                }
            } else {
                // Without big pclusters, the base is one less.
                block += u64::from(is_open || !big);
                entry.block = block;
                is_open = big;
            }
            entries.push(entry);
        }
    }
}

/// How many bits an entry has.
fn to_bits(codes: &[u8], count: u32) -> u32 {
    let bits = u32::try_from(codes.len() * 8).expect("few bytes");
    bits / count
}

/// `bits` bits from bit `at` on.
fn bit_field(bytes: &[u8], at: u32, bits: u32) -> u32 {
    let start = crate::format::to_usize((at / 8).into());
    let mut word = [0; 4];
    let len = (bytes.len() - start).min(4);
    word[..len].copy_from_slice(&bytes[start..start + len]);
    u32::from_le_bytes(word) >> (at % 8) & ((1 << bits) - 1)
}
