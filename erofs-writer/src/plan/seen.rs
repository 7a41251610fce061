//! What is found out about files as they are read to be hashed, so that nobody
//! reads them for it again.

use std::collections::HashMap;

use crate::options::{Fragments, Options};
use crate::plan::{ContentChunk, PART_LEN, Sketch, content_chunks, fragments, sketch};
use crate::tree::InodeId;

/// How much of each file is compared before whole files are read.
const PREFIX_LEN: u64 = 16 * 1024;
/// How much is read at a time.
const STEP: u64 = 256 * 1024;

/// What was found out about a file beside its hash.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Of one that may become a fragment.
    pub(crate) sketch: Option<Sketch>,
    /// Of others, part by part.
    pub(crate) chunks: Vec<Vec<ContentChunk>>,
}

pub(crate) type SeenFiles = HashMap<InodeId, Seen>;

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.sketch.is_none() && self.chunks.is_empty()
    }
}

/// What has to be found out.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    /// Files of so many bytes or less are sketched,
    sketched: u64,
    /// and longer ones than this cut into chunks, if any are.
    cut_above: Option<u64>,
}

impl Needs {
    pub(super) fn of(options: &Options) -> Self {
        let fragment_max = match options.may_have_fragments() {
            true => fragments::len_max(options),
            false => 0,
        };
        // With all fragments it is the packed inode that is cut.
        let are_cut = options.may_have_repeats() && options.fragments != Fragments::All;
        Needs {
            sketched: fragment_max.min(PREFIX_LEN),
            cut_above: are_cut.then_some(fragment_max.max(options.block_size.len())),
        }
    }

    /// Whether files are cut into chunks.
    pub(super) fn cuts(self) -> bool {
        self.cut_above.is_some()
    }

    /// How much of each file is hashed before it is compared. All of those that
    /// are cut, as somebody has to read them anyway.
    pub(super) fn prefix_len(self) -> u64 {
        if self.cut_above.is_some() { u64::MAX } else { PREFIX_LEN }
    }

    /// How much is read at a time.
    pub(super) fn step_len(self) -> u64 {
        if self.cut_above.is_some() { PART_LEN } else { STEP }
    }

    /// Looks at the next step of a file of `len` bytes.
    pub(super) fn see(self, len: u64, step: &[u8], seen: &mut Seen) {
        if len <= self.sketched {
            seen.sketch = Some(sketch(step));
        } else if self.cut_above.is_some_and(|above| len > above) {
            seen.chunks.push(content_chunks(step));
        }
    }
}
