//! Parts to encode, and their results.

use std::ops::Range;

use crate::alike::PART_LEN;
use crate::encode::extent::ExtentRun;
use crate::encode::pclusters::Pclusters;
use crate::encode::recipe::Recipe;
use crate::facts::RangeFacts;
use crate::format::algorithm::Algorithm;
use crate::options::FileCodec;
use crate::tree::InodeId;

/// The length of a task, roughly: short parts are put together, and long files are cut.
pub(super) const TASK_LEN: u64 = PART_LEN;

/// A run of bytes that is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    File(InodeId),
    /// The packed inode.
    Packed,
    /// The metabox, in which inodes are.
    Metabox,
}

/// Some bytes of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Its place in the order of all parts.
    pub(crate) number: usize,
    pub(crate) stream: Stream,
    pub(crate) codec: FileCodec,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// How many bytes the stream has.
    pub(crate) size: u64,
}

impl Part {
    pub(super) fn is_whole(&self) -> bool {
        self.len == self.size
    }

    pub(super) fn is_last(&self) -> bool {
        self.offset + self.len == self.size
    }
}

/// The results of the parts of a task.
#[derive(Debug, Default)]
pub(super) struct EncodedTask {
    /// The pclusters of all parts.
    pub(crate) bytes: Vec<u8>,
    /// The parts that were worth encoding.
    pub(crate) parts: Vec<EncodedPart>,
    /// The recipes of the others, as far as they were made.
    pub(crate) vain: Vec<Recipe>,
    /// Facts to keep for later builds.
    pub(crate) ranges: Vec<PartRanges>,
}

/// Facts about the ranges of a part that repeat others or are repeated.
#[derive(Debug)]
pub(crate) struct PartRanges {
    pub(crate) stream: Stream,
    /// Where the part begins in the stream.
    pub(crate) offset: u64,
    pub(crate) ranges: Vec<RangeFacts>,
}

/// The result of encoding a part.
#[derive(Debug)]
pub(super) struct EncodedPart {
    /// The number of the part.
    pub(crate) number: usize,
    pub(crate) stream: Stream,
    /// Where it begins in the stream.
    pub(crate) offset: u64,
    pub(crate) algorithm: Algorithm,
    /// What decided the result and a hash of that, if these were asked for.
    pub(crate) recipe: Option<(Recipe, u64)>,
    pub(crate) pclusters: Pclusters,
}

impl EncodedPart {
    /// The result `pclusters` of a part, of which `own` are those in blocks.
    pub(super) fn new(
        part: &Part,
        recipe: Option<Recipe>,
        pclusters: Pclusters,
        own: &[u8],
    ) -> Self {
        let Part { number, stream, codec, offset, .. } = *part;
        let algorithm = codec.codec.algorithm();
        let recipe = recipe.map(|recipe| (recipe, pclusters.check(own)));
        EncodedPart { number, stream, offset, algorithm, recipe, pclusters }
    }
}

impl EncodedTask {
    /// The extents that begin in `bytes` of the part of this number.
    pub(crate) fn extents(&self, number: usize, bytes: Range<usize>) -> Option<ExtentRun> {
        let part = self.parts.iter().find(|part| part.number == number)?;
        Some(ExtentRun::within(&part.pclusters.extents, bytes))
    }
}
