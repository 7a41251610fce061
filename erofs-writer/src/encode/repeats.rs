//! Finding bytes that are in an image already.
//!
//! All parts are cut into content-defined chunks, which are hashed in
//! parallel. Which runs of chunks repeat earlier ones is then decided in the
//! order of the image, a step so cheap that one thread does it. The encoders
//! end their pclusters where a run starts that is repeated later, so that the
//! pclusters from there on can be pointed to.

mod originals;
mod runs;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::encode::part::{Part, Source};
use crate::error::Result;
use crate::format::to_usize;
use crate::plan::{ContentChunk, content_chunks};
use crate::pool;

use originals::Originals;
use runs::Chunks;

/// In shorter blocks it is worth as much to repeat bytes as in blocks of this
/// length, as chunks are no shorter there.
const BLOCK_MIN: u64 = 4096;

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
    /// Those that are repeated.
    sources: HashSet<Source>,
    originals: Originals,
}

impl Repeats {
    /// Finds what `parts` seem to repeat. Of some the chunks are `known`; `read`
    /// reads the others, into a buffer that has one byte more.
    pub(super) fn find<'c>(
        parts: &[Part],
        block_len: u64,
        known: impl Fn(&Part) -> Option<&'c [ContentChunk]> + Sync,
        read: impl Fn(&Part, &mut [u8]) -> Result<()> + Sync,
    ) -> Result<Self> {
        let worth = Worth::of(parts, block_len);
        let chunks = cut_parts(parts, worth.run, &known, &read)?;
        let repeats = Chunks::new(chunks).repeats(worth);
        let cuts = worth.cuts(&repeats, to_usize(block_len));
        let with_repeats = parts.iter().zip(&repeats).filter(|(_, repeats)| !repeats.is_empty());
        let files = with_repeats.map(|(part, _)| part.source).collect();
        let sources = repeats.iter().flatten().map(|repeat| parts[repeat.source].source).collect();
        let originals = Originals::new(&repeats);
        Ok(Repeats { repeats, cuts, files, sources, originals })
    }

    /// Whether the file has repeats.
    pub(crate) fn are_in(&self, file: Source) -> bool {
        self.files.contains(&file)
    }

    /// Whether the file is repeated.
    pub(crate) fn are_of(&self, file: Source) -> bool {
        self.sources.contains(&file)
    }

    /// Whether the file has repeats or is repeated.
    pub(crate) fn touch(&self, file: Source) -> bool {
        self.are_in(file) || self.are_of(file)
    }

    /// What the part of this number seems to repeat.
    pub(crate) fn of(&self, part: usize) -> &[Repeat] {
        self.repeats.get(part).map_or(&[], Vec::as_slice)
    }

    /// The same, looked at again: `data` are the bytes of the part, and what it
    /// repeats has been seen.
    pub(crate) fn confirmed<'a>(
        &'a self,
        part: usize,
        data: &'a [u8],
    ) -> impl Iterator<Item = &'a Repeat> {
        let is_one =
            |repeat: &&Repeat| self.originals.are(repeat, &data[repeat.at..][..repeat.len]);
        self.of(part).iter().filter(is_one)
    }

    /// Keeps what is needed of `data`, the bytes of the part of this number, to
    /// confirm what repeats it.
    pub(crate) fn see(&self, part: usize, data: &[u8]) {
        self.originals.keep(part, data);
    }

    /// Where pclusters of the part of this number should begin.
    pub(crate) fn cuts(&self, part: usize) -> &[usize] {
        self.cuts.get(part).map_or(&[], Vec::as_slice)
    }
}

/// The chunks of each part that is not too short to repeat anything.
fn cut_parts<'c>(
    parts: &[Part],
    len_min: usize,
    known: &(impl Fn(&Part) -> Option<&'c [ContentChunk]> + Sync),
    read: &(impl Fn(&Part, &mut [u8]) -> Result<()> + Sync),
) -> Result<Vec<Cow<'c, [ContentChunk]>>> {
    // The kernel would have to clear fresh memory.
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    let buffers = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    let cut = |part: &Part| {
        let len = to_usize(part.len);
        if len < len_min {
            return Ok(Cow::default());
        }
        if let Some(chunks) = known(part) {
            return Ok(Cow::Borrowed(chunks));
        }
        let mut buffer = buffers().pop().unwrap_or_default();
        buffer.resize(buffer.len().max(len + 1), 0);
        read(part, &mut buffer[..=len])?;
        let chunks = content_chunks(&buffer[..len]);
        buffers().push(buffer);
        Ok(Cow::Owned(chunks))
    };
    pool::try_map_singly(parts, cut)
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
    fn cuts(self, repeats: &[Vec<Repeat>], block_len: usize) -> Vec<Vec<usize>> {
        let mut wanted = vec![Vec::new(); repeats.len()];
        for Repeat { len, source, source_at, .. } in repeats.iter().flatten() {
            wanted[*source].push(source_at.next_multiple_of(block_len));
            if self.ends {
                let end = source_at + len;
                wanted[*source].push(end / block_len * block_len);
                // What is a repeat itself can only be cut where it came from.
                let (origin, end) = origin(repeats, *source, end);
                wanted[origin].push(end / block_len * block_len);
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

/// Where the bytes before `end`, in the part of this number, were first: the
/// number of that part, and their end in it.
fn origin(repeats: &[Vec<Repeat>], mut part: usize, mut end: usize) -> (usize, usize) {
    // Repeats are in the order of their places, and go back.
    loop {
        let behind = repeats[part].partition_point(|repeat| repeat.at < end);
        let before = behind.checked_sub(1).map(|index| repeats[part][index]);
        let Some(repeat) = before.filter(|repeat| end < repeat.at + repeat.len) else {
            return (part, end);
        };
        (part, end) = (repeat.source, repeat.source_at + end - repeat.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_again_is_cut_where_it_was_first() {
        let repeat = |at, len, source, source_at| Repeat { at, len, source, source_at };
        // The second part has 30,000 bytes of the first, the third 20,000 of those.
        let repeats =
            [vec![], vec![repeat(8192, 30_000, 0, 4096)], vec![repeat(0, 20_000, 1, 8192)]];
        assert_eq!(origin(&repeats, 1, 28_192), (0, 24_096));
        assert_eq!(origin(&repeats, 2, 1000), (0, 5096));
        // Its end is one already.
        assert_eq!(origin(&repeats, 1, 38_192), (1, 38_192));
        assert_eq!(origin(&repeats, 1, 8192), (1, 8192));
        let worth = Worth { run: 0, cut: 0, wanted: 1, ends: true };
        let cuts = worth.cuts(&repeats, 4096);
        assert_eq!(cuts[0], [4096, 20_480, 32_768]);
        assert_eq!(cuts[1], [8192, 24_576]);
    }
}
