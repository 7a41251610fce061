//! Finding bytes that are in an image already.
//!
//! All parts are cut into content-defined chunks, which are hashed in
//! parallel. Which runs of chunks repeat earlier ones is then decided in the
//! order of the image, a step so cheap that one thread does it. The encoders
//! end their pclusters where a run starts that is repeated later, so that the
//! pclusters from there on can be pointed to.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

use crate::encode::chunks::chunk_len;
use crate::encode::part::{Part, Source};
use crate::error::Result;
use crate::format::to_usize;

/// Chunks are not much shorter than so many blocks of this length.
const BLOCK_MIN: u64 = 4096;

/// Half of a collision-resistant hash, which is so itself.
type Digest = [u8; 16];

/// Bytes of a part that an earlier one has, or the same part before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Where they begin in the part.
    pub(crate) at: usize,
    pub(crate) len: usize,
    /// The number of the other part, and where they begin there.
    pub(crate) source: usize,
    pub(crate) source_at: usize,
}

/// The repeats of some parts.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By number of the part, in the order of their places.
    repeats: Vec<Vec<Repeat>>,
    /// By number of the part: where others begin to repeat it, at multiples of
    /// a block.
    cuts: Vec<Vec<usize>>,
    /// The files with repeats.
    files: HashSet<Source>,
}

impl Repeats {
    /// Finds what `parts` repeat, whose bytes `digest` tells.
    pub(super) fn find(
        parts: &[Part],
        block_len: u64,
        digests: impl Fn(&Part) -> Result<Vec<Chunk>> + Sync,
    ) -> Result<Self> {
        let worth = Worth::of(parts, block_len);
        let is_short = |part: &Part| to_usize(part.len) < worth.run;
        let chunked: Vec<Vec<Chunk>> = parts
            .par_iter()
            .with_max_len(1)
            .map(|part| if is_short(part) { Ok(Vec::new()) } else { digests(part) })
            .collect::<Result<_>>()?;
        let repeats = Chunks::new(chunked).repeats(worth);
        let cuts = worth.cuts(repeats.iter().flatten(), parts.len(), to_usize(block_len));
        let with_repeats = parts.iter().zip(&repeats).filter(|(_, repeats)| !repeats.is_empty());
        let files = with_repeats.map(|(part, _)| part.source).collect();
        Ok(Repeats { repeats, cuts, files })
    }

    /// Whether the file has repeats.
    pub(crate) fn are_in(&self, file: Source) -> bool {
        self.files.contains(&file)
    }

    /// What the part of this number repeats.
    pub(crate) fn of(&self, part: usize) -> &[Repeat] {
        self.repeats.get(part).map_or(&[], Vec::as_slice)
    }

    /// Where pclusters of the part of this number should begin.
    pub(crate) fn cuts(&self, part: usize) -> &[usize] {
        self.cuts.get(part).map_or(&[], Vec::as_slice)
    }
}

/// A chunk of a part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    /// Where it ends in the part.
    end: u32,
    digest: Digest,
}

/// Cuts the bytes of a part into chunks.
pub(crate) fn chunks(data: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let len = chunk_len(&data[at..]);
        let hash = blake3::hash(&data[at..at + len]);
        at += len;
        let (digest, _) = hash.as_bytes().split_first_chunk().expect("it has 32 bytes");
        chunks.push(Chunk { end: u32::try_from(at).expect("parts are short"), digest: *digest });
    }
    chunks
}

/// What repeats and cuts have to save. The figures were measured.
#[derive(Debug, Clone, Copy)]
struct Worth {
    /// How many bytes a run has at least.
    run: usize,
    /// How many more for each pcluster that has to end early.
    cut: usize,
    /// How many repeats begin at a place where a pcluster is made to begin.
    /// Where there is none, they begin with the next one.
    wanted: usize,
    /// Whether pclusters are also made to end with a repeat, because it would
    /// be too much of them that is not repeated.
    ends: bool,
}

impl Worth {
    fn of(parts: &[Part], block_len: u64) -> Self {
        let block = to_usize(block_len.max(BLOCK_MIN));
        match parts.iter().any(|part| part.codec.pcluster_len > block_len) {
            false => Worth { run: block * 5 / 4, cut: block * 3 / 4, wanted: 2, ends: false },
            true => Worth { run: block * 3, cut: block * 5 / 2, wanted: 1, ends: true },
        }
    }

