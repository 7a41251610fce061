//! The facts.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::alike::ContentChunk;
use crate::facts::key::FileKey;
use crate::format::to_usize;

/// A BLAKE3 hash.
pub(crate) type Digest = [u8; 32];

/// The number of bytes in which contents are hashed and cut into chunks.
pub(crate) const PART_LEN: u64 = crate::alike::PART_LEN;

/// Facts about the contents of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FileFacts {
    pub(crate) len: u64,
    /// One for every [`PART_LEN`] bytes of the file.
    pub(crate) parts: Vec<PartFacts>,
    /// The end that became a fragment.
    pub(crate) end: Option<EndFacts>,
    /// Hashes of the first and the last bytes; 0 where one is not known.
    pub(crate) probes: [u64; 2],
}

/// Facts about consecutive bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PartFacts {
    pub(crate) digest: Digest,
    /// The chunks into which they are cut; none if they were not cut.
    pub(crate) chunks: Arc<[ContentChunk]>,
    /// The ranges that repeat others or are repeated, in the order of their places.
    pub(crate) ranges: Vec<RangeFacts>,
}

/// The hash of some bytes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeFacts {
    pub(crate) at: u32,
    pub(crate) len: u32,
    pub(crate) digest: Digest,
}

/// The last bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndFacts {
    pub(crate) len: u64,
    pub(crate) digest: Digest,
}

/// All facts that follow an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) files: HashMap<FileKey, Arc<FileFacts>>,
    /// Facts about parts of the packed inode.
    pub(crate) packed: HashMap<Digest, Arc<PartFacts>>,
}

impl FileFacts {
    /// The parts, each with its length.
    fn lens(&self) -> impl Iterator<Item = (&PartFacts, u64)> {
        let starts = (0..self.len).step_by(to_usize(PART_LEN));
        self.parts.iter().zip(starts.map(|start| PART_LEN.min(self.len - start)))
    }

    /// Whether its parts are cut into chunks.
    pub(crate) fn is_cut(&self) -> bool {
        self.lens().all(|(part, len)| part.chunks_of(len).is_some())
    }

    /// The facts that every build finds.
    pub(crate) fn forget(&self) -> Self {
        let part = |part: &PartFacts| PartFacts {
            digest: part.digest,
            chunks: Arc::clone(&part.chunks),
            ranges: Vec::new(),
        };
        let parts = self.parts.iter().map(part).collect();
        FileFacts { len: self.len, parts, end: None, probes: self.probes }
    }

    /// Adds facts about ranges of the part that begins at `offset`.
    pub(crate) fn add_ranges(&mut self, offset: u64, ranges: &[RangeFacts]) {
        let part = usize::try_from(offset / PART_LEN).ok().and_then(|at| self.parts.get_mut(at));
        if let Some(part) = part {
            part.add_ranges(ranges);
        }
    }

    /// A hash of all contents.
    pub(crate) fn digest(&self) -> Digest {
        match &self.parts[..] {
            [part] => part.digest,
            parts => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&self.len.to_le_bytes());
                for part in parts {
                    hasher.update(&part.digest);
                }
                *hasher.finalize().as_bytes()
            }
        }
    }
}

impl RangeFacts {
    /// The hash of the `len` bytes from `at` on; `None` if they are too far away.
    pub(crate) fn new(at: usize, len: usize, digest: Digest) -> Option<Self> {
        Some(RangeFacts { at: at.try_into().ok()?, len: len.try_into().ok()?, digest })
    }
}

impl PartFacts {
    /// The chunks, if the part was cut, and has `len` bytes.
    pub(crate) fn chunks_of(&self, len: u64) -> Option<&[ContentChunk]> {
        let lens = || self.chunks.iter().map(|chunk| u64::from(chunk.len));
        let are_all = lens().sum::<u64>() == len && lens().all(|len| len > 0);
        (are_all && !self.chunks.is_empty()).then_some(&*self.chunks)
    }

    /// Adds facts about ranges.
    pub(crate) fn add_ranges(&mut self, ranges: &[RangeFacts]) {
        self.ranges.extend_from_slice(ranges);
        self.ranges.sort_unstable_by_key(|range| (range.at, range.len));
        self.ranges.dedup_by_key(|range| (range.at, range.len));
    }

    /// The hash of the bytes `range` of the part, if it is known.
    pub(crate) fn range(&self, range: &Range<usize>) -> Option<Digest> {
        let place =
            |known: &RangeFacts| (to_usize(u64::from(known.at)), to_usize(u64::from(known.len)));
        let index = self.ranges.binary_search_by_key(&(range.start, range.len()), place).ok()?;
        Some(self.ranges[index].digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_one_of_all_parts() {
        let part = |byte| PartFacts { digest: [byte; 32], ..PartFacts::default() };
        let facts = |len, parts| FileFacts { len, parts, ..FileFacts::default() };
        assert_eq!(facts(7, vec![part(1)]).digest(), [1; 32]);
        let digests = [
            facts(PART_LEN + 1, vec![part(1), part(2)]).digest(),
            facts(PART_LEN + 2, vec![part(1), part(2)]).digest(),
            facts(PART_LEN + 1, vec![part(2), part(1)]).digest(),
        ];
        assert!(digests[0] != digests[1] && digests[0] != digests[2]);
    }
}
