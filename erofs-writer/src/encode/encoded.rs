//! What all files have become, for the stages after.

use crate::encode::extent::{Compressed, Fragment, Stored, TailPlace};
use crate::format::algorithm::Algorithm;
use crate::tree::InodeId;

/// What a file has become. There may be millions that are one fragment, so that
/// of these no more is kept than where they are.
#[derive(Debug, Clone, Default)]
pub(super) enum EncodedFile {
    /// It was not encoded, or not worth it.
    #[default]
    AsItWas,
    Pclusters(Box<Compressed>),
    /// It is one fragment, which begins here in the packed inode.
    Fragment(u64),
}

impl EncodedFile {
    /// Puts a part of the file after those before it.
    pub(super) fn append(&mut self, part: Box<Compressed>) {
        match self {
            EncodedFile::Pclusters(file) => file.append(*part),
            none => *none = EncodedFile::Pclusters(part),
        }
    }

    /// Puts its end, or all that it has, into the packed inode.
    pub(super) fn end_with(&mut self, fragment: Fragment) {
        match self {
            EncodedFile::Pclusters(file) if !file.extents.is_empty() => {
                file.tail = TailPlace::Fragment(fragment);
            }
            whole => *whole = EncodedFile::Fragment(fragment.at),
        }
    }

    fn pclusters(&self) -> Option<&Compressed> {
        match self {
            EncodedFile::Pclusters(file) => Some(file),
            _ => None,
        }
    }
}

/// The files that were worth encoding.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// By arena index; empty if nothing was to be encoded.
    pub(super) files: Vec<EncodedFile>,
    /// How many blocks their pclusters have.
    pub(crate) blocks: u64,
    /// By what they were compressed, in the order of their numbers.
    pub(crate) algorithms: Vec<Algorithm>,
    /// Whether some pclusters have more than one block.
    pub(crate) has_big_pclusters: bool,
    /// Whether some files end after their inodes.
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
        let packed = self.packed.as_ref().map(|(file, _)| &**file);
        let files = || self.files.iter().filter_map(EncodedFile::pclusters).chain(packed);
        let mut extents = files().flat_map(|file| &file.extents);
        let has_big_pclusters = extents.any(|extent| extent.blocks > 1);
        let has_inline_pclusters = files().any(|file| file.inline().is_some());
        let mut algorithms: Vec<Algorithm> = files().map(|file| file.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        self.algorithms = algorithms;
        self.has_big_pclusters = has_big_pclusters;
        self.has_inline_pclusters = has_inline_pclusters;
    }

    /// How `id` is stored, if not as it was.
    pub(crate) fn file(&self, id: InodeId) -> Option<Stored<'_>> {
        match self.files.get(id.index())? {
            EncodedFile::AsItWas => None,
            EncodedFile::Pclusters(file) => Some(Stored::Pclusters(file)),
            EncodedFile::Fragment(at) => Some(Stored::Fragment(*at)),
        }
    }

    /// The pclusters of `id`, for tests to change them.
    #[cfg(test)]
    pub(crate) fn file_mut(&mut self, id: InodeId) -> &mut Compressed {
        match &mut self.files[id.index()] {
            EncodedFile::Pclusters(file) => file,
            _ => panic!("it is in pclusters"),
        }
    }

    /// Lets `id` be stored as if it was not encoded, for tests.
    #[cfg(test)]
    pub(crate) fn forget(&mut self, id: InodeId) {
        self.files[id.index()] = EncodedFile::AsItWas;
    }

    /// Whether no file is stored in pclusters.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0 && !self.has_inline_pclusters && self.packed.is_none()
    }
}
