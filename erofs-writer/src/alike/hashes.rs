//! The hashes of many sketches in ascending order, each with the pieces that have
//! it.

use crate::alike::sketch::Sketch;
use crate::format::{checked_u32, low_half};

/// log2 of the number of shares in which hashes are looked at.
const SHARE_BITS: u32 = 4;

/// Shows `see` all hashes with the pieces that have them, as [`both`] numbers in
/// ascending order: in shares, so that few of them are in memory at once.
pub(super) fn by_hash(sketches: &[Sketch], mut see: impl FnMut(&[u64])) {
    let mut rests: Vec<&[u32]> = sketches.iter().map(|sketch| &**sketch).collect();
    // Two numbers in one are sorted in half the time.
    let mut places: Vec<u64> = Vec::new();
    for share in 0..1 << SHARE_BITS {
        places.clear();
        for (piece, rest) in (0..).zip(&mut rests) {
            let is_in = |hash: &&u32| **hash >> (u32::BITS - SHARE_BITS) == share;
            let (these, others) = rest.split_at(rest.iter().take_while(is_in).count());
            places.extend(these.iter().map(|hash| both(*hash, piece)));
            *rest = others;
        }
        places.sort_unstable();
        see(&places);
    }
}

/// Two numbers in one, which are sorted by the first.
pub(super) fn both(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

pub(super) fn first(both: u64) -> u32 {
    checked_u32(both >> 32)
}

pub(super) fn second(both: u64) -> u32 {
    low_half(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hashes_are_seen_in_order() {
        let sketches: Vec<Sketch> = vec![[5, 1 << 31].into(), [].into(), [0, 5, u32::MAX].into()];
        let mut seen = Vec::new();
        by_hash(&sketches, |places| seen.extend_from_slice(places));
        let expected = [(0, 2), (5, 0), (5, 2), (1 << 31, 0), (u32::MAX, 2)];
        assert_eq!(seen, expected.map(|(hash, piece)| both(hash, piece)));
    }
}
