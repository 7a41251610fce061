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
use std::sync::{Mutex, PoisonError};

use crate::alike::{ContentChunk, content_chunks};
use crate::encode::task::{Part, Stream};
use crate::error::Result;
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
    /// part.
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
        let files = with_repeats.map(|(part, _)| part.stream).collect();
        let sources = repeats.iter().flatten().map(|repeat| parts[repeat.source].stream).collect();
        let originals = Originals::new(&repeats);
        Ok(Repeats { repeats, cuts, files, sources, originals })
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

    /// The repeats that the part really has. `data` has the bytes of the part, and the
    /// bytes that it repeats have been passed to [`see`](Self::see).
    pub(super) fn confirmed<'a>(
        &'a self,
        part: usize,
        data: &'a [u8],
    ) -> impl Iterator<Item = &'a Repeat> {
        let is_one =
            |repeat: &&Repeat| self.originals.are(repeat, &data[repeat.at..][..repeat.len]);
        self.of(part).iter().filter(is_one)
    }

    /// Keeps hashes of `data`, the bytes of the part of this number, to confirm repeats
    /// of it.
    pub(crate) fn see(&self, part: usize, data: &[u8]) {
        self.originals.keep(part, data);
    }

    /// Where pclusters of the part of this number should begin.
    pub(crate) fn cuts(&self, part: usize) -> &[usize] {
        self.cuts.get(part).map_or(&[], Vec::as_slice)
    }
}

/// The chunks of each part; none if it is too short to repeat anything.
fn cut_parts<'c>(
    parts: &[Part],
    len_min: usize,
    known: &(impl Fn(&Part) -> Option<&'c [ContentChunk]> + Sync),
    read: &(impl Fn(&Part, &mut [u8]) -> Result<()> + Sync),
) -> Result<Vec<Cow<'c, [ContentChunk]>>> {
    // Buffers are used again: the kernel would have to clear fresh memory.
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
    pool::try_map(parts, Share::Single, cut)
}
