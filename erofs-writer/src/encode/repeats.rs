//! Finding bytes that repeat earlier ones of the image.
//!
//! All parts are cut into content-defined chunks, which are hashed in parallel. Then it
//! is decided in the order of the image which runs of chunks repeat earlier ones; that is
//! so cheap that one thread does it. The encoders end their pclusters where a run begins
//! that is repeated later, so that later extents can point to the pclusters from there
//! on.

mod originals;
mod repeat;
mod runs;
mod worth;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::alike::ContentChunk;
use crate::encode::bytes::PartBytes;
use crate::encode::task::{Part, Stream};
use crate::error::Result;
use crate::facts::{Digest, RangeFacts};
use crate::format::to_usize;
use crate::pool::{self, Share};
use crate::shape::IndexForm;

use originals::Originals;
pub(super) use repeat::Repeat;
use runs::Chunks;
use worth::Worth;

/// The repeats of some parts.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By number of the part: its repeats, in the order of their places.
    repeats: Vec<Vec<Repeat>>,
    /// By number of the part: where its pclusters should begin, at multiples of a block.
    cuts: Vec<Vec<usize>>,
    /// The files that have repeats.
    files: HashSet<Stream>,
    /// The files that are repeated.
    sources: HashSet<Stream>,
    originals: Originals,
}

impl Repeats {
    /// Finds the bytes that `parts` seem to repeat. `known` gives the chunks of some
    /// parts; `read` reads the others, into a buffer that has one byte more than the
    /// part, and cuts them into chunks.
    pub(super) fn find<'c>(
        parts: &[Part],
        block_len: u64,
        known: impl Fn(&Part) -> Option<&'c [ContentChunk]> + Sync,
        read: impl Fn(&Part, &mut [u8]) -> Result<Vec<ContentChunk>> + Sync,
    ) -> Result<Self> {
        let worth = Worth::of(parts, block_len);
        let chunks = cut_parts(parts, worth.run, &known, &read)?;
        let repeats = Chunks::new(chunks).repeats(worth);
        let cuts = worth.cuts(&repeats, to_usize(block_len));
        let with_repeats = parts.iter().zip(&repeats).filter(|(_, repeats)| !repeats.is_empty());
        let files = with_repeats.map(|(part, _)| part.stream).collect();
        let sources = repeats.iter().flatten().map(|repeat| parts[repeat.source].stream).collect();
        let originals = Originals::new(&repeats);
        Ok(Repeats { repeats, cuts, files, sources, originals })
    }

    /// Adds places of the part of this number where pclusters should begin: multiples of a
    /// block.
    pub(super) fn cut_at(&mut self, part: usize, places: impl Iterator<Item = usize>) {
        if let Some(cuts) = self.cuts.get_mut(part) {
            cuts.extend(places);
            cuts.sort_unstable();
            cuts.dedup();
        }
    }

    /// Whether the file has repeats.
    pub(super) fn are_in(&self, file: Stream) -> bool {
        self.files.contains(&file)
    }

    /// The form that the index of the file needs. The pclusters of a file with repeats
    /// may lie anywhere.
    pub(super) fn index_form(&self, file: Stream) -> IndexForm {
        if self.are_in(file) { IndexForm::Full } else { IndexForm::Packs }
    }

    /// Whether the file is repeated.
    pub(super) fn are_of(&self, file: Stream) -> bool {
        self.sources.contains(&file)
    }

    /// Whether the file has repeats or is repeated.
    pub(crate) fn touch(&self, file: Stream) -> bool {
        self.are_in(file) || self.are_of(file)
    }

    /// The repeats that the part of this number seems to have.
    pub(crate) fn of(&self, part: usize) -> &[Repeat] {
        self.repeats.get(part).map_or(&[], Vec::as_slice)
    }

    /// The repeats that the part really has, each with the hash of its bytes. The bytes
    /// that it repeats have been passed to [`see`](Self::see).
    pub(super) fn confirmed(&self, part: usize, bytes: &PartBytes<'_>) -> Vec<(&Repeat, Digest)> {
        let confirm = |repeat| {
            let digest = bytes.range(range(repeat))?;
            self.originals.are(repeat, &digest).then_some((repeat, digest))
        };
        self.of(part).iter().filter_map(confirm).collect()
    }

    /// Keeps hashes of `bytes`, those of the part of this number, to confirm repeats of
    /// it.
    pub(super) fn see(&self, part: usize, bytes: &PartBytes<'_>) {
        self.originals.keep(part, bytes);
    }

    /// Whether all hashes that are needed of a part are known.
    pub(super) fn are_known(&self, part: usize, bytes: &PartBytes<'_>) -> bool {
        let is_known = |repeat: &Repeat| bytes.range(range(repeat)).is_some();
        self.originals.are_known(part, bytes) && self.of(part).iter().all(is_known)
    }

    /// Facts about the ranges of a part that are repeated or, as was `confirmed`, repeat
    /// others.
    pub(super) fn facts(&self, part: usize, confirmed: &[(&Repeat, Digest)]) -> Vec<RangeFacts> {
        let own =
            |(repeat, digest): &(&Repeat, Digest)| RangeFacts::new(repeat.at, repeat.len, *digest);
        let own = confirmed.iter().filter_map(own);
        self.originals.ranges(part).chain(own).collect()
    }

    /// Where pclusters of the part of this number should begin.
    pub(crate) fn cuts(&self, part: usize) -> &[usize] {
        self.cuts.get(part).map_or(&[], Vec::as_slice)
    }
}

/// Where a repeat is in its part.
fn range(repeat: &Repeat) -> Range<usize> {
    repeat.at..repeat.at + repeat.len
}

/// The chunks of each part; none if it is too short to repeat anything.
fn cut_parts<'c>(
    parts: &[Part],
    len_min: usize,
    known: &(impl Fn(&Part) -> Option<&'c [ContentChunk]> + Sync),
    cut: &(impl Fn(&Part, &mut [u8]) -> Result<Vec<ContentChunk>> + Sync),
) -> Result<Vec<Cow<'c, [ContentChunk]>>> {
    // Buffers are used again: the kernel would have to clear fresh memory.
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    let buffers = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    let find = |part: &Part| {
        let len = to_usize(part.len);
        if len < len_min {
            return Ok(Cow::default());
        }
        if let Some(chunks) = known(part) {
            return Ok(Cow::Borrowed(chunks));
        }
        let mut buffer = buffers().pop().unwrap_or_default();
        buffer.resize(buffer.len().max(len + 1), 0);
        let chunks = cut(part, &mut buffer[..=len])?;
        buffers().push(buffer);
        Ok(Cow::Owned(chunks))
    };
    pool::try_map(parts, Share::Single, find)
}
