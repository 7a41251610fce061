//! Findings about files, made while they are read to be hashed, so that they need not be
//! read again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::alike::{ContentChunk, Kept, PART_LEN, Sketch, content_chunks};
use crate::options::{Options, Tails};
use crate::plan::probes::Probes;
use crate::tree::InodeId;

/// How many bytes of each file are compared before whole files are read.
const PREFIX_LEN: u64 = 16 * 1024;
/// How many bytes are read at a time.
const STEP: u64 = 256 * 1024;

/// The findings about a file, besides its hash.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// The sketch of a file that may become a fragment.
    pub(crate) sketch: Option<Sketch>,
    /// The chunks of other files, part by part.
    pub(crate) chunks: Vec<Vec<ContentChunk>>,
    /// The hashes of its first and its last bytes, as far as these were read.
    pub(super) probes: Probes,
}

pub(super) type FileFindings = HashMap<InodeId, Finding>;

/// The findings about files. They are taken out to be used, so that they are in memory no
/// longer than that.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    sketches: Mutex<HashMap<InodeId, Sketch>>,
    chunks: Mutex<HashMap<InodeId, Vec<Vec<ContentChunk>>>>,
    probes: HashMap<InodeId, Probes>,
    /// How many bytes of sketches are kept.
    pub(crate) kept: Kept,
}

impl Findings {
    pub(super) fn put(&mut self, findings: impl Iterator<Item = (InodeId, Finding)>) {
        let sketches = self.sketches.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chunks = self.chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (id, finding) in findings {
            sketches.extend(finding.sketch.map(|sketch| (id, sketch)));
            if finding.probes != Probes::default() {
                self.probes.insert(id, finding.probes);
            }
            if !finding.chunks.is_empty() {
                chunks.insert(id, finding.chunks);
            }
        }
        // The other sketches take no room any more.
        self.kept = Kept::of(sketches.values());
    }

    /// The probes of a file that was read.
    pub(super) fn probes(&self, id: InodeId) -> Option<Probes> {
        self.probes.get(&id).copied()
    }

    /// Takes the sketches, which are those of files that may be fragments.
    pub(crate) fn take_sketches(&self) -> HashMap<InodeId, Sketch> {
        std::mem::take(&mut self.sketches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the chunks of the files that were cut, part by part.
    pub(crate) fn take_chunks(&self) -> HashMap<InodeId, Vec<Vec<ContentChunk>>> {
        std::mem::take(&mut self.chunks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Sketch> for Finding {
    fn from(sketch: Sketch) -> Self {
        Finding { sketch: Some(sketch), ..Finding::default() }
    }
}

impl Finding {
    pub(super) fn is_empty(&self) -> bool {
        self.sketch.is_none() && self.chunks.is_empty() && self.probes == Probes::default()
    }
}

/// The findings that are needed.
#[derive(Clone, Copy)]
pub(super) struct Needs<'a> {
    /// Files of at most this many bytes are sketched.
    sketched: u64,
    /// Files of more than this many bytes are cut into chunks; `None` if none are.
    cut_above: Option<u64>,
    /// Whether the probes of files are needed.
    are_probed: bool,
    kept: &'a Kept,
}

impl<'a> Needs<'a> {
    pub(super) fn of(options: &Options, kept: &'a Kept) -> Self {
        let fragment_max = fragment_len_max(options);
        // If all files are fragments, the packed inode is cut instead.
        let are_cut = options.may_have_repeats() && options.tails != Tails::AllFragments;
        Needs {
            sketched: fragment_max.min(PREFIX_LEN),
            cut_above: are_cut.then_some(fragment_max.max(options.block_size.len())),
            are_probed: options.may_have_fragments(),
            kept,
        }
    }

    /// Whether files are cut into chunks.
    pub(super) fn cuts(self) -> bool {
        self.cut_above.is_some()
    }

    /// How many bytes of each file are hashed before files are compared. If files are
    /// cut, that is all bytes, as these have to be read anyway.
    pub(super) fn prefix_len(self) -> u64 {
        if self.cut_above.is_some() { u64::MAX } else { PREFIX_LEN }
    }

    /// How many bytes are read at a time.
    pub(super) fn step_len(self) -> u64 {
        if self.cut_above.is_some() { PART_LEN } else { STEP }
    }

    /// Whether a file of `len` bytes is cut into chunks.
    pub(super) fn cuts_file(self, len: u64) -> bool {
        len > self.sketched && self.cut_above.is_some_and(|above| len > above)
    }

    /// The sketch of a file of `len` bytes, which are `bytes`, if it is wanted and there
    /// is room to keep it.
    pub(super) fn sketch(self, len: u64, bytes: &[u8]) -> Option<Sketch> {
        if len <= self.sketched { self.kept.sketch(bytes) } else { None }
    }

    /// Adds to `finding` what the next step of a file of `len` bytes shows, which begins
    /// at `at`.
    pub(super) fn look(self, len: u64, at: u64, step: &[u8], finding: &mut Finding) {
        if self.are_probed {
            finding.probes.see(len, at, step);
        }
        finding.sketch = self.sketch(len, step);
        if self.cuts_file(len) {
            finding.chunks.push(content_chunks(step));
        }
    }
}

/// The length of the longest file that may become one fragment.
fn fragment_len_max(options: &Options) -> u64 {
    match options.tails {
        Tails::AllFragments if options.may_compress() => u64::MAX,
        Tails::Fragments => {
            options.file_codecs().map(|codec| codec.pcluster_len).max().unwrap_or(0)
        }
        _ => 0,
    }
}
