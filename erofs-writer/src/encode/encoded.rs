//! The encoded files, for the later stages.

use crate::codec::config::CodecLimits;
use crate::encode::extent::{Compressed, Fragment, Stored, TailPlace};
use crate::encode::found::FoundFacts;
use crate::encode::place::PlacedRecipe;
use crate::encode::recipe::Recipe;
use crate::error::{Error, Limit, Result};
use crate::format::algorithm::Algorithm;
use crate::tree::InodeId;

/// The result of encoding a file. There may be millions of files that are one fragment,
/// so only the place of such a fragment is kept.
#[derive(Debug, Clone, Default)]
pub(super) enum EncodedFile {
    /// It was not encoded, or that was not worth it.
    #[default]
    AsItWas,
    Pclusters(Box<Compressed>),
    /// It is one fragment, which begins at this byte of the packed inode.
    Fragment(u64),
}

impl EncodedFile {
    /// Appends the next part of the file.
    pub(super) fn append(&mut self, part: Box<Compressed>) {
        match self {
            EncodedFile::Pclusters(file) => file.append(*part),
            none => *none = EncodedFile::Pclusters(part),
        }
    }

    /// Records that the end of the file, or all of it, is in the packed inode.
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
    /// How many blocks the pclusters of files have together, and those of a packed inode
    /// that is taken over.
    pub(crate) blocks: u64,
    /// How many blocks those of a packed inode have that was encoded.
    pub(crate) packed_blocks: u64,
    /// The algorithms in use, in the order of their numbers.
    pub(crate) algorithms: Vec<Algorithm>,
    /// The most blocks of a pcluster.
    pub(crate) blocks_max: u16,
    /// Whether some pclusters have more than one block.
    pub(crate) has_big_pclusters: bool,
    /// Whether some files have inline pclusters.
    pub(crate) has_inline_pclusters: bool,
    /// The packed inode and how many bytes are in it, if there is one.
    pub(crate) packed: Option<(Box<Compressed>, u64)>,
    /// How many bytes repeat earlier ones and have no pcluster of their own.
    pub(crate) repeated_bytes: u64,
    /// How many bytes of fragments are left out of the packed inode, because an equal
    /// fragment is in it.
    pub(crate) shared_bytes: u64,
    /// The recipes of all parts, if they are kept.
    pub(crate) recipes: Vec<PlacedRecipe>,
    /// Those of files that were not worth encoding.
    pub(crate) vain: Vec<Recipe>,
    /// Facts to keep for later builds.
    pub(crate) facts: FoundFacts,
    /// How many bytes of files are in pclusters on devices, also as fragments.
    pub(crate) device_bytes: u64,
    /// The block after the last device with pclusters, counted from the end of the image on.
    pub(super) device_end: u64,
    /// The most that decoders need, if files are taken over from images.
    pub(crate) limits: Option<CodecLimits>,
}

impl Encoded {
    pub(super) fn find_features(&mut self) {
        let packed = self.packed.as_ref().map(|(file, _)| &**file);
        let files = || self.files.iter().filter_map(EncodedFile::pclusters).chain(packed);
        let extents = files().flat_map(|file| &file.extents);
        let blocks_max = extents.map(|extent| extent.blocks).max().unwrap_or(0);
        let has_big_pclusters = blocks_max > 1;
        let has_inline_pclusters = files().any(|file| file.inline().is_some());
        let all = |file: &Compressed| [Some(file.algorithm), file.second.map(|(_, other)| other)];
        let mut algorithms: Vec<Algorithm> = files().flat_map(all).flatten().collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        self.algorithms = algorithms;
        self.blocks_max = blocks_max;
        self.has_big_pclusters = has_big_pclusters;
        self.has_inline_pclusters = has_inline_pclusters;
    }

    /// Checks that indexes have room for the addresses of all pclusters on devices, after an
    /// image of so many blocks.
    pub(crate) fn check_device_end(&self, image_blocks: u64) -> Result<()> {
        match self.device_end > 0 && image_blocks + self.device_end > u64::from(u32::MAX) {
            true => Err(Error::Full(Limit::DeviceBlocks)),
            false => Ok(()),
        }
    }

    /// How `id` is stored; `None` if it is stored as it was.
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

    /// Whether some file has two algorithms.
    pub(crate) fn has_second_algorithms(&self) -> bool {
        let packed = self.packed.as_ref().map(|(file, _)| &**file);
        let mut files = self.files.iter().filter_map(EncodedFile::pclusters).chain(packed);
        files.any(|file| file.second.is_some())
    }
}

/// The metabox, in which inodes are.
#[derive(Debug)]
pub(crate) struct Metabox {
    pub(crate) file: Box<Compressed>,
    /// How many bytes are in it.
    pub(crate) len: u64,
    /// How many blocks its pclusters have.
    pub(crate) blocks: u64,
}

impl Metabox {
    pub(crate) fn has_big_pclusters(&self) -> bool {
        self.file.extents.iter().any(|extent| extent.blocks > 1)
    }
}