    /// For each part where its pclusters are made to begin: at multiples of a
    /// block, which can always be done.
    fn cuts<'a>(
        self,
        repeats: impl Iterator<Item = &'a Repeat>,
        parts: usize,
        block_len: usize,
    ) -> Vec<Vec<usize>> {
        let mut wanted = vec![Vec::new(); parts];
        for Repeat { len, source, source_at, .. } in repeats {
            wanted[*source].push(source_at.next_multiple_of(block_len));
            if self.ends {
                wanted[*source].push((source_at + len) / block_len * block_len);
            }
        }
        for places in &mut wanted {
            places.sort_unstable();
            let same = places.chunk_by(|a, b| a == b).filter(|same| same.len() >= self.wanted);
            *places = same.map(|same| same[0]).collect();
        }
        wanted
    }
}

/// The chunks of all parts.
struct Chunks {
    ends: Vec<u32>,
    /// For each chunk the first one with its bytes.
    firsts: Vec<u32>,
    /// Those of each part.
    parts: Vec<Range<usize>>,
}

impl Chunks {
    fn new(chunked: Vec<Vec<Chunk>>) -> Self {
        let mut parts = Vec::with_capacity(chunked.len());
        let mut count = 0;
        for chunks in &chunked {
            parts.push(count..count + chunks.len());
            count += chunks.len();
        }
        let all: Vec<Chunk> = chunked.into_iter().flatten().collect();
        let count = u32::try_from(count).expect("2^32 chunks are 2 TiB");
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
    fn repeats(&self, worth: Worth) -> Vec<Vec<Repeat>> {
        // The chunks with which repeats begin.
        let mut begun = HashSet::new();
        self.parts.iter().map(|part| self.repeats_of(part, worth, &mut begun)).collect()
    }

    fn repeats_of(
        &self,
        part: &Range<usize>,
        worth: Worth,
        begun: &mut HashSet<usize>,
    ) -> Vec<Repeat> {
        let mut repeats = Vec::new();
        let mut index = part.start;
        let mut end = 0;
        while index < part.end {
            let count = self.run(index, part);
            let (at, next) = (self.start(index, part), self.start(index + count, part));
            let first = self.first(index);
            let source = self.parts.partition_point(|part| part.end <= first);
            let source_at = self.start(first, &self.parts[source]);
            let cuts = [at != end, source_at != 0 && !begun.contains(&first)];
            let cuts = cuts.into_iter().filter(|cut| *cut).count();
            if count == 0 || next - at < worth.run + cuts * worth.cut {
                index += 1;
                continue;
            }
            begun.insert(first);
            repeats.push(Repeat { at, len: next - at, source, source_at });
            index += count;
            end = next;
        }
        repeats
    }

    /// How many chunks from `index` on repeat those from the first one on
    /// that is the same.
    fn run(&self, index: usize, part: &Range<usize>) -> usize {
        let first = self.first(index);
        // One and the same chunk again and again compresses well by itself.
        let is_monotonous = index > part.start && self.firsts[index - 1] == self.firsts[index];
        if first == index || is_monotonous {
            return 0;
        }
        let source = self.parts.partition_point(|part| part.end <= first);
        let max = (self.parts[source].end.min(index) - first).min(part.end - index);
        let same = |ahead: &usize| self.firsts[first + ahead] == self.firsts[index + ahead];
        (0..max).take_while(same).count()
    }

    fn first(&self, index: usize) -> usize {
        to_usize(u64::from(self.firsts[index]))
    }

    /// Where a chunk begins in its part, or where that ends.
    fn start(&self, index: usize, part: &Range<usize>) -> usize {
        if index == part.start { 0 } else { to_usize(u64::from(self.ends[index - 1])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORTH: Worth = Worth { run: 10_000, cut: 3000, wanted: 2, ends: false };

    /// Each byte stands for a chunk of 8 KiB.
    fn repeats(parts: &[&[u8]]) -> Vec<(usize, usize, usize, usize, usize)> {
        let chunk = |(index, byte): (usize, &u8)| Chunk {
            end: u32::try_from((index + 1) * 8192).expect("few"),
            digest: [*byte; 16],
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
