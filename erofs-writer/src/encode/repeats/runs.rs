//! Runs of chunks that repeat earlier ones.

use std::borrow::Cow;
use std::ops::Range;

use crate::alike::ContentChunk;
use crate::encode::repeats::repeat::Repeat;
use crate::encode::repeats::worth::Worth;
use crate::format::to_usize;
use crate::pool;

/// log2 of the number of shares in which digests are sorted, so that few of them are in
/// memory at once.
const SHARE_BITS: u32 = 4;

/// The chunks of all parts. There are 0.7 million in a GB.
pub(super) struct Chunks {
    /// Where each chunk ends in its part.
    ends: Vec<u32>,
    /// For each chunk, the index of the first one with its bytes.
    firsts: Vec<u32>,
    /// For each part, the index after that of its last chunk.
    parts: Vec<u32>,
}

impl Chunks {
    pub(super) fn new(chunked: Vec<Cow<'_, [ContentChunk]>>) -> Self {
        let count = chunked.iter().map(|chunks| chunks.len()).sum();
        assert!(u32::try_from(count).is_ok(), "2^32 chunks are 4 TiB");
        let firsts = firsts(&chunked, count);
        let mut ends = Vec::with_capacity(count);
        let mut parts = Vec::with_capacity(chunked.len());
        for chunks in chunked {
            ends.extend(chunks.iter().scan(0, |end, chunk| {
                *end += u32::from(chunk.len);
                Some(*end)
            }));
            parts.push(narrow(ends.len()));
        }
        Chunks { ends, firsts, parts }
    }

    /// The repeats of each part.
    pub(super) fn repeats(&self, worth: Worth) -> Vec<Vec<Repeat>> {
        let begun = vec![0; self.ends.len().div_ceil(64)];
        let mut search = Search { chunks: self, worth, begun, latest: self.firsts.clone() };
        (0..self.parts.len()).map(|part| search.repeats_of(&self.of_part(part))).collect()
    }

    /// The first chunk with the bytes of this one.
    fn first(&self, index: usize) -> usize {
        wide(self.firsts[index])
    }

    /// The part that a chunk is in.
    fn part(&self, index: usize) -> usize {
        self.parts.partition_point(|end| wide(*end) <= index)
    }

    /// The chunks of a part.
    fn of_part(&self, part: usize) -> Range<usize> {
        let start = part.checked_sub(1).map_or(0, |before| wide(self.parts[before]));
        start..wide(self.parts[part])
    }

    /// Where a chunk begins in its part; for the index after the last chunk, where the
    /// part ends.
    fn start(&self, index: usize, part: &Range<usize>) -> usize {
        if index == part.start { 0 } else { wide(self.ends[index - 1]) }
    }

    /// How many chunks from `index` on, in `part`, repeat those from the
    /// earlier `source` on.
    fn run(&self, index: usize, part: &Range<usize>, source: usize) -> usize {
        let end = wide(self.parts[self.part(source)]).min(index);
        let max = (end - source).min(part.end - index);
        let same = |ahead: &usize| self.firsts[source + ahead] == self.firsts[index + ahead];
        (0..max).take_while(same).count()
    }
}

/// For each of `count` chunks, the index of the first one with its digest.
fn firsts(chunked: &[Cow<'_, [ContentChunk]>], count: usize) -> Vec<u32> {
    let mut firsts = vec![0; count];
    let mut sorted: Vec<(u64, u32)> = Vec::new();
    for share in 0..1 << SHARE_BITS {
        let all = (0..).zip(chunked.iter().flat_map(|chunks| chunks.iter()));
        sorted.clear();
        sorted.extend(all.filter_map(|(index, chunk)| {
            let digest = chunk.digest;
            (digest >> (u64::BITS - SHARE_BITS) == share).then_some((digest, index))
        }));
        pool::sort_unstable(&mut sorted);
        for same in sorted.chunk_by(|(a, _), (b, _)| a == b) {
            for (_, index) in same {
                firsts[wide(*index)] = same[0].1;
            }
        }
    }
    firsts
}

fn wide(index: u32) -> usize {
    to_usize(u64::from(index))
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("they were counted")
}

/// A search from the first part to the last.
struct Search<'a> {
    chunks: &'a Chunks,
    worth: Worth,
    /// A bit for each chunk: whether a pcluster begins with it, because a repeat begins
    /// there or the bytes that one repeats do.
    begun: Vec<u64>,
    /// For each first chunk, the latest chunk so far with its bytes. The chunks after the
    /// latest one are often more like those after the current one.
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
            let source_at = chunks.start(source, &chunks.of_part(source_part));
            let cuts = [at != end, source_at != 0 && !self.is_begun(source)];
            let cuts = cuts.into_iter().filter(|cut| *cut).count();
            let is_worth_it = count > 0 && next - at >= self.worth.run + cuts * self.worth.cut;
            let passed = if is_worth_it { count } else { 1 };
            if is_worth_it {
                self.begin([source, index]);
                repeats.push(Repeat { at, len: next - at, source: source_part, source_at });
                end = next;
            }
            for index in index..index + passed {
                self.latest[chunks.first(index)] = narrow(index);
            }
            index += passed;
        }
        repeats
    }

    fn begin(&mut self, chunks: [usize; 2]) {
        chunks.into_iter().for_each(|index| self.begun[index / 64] |= 1 << (index % 64));
    }

    fn is_begun(&self, index: usize) -> bool {
        self.begun[index / 64] & 1 << (index % 64) != 0
    }

    /// How many chunks from `index` on repeat earlier ones, and the first of these.
    fn longest(&self, index: usize, part: &Range<usize>) -> (usize, usize) {
        let first = self.chunks.first(index);
        // A chunk that comes again and again compresses well without repeats.
        let is_monotonous = index > part.start && self.chunks.first(index - 1) == first;
        if first == index || is_monotonous {
            return (0, first);
        }
        let latest = wide(self.latest[first]);
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
        // A product, so that there are digests in all shares.
        let digest = |byte| u64::from(byte).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let chunk = |byte: &u8| ContentChunk { len: 8192, digest: digest(*byte) };
        let chunked = parts.iter().map(|part| part.iter().map(chunk).collect());
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
