//! Hashes of the bytes that are repeated. With them, bytes that only seem to be a repeat
//! are found out when they are read to be encoded.
//!
//! The hashes of chunks are fast, but not collision-resistant. These are, and they are
//! made from the very bytes that get encoded.

use std::sync::OnceLock;

use crate::encode::bytes::PartBytes;
use crate::encode::repeats::repeat::Repeat;
use crate::facts::{Digest, RangeFacts};

/// By number of the part: the ranges of it that are repeated, in the order of their
/// places.
#[derive(Debug, Default)]
pub(super) struct Originals(Vec<Vec<Original>>);

#[derive(Debug)]
struct Original {
    at: usize,
    len: usize,
    /// Empty until its part is read, or if the part ends before the range does.
    digest: OnceLock<Digest>,
}

impl Originals {
    /// The ranges that `repeats` refer to, without hashes yet.
    pub(super) fn new(repeats: &[Vec<Repeat>]) -> Self {
        let mut places = vec![Vec::new(); repeats.len()];
        for Repeat { len, source, source_at, .. } in repeats.iter().flatten() {
            places[*source].push((*source_at, *len));
        }
        let originals = |mut places: Vec<(usize, usize)>| {
            places.sort_unstable();
            places.dedup();
            let original = |(at, len)| Original { at, len, digest: OnceLock::new() };
            places.into_iter().map(original).collect()
        };
        Originals(places.into_iter().map(originals).collect())
    }

    /// Keeps the hashes of the repeated ranges of `bytes`, those of the part of this
    /// number.
    pub(super) fn keep(&self, part: usize, bytes: &PartBytes<'_>) {
        for Original { at, len, digest } in self.of(part) {
            // Chunks with the same hash may even differ in length.
            if let Some(range) = bytes.range(*at..at + len) {
                digest.get_or_init(|| range);
            }
        }
    }

    /// Whether the hashes of all repeated ranges of `bytes` are known.
    pub(super) fn are_known(&self, part: usize, bytes: &PartBytes<'_>) -> bool {
        self.of(part).iter().all(|Original { at, len, .. }| bytes.range(*at..at + len).is_some())
    }

    /// Whether this is the hash of the bytes that `repeat` refers to. False if these have
    /// not been kept.
    pub(super) fn are(&self, repeat: &Repeat, digest: &Digest) -> bool {
        let known = &self.0[repeat.source];
        let place = |original: &Original| (original.at, original.len);
        let index = known.binary_search_by_key(&(repeat.source_at, repeat.len), place);
        let original = &known[index.expect("each repeat has one")];
        original.digest.get() == Some(digest)
    }

    /// The ranges of a part that are repeated, with their hashes.
    pub(super) fn ranges(&self, part: usize) -> impl Iterator<Item = RangeFacts> {
        self.of(part)
            .iter()
            .filter_map(|Original { at, len, digest }| RangeFacts::new(*at, *len, *digest.get()?))
    }

    fn of(&self, part: usize) -> &[Original] {
        self.0.get(part).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_are_a_repeat() {
        let repeat = |at, len, source_at| Repeat { at, len, source: 0, source_at };
        let repeats = [vec![], vec![repeat(0, 4, 2), repeat(4, 4, 2), repeat(8, 8, 4)]];
        let originals = Originals::new(&repeats);
        let read = |data| PartBytes::Read(data, [0; 32]);
        let are = |repeat, data: &[u8]| originals.are(repeat, blake3::hash(data).as_bytes());
        assert!(!are(&repeats[1][0], b"cdef"), "nothing is kept yet");
        originals.keep(0, &read(b"abcdefgh"));
        originals.keep(1, &read(b"cdefcdeg"));
        assert!(are(&repeats[1][0], b"cdef"));
        assert!(!are(&repeats[1][1], b"cdeg"));
        // It would end after the end of its part.
        assert!(!are(&repeats[1][2], b"efgh"));
        let places = originals.ranges(0).map(|range| (range.at, range.len));
        assert!(places.eq([(2, 4)]));
    }
}
