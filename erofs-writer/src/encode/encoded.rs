//! What all files have become, for the stages after.

use crate::encode::extent::Compressed;
use crate::format::algorithm::Algorithm;
use crate::tree::InodeId;

/// The files that were worth encoding.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// By arena index; empty if nothing was to be encoded.
    pub(super) files: Vec<Option<Box<Compressed>>>,
    /// How many blocks their pclusters have.
    pub(crate) blocks: u64,
    /// By what they were compressed, in the order of their numbers.
    pub(crate) algorithms: Vec<Algorithm>,
    /// Whether some of these have more than one.
    pub(crate) has_big_pclusters: bool,
    /// Whether some files end behind their inodes.
    pub(crate) has_inline_pclusters: bool,
    /// The packed inode and how many bytes are in it, if there is one.
    pub(crate) packed: Option<(Box<Compressed>, u64)>,
    /// Bytes that are in pclusters of others.
    pub(crate) repeated_bytes: u64,
    /// Bytes of fragments that are not in it again.
    pub(crate) shared_bytes: u64,
}

impl Encoded {
    pub(super) fn find_features(&mut self) {
        let packed = self.packed.as_ref().map(|(file, _)| file);
        let files = || self.files.iter().flatten().chain(packed);
        let mut extents = files().flat_map(|file| &file.extents);
        let has_big_pclusters = extents.any(|extent| extent.blocks > 1);
        let has_inline_pclusters = files().any(|file| file.inline.is_some());
        let in_pclusters = files().filter(|file| file.whole_fragment().is_none());
        let mut algorithms: Vec<Algorithm> = in_pclusters.map(|file| file.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        self.algorithms = algorithms;
        self.has_big_pclusters = has_big_pclusters;
        self.has_inline_pclusters = has_inline_pclusters;
    }

    /// How `id` is stored, if in pclusters.
    pub(crate) fn file(&self, id: InodeId) -> Option<&Compressed> {
        self.files.get(id.index())?.as_deref()
    }

    /// The same, for tests to change it.
    #[cfg(test)]
    pub(crate) fn file_mut(&mut self, id: InodeId) -> &mut Compressed {
        self.files[id.index()].as_deref_mut().expect("it is in pclusters")
    }

    /// Whether no file is stored in pclusters.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0 && !self.has_inline_pclusters && self.packed.is_none()
    }
}
