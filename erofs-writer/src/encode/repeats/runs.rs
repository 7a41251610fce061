//! Which runs of chunks repeat earlier ones.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

use crate::encode::repeats::{Repeat, Worth};
use crate::format::to_usize;
use crate::plan::ContentChunk;

/// The chunks of all parts.
pub(super) struct Chunks {
    ends: Vec<u32>,
    /// For each chunk the first one with its bytes.
    firsts: Vec<u32>,
    /// Those of each part.
    parts: Vec<Range<usize>>,
}

impl Chunks {
    pub(super) fn new(chunked: Vec<Vec<ContentChunk>>) -> Self {
        let mut parts = Vec::with_capacity(chunked.len());
        let mut count = 0;
        for chunks in &chunked {
            parts.push(count..count + chunks.len());
            count += chunks.len();
        }
        let all: Vec<ContentChunk> = chunked.into_iter().flatten().collect();
        let count = u32::try_from(count).expect("2^32 chunks are 4 TiB");
        let digest = |index: u32| &all[to_usize(u64::from(index))].digest;
        let mut sorted: Vec<u32> = (0..count).collect();
        sorted.par_sort_unstable_by_key(|index| (digest(*index), *index));
        let mut firsts = vec![0; all.len()];
        for same in sorted.chunk_by(|a, b| digest(*a) == digest(*b)) {
            for index in same {
                firsts[to_usize(u64::from(*index))] = same[0];
            }
        }
        Chunks { ends: all.iter().map(|chunk| chunk.end).collect(), firsts, parts }
    }

    /// What each part repeats.
    pub(super) fn repeats(&self, worth: Worth) -> Vec<Vec<Repeat>> {
        let mut search =
            Search { chunks: self, worth, begun: HashSet::new(), latest: self.firsts.clone() };
        self.parts.iter().map(|part| search.repeats_of(part)).collect()
    }

    /// The first chunk with the bytes of this one.
    fn first(&self, index: usize) -> usize {
        to_usize(u64::from(self.firsts[index]))
    }

    /// The part that a chunk is in.
    fn part(&self, index: usize) -> usize {
        self.parts.partition_point(|part| part.end <= index)
    }

    /// Where a chunk begins in its part, or where that ends.
    fn start(&self, index: usize, part: &Range<usize>) -> usize {
        if index == part.start { 0 } else { to_usize(u64::from(self.ends[index - 1])) }
    }

    /// How many chunks from `index` on, in `part`, repeat those from the
    /// earlier `source` on.
    fn run(&self, index: usize, part: &Range<usize>, source: usize) -> usize {
        let end = self.parts[self.part(source)].end.min(index);
        let max = (end - source).min(part.end - index);
        let same = |ahead: &usize| self.firsts[source + ahead] == self.firsts[index + ahead];
        (0..max).take_while(same).count()
    }
}

/// A search from the first part to the last.
struct Search<'a> {
    chunks: &'a Chunks,
    worth: Worth,
    /// Chunks with which a pcluster begins, because a repeat does or is begun
    /// to be repeated.
    begun: HashSet<usize>,
    /// For each first chunk the latest one so far with its bytes. What follows
    /// that is often more like what follows here.
    latest: Vec<u32>,
}

impl Search<'_> {
    fn repeats_of(&mut self, part: &Range<usize>) -> Vec<Repeat> {
        let chunks = self.chunks;
        let mut repeats = Vec::new();
        let mut index = part.start;
        let mut end = 0;
        while index < part.end {
            let (count, source) = self.longest(index, part);
            let (at, next) = (chunks.start(index, part), chunks.start(index + count, part));
            let source_part = chunks.part(source);
            let source_at = chunks.start(source, &chunks.parts[source_part]);
            let cuts = [at != end, source_at != 0 && !self.begun.contains(&source)];
            let cuts = cuts.into_iter().filter(|cut| *cut).count();
            let is_worth_it = count > 0 && next - at >= self.worth.run + cuts * self.worth.cut;
            let passed = if is_worth_it { count } else { 1 };
            if is_worth_it {
                self.begun.extend([source, index]);
                repeats.push(Repeat { at, len: next - at, source: source_part, source_at });
                end = next;
            }
            for index in index..index + passed {
                self.latest[chunks.first(index)] = u32::try_from(index).expect("they were counted");
            }
            index += passed;
        }
        repeats
    }

    /// How many chunks from `index` on repeat earlier ones, and from which on.
    fn longest(&self, index: usize, part: &Range<usize>) -> (usize, usize) {
        let first = self.chunks.first(index);
        // One and the same chunk again and again compresses well by itself.
        let is_monotonous = index > part.start && self.chunks.first(index - 1) == first;
        if first == index || is_monotonous {
            return (0, first);
        }
        let latest = to_usize(u64::from(self.latest[first]));
        let [by_first, by_latest] =
            [first, latest].map(|source| self.chunks.run(index, part, source));
        if by_latest > by_first { (by_latest, latest) } else { (by_first, first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORTH: Worth = Worth { run: 10_000, cut: 3000, wanted: 2, ends: false };

    /// Each byte stands for a chunk of 8 KiB.
    fn repeats(parts: &[&[u8]]) -> Vec<(usize, usize, usize, usize, usize)> {
        let chunk = |(index, byte): (usize, &u8)| ContentChunk {
            end: u32::try_from((index + 1) * 8192).expect("few"),
            digest: u64::from(*byte),
        };
        let chunked = parts.iter().map(|part| part.iter().enumerate().map(chunk).collect());
        let found = Chunks::new(chunked.collect()).repeats(WORTH);
        let found = found.iter().enumerate();
        let unit = |bytes: usize| bytes / 8192;
        found
            .flat_map(|(part, repeats)| {
                repeats.iter().map(move |repeat| {
                    let Repeat { at, len, source, source_at } = *repeat;
                    (part, unit(at), unit(len), source, unit(source_at))
                })
            })
            .collect()
    }

    #[test]
    fn runs_repeat_what_came_first() {
        assert_eq!(repeats(&[b"abcdef", b"xbcdey", b"bcd"]), [(1, 1, 4, 0, 1), (2, 0, 3, 0, 1)]);
        assert_eq!(repeats(&[b"abc", b"def", b"abcdef"]), [(2, 0, 3, 0, 0), (2, 3, 3, 1, 0)]);
    }

    #[test]
    fn what_is_short_is_not_worth_it() {
        assert_eq!(repeats(&[b"abc", b"xbycza"]), []);
        assert_eq!(repeats(&[]), []);
        assert_eq!(repeats(&[b"", b"a"]), []);
    }

    #[test]
    fn a_part_repeats_itself_but_never_what_is_ahead() {
        assert_eq!(repeats(&[b"abcabc"]), [(0, 3, 3, 0, 0)]);
        assert_eq!(repeats(&[b"ababab"]), [(0, 2, 2, 0, 0), (0, 4, 2, 0, 0)]);
    }

    #[test]
    fn what_is_the_same_all_over_is_no_repeat_of_itself() {
        assert_eq!(repeats(&[b"aaaaaaaa"]), []);
        assert_eq!(repeats(&[b"aaaa", b"xaaaa"]), [(1, 1, 4, 0, 0)]);
    }
}
