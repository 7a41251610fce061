//! Compact index of compressed data: packs of 2 or 16 entries that share one
//! block address.

use super::zmap::{Entry, Zmap, advise, next};
use super::{Findings, Image, Rule};
use crate::num::{index, le};

/// Decodes the index into `map.entries`; returns where it ends.
pub(super) fn read(
    image: &Image,
    map: &mut Zmap,
    count: u64,
    lcluster_bits: u64,
    found: &mut Findings,
) -> Option<u64> {
    let mut at = map.at + 8;
    let before = (32 - at % 32) / 4 % 8;
    let packs16 = map.advise() & advise::COMPACTED_2B != 0 && before < count;
    let in_16 = if packs16 { (count - before) / 16 * 16 } else { 0 };
    let low_bits = lcluster_bits.max(12);
    let mut k = 0;
    while k < count {
        let (entries, width) = match packs16 && (before..before + in_16).contains(&k) {
            true => (16, 14),
            false => (2, 16),
        };
        let len = entries * width / 8 + 4;
        let Some(pack) = image.bytes(at, len) else {
            found.add(Rule::OutOfImage, at, "compact index");
            return None;
        };
        let mut values: Vec<_> = (0..entries)
            .map(|j| le(&pack, index(j * width / 8), 4) >> (j * width % 8))
            .map(|value| value & ((1 << width) - 1))
            .collect();
        if count - k < entries {
            found.expect(values[1] == 0, Rule::ZIndex, at, "filler entry");
            values.truncate(index(count - k));
        }
        let base = le(&pack, index(len - 4), 4);
        let pack = Pack { base, low_bits };
        pack.unpack(&values, index(entries), map);
        k += entries;
        at += len;
    }
    Some(at)
}

struct Pack {
    base: u64,
    low_bits: u64,
}

impl Pack {
    fn unpack(&self, values: &[u64], room: usize, map: &mut Zmap) {
        let big = map.advise() & advise::BIG1 != 0;
        let split = |value: u64| (value >> self.low_bits & 3, value & ((1 << self.low_bits) - 1));
        // Without big clusters the base is one before the first head. With
        // them, it is the first head, or the one that the first count is of.
        let mut block = if big { self.base } else { self.base.wrapping_add(1) };
        for (place, &value) in values.iter().enumerate() {
            let (kind, low) = split(value);
            if kind == 2 {
                let last = place + 1 == room && low & 0x800 == 0;
                map.entries.push(match last {
                    true => Entry::Next { back: None, ahead: Some(low), blocks: None },
                    false => next(low, None),
                });
                if big && place == 0 && low & 0x800 != 0 {
                    block = block.wrapping_add(low & 0x7ff);
                }
                continue;
            }
            map.entries.push(Entry::Head {
                kind,
                offset: low,
                block: block & 0xffff_ffff,
                partial: false,
            });
            let following = values.get(place + 1).map(|&value| split(value));
            block = block.wrapping_add(match following {
                Some((2, low)) if big && low & 0x800 != 0 => low & 0x7ff,
                _ => 1,
            });
        }
    }
}
