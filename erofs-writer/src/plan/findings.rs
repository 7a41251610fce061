//! What is found out about files as they are read to be hashed, so that nobody
//! reads them for it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::alike::{ContentChunk, Kept, PART_LEN, Sketch, content_chunks};
use crate::options::{Options, Tails};
use crate::tree::InodeId;

/// How much of each file is compared before whole files are read.
const PREFIX_LEN: u64 = 16 * 1024;
/// How much is read at a time.
const STEP: u64 = 256 * 1024;

/// What was found out about a file beside its hash.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// Of one that may become a fragment.
    pub(crate) sketch: Option<Sketch>,
    /// Of others, part by part.
    pub(crate) chunks: Vec<Vec<ContentChunk>>,
}

pub(crate) type FileFindings = HashMap<InodeId, Finding>;

/// What was found out about files, until somebody takes it, who then has it
/// alone: it is not to be in memory any longer than it is used.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    sketches: Mutex<HashMap<InodeId, Sketch>>,
    chunks: Mutex<HashMap<InodeId, Vec<Vec<ContentChunk>>>>,
    /// How much of it are sketches.
    pub(crate) kept: Kept,
}

impl Findings {
    pub(super) fn put(&mut self, findings: impl Iterator<Item = (InodeId, Finding)>) {
        let sketches = self.sketches.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chunks = self.chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (id, finding) in findings {
            sketches.extend(finding.sketch.map(|sketch| (id, sketch)));
            if !finding.chunks.is_empty() {
                chunks.insert(id, finding.chunks);
            }
        }
        // The room of those that are not put here is free again.
        self.kept = Kept::of(sketches.values());
    }

    /// The sketches there are, of files that may be fragments.
    pub(crate) fn take_sketches(&self) -> HashMap<InodeId, Sketch> {
        std::mem::take(&mut self.sketches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The chunks of the files that were cut into some, part by part.
    pub(crate) fn take_chunks(&self) -> HashMap<InodeId, Vec<Vec<ContentChunk>>> {
        std::mem::take(&mut self.chunks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Finding {
    pub(super) fn is_empty(&self) -> bool {
        self.sketch.is_none() && self.chunks.is_empty()
    }
}

/// What has to be found out.
#[derive(Clone, Copy)]
pub(super) struct Needs<'a> {
    /// Files of so many bytes or less are sketched,
    sketched: u64,
    /// and longer ones than this cut into chunks, if any are.
    cut_above: Option<u64>,
    kept: &'a Kept,
}

impl<'a> Needs<'a> {
    pub(super) fn of(options: &Options, kept: &'a Kept) -> Self {
        let fragment_max = fragment_len_max(options);
        // With all fragments it is the packed inode that is cut.
        let are_cut = options.may_have_repeats() && options.tails != Tails::AllFragments;
        Needs {
            sketched: fragment_max.min(PREFIX_LEN),
            cut_above: are_cut.then_some(fragment_max.max(options.block_size.len())),
            kept,
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
    pub(super) fn look(self, len: u64, step: &[u8], finding: &mut Finding) {
        if len <= self.sketched {
            finding.sketch = self.kept.sketch(step);
        } else if self.cut_above.is_some_and(|above| len > above) {
            finding.chunks.push(content_chunks(step));
        }
    }
}

/// How long files are at most that become fragments as a whole.
fn fragment_len_max(options: &Options) -> u64 {
    match options.tails {
        Tails::AllFragments if options.may_compress() => u64::MAX,
        Tails::Fragments => {
            options.file_codecs().map(|codec| codec.pcluster_len).max().unwrap_or(0)
        }
        _ => 0,
    }
}
