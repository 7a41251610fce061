//! What others repeat, kept as hashes, so that what only seems to be a repeat
//! is found out when it is read to be encoded.
//!
//! Chunks are known by hashes that are fast and nothing more. Here the hash is
//! collision-resistant, and what is hashed is what gets encoded.

use std::sync::OnceLock;

use crate::encode::repeats::repeat::Repeat;

/// By number of the part, what others repeat of it, in the order of the places.
#[derive(Debug, Default)]
pub(super) struct Originals(Vec<Vec<Original>>);

#[derive(Debug)]
struct Original {
    at: usize,
    len: usize,
    /// Nothing until its part is read, or if that ends before it.
    digest: OnceLock<blake3::Hash>,
}

impl Originals {
    /// What these repeat.
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

    /// Keeps what `data`, the part of this number, has where it is repeated.
    pub(super) fn keep(&self, part: usize, data: &[u8]) {
        for Original { at, len, digest } in self.0.get(part).into_iter().flatten() {
            // Chunks with the same hash may even differ in length.
            if let Some(bytes) = data.get(*at..at + len) {
                digest.get_or_init(|| blake3::hash(bytes));
            }
        }
    }

    /// Whether `bytes` are what `repeat` is of, which has been kept.
    pub(super) fn are(&self, repeat: &Repeat, bytes: &[u8]) -> bool {
        let known = &self.0[repeat.source];
        let place = |original: &Original| (original.at, original.len);
        let index = known.binary_search_by_key(&(repeat.source_at, repeat.len), place);
        let original = &known[index.expect("each repeat has one")];
        original.digest.get().is_some_and(|digest| *digest == blake3::hash(bytes))
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
        assert!(!originals.are(&repeats[1][0], b"cdef"), "nothing is kept yet");
        originals.keep(0, b"abcdefgh");
        originals.keep(1, b"cdefcdeg");
        assert!(originals.are(&repeats[1][0], b"cdef"));
        assert!(!originals.are(&repeats[1][1], b"cdeg"));
        // It would end behind its part.
        assert!(!originals.are(&repeats[1][2], b"efgh"));
    }
}
