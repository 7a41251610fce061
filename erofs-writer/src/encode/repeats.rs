//! Finding bytes that are in an image already.
//!
//! All parts are cut into content-defined chunks, which are hashed in
//! parallel. Which runs of chunks repeat earlier ones is then decided in the
//! order of the image, a step so cheap that one thread does it. The encoders
//! end their pclusters where a run starts that is repeated later, so that the
//! pclusters from there on can be pointed to.

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
    /// By number of the part, in the order of their places.
    repeats: Vec<Vec<Repeat>>,
    /// By number of the part: where others begin to repeat it, at multiples of
    /// a block.
    cuts: Vec<Vec<usize>>,
    /// The files with repeats.
    files: HashSet<Stream>,
    /// Those that are repeated.
    sources: HashSet<Stream>,
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
        let files = with_repeats.map(|(part, _)| part.stream).collect();
        let sources = repeats.iter().flatten().map(|repeat| parts[repeat.source].stream).collect();
        let originals = Originals::new(&repeats);
        Ok(Repeats { repeats, cuts, files, sources, originals })
    }

    /// Whether the file has repeats.
    pub(crate) fn are_in(&self, file: Stream) -> bool {
        self.files.contains(&file)
    }

    /// What form the index of the file needs: one with repeats may have pclusters
    /// anywhere.
    pub(crate) fn index_form(&self, file: Stream) -> IndexForm {
        if self.are_in(file) { IndexForm::Full } else { IndexForm::Packs }
    }

    /// Whether the file is repeated.
    pub(crate) fn are_of(&self, file: Stream) -> bool {
        self.sources.contains(&file)
    }

    /// Whether the file has repeats or is repeated.
    pub(crate) fn touch(&self, file: Stream) -> bool {
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
    pool::try_map(parts, Share::Single, cut)
}
