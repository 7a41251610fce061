//! An image that is open for reading.

use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::fault::{Fault, Found};
use super::inode::Inode;
use super::input::{Input, Inputs};
use super::place::Place;
use super::superblock::Super;
use crate::format::superblock::SuperBlock;
use crate::format::to_u64;

/// A long prefix: the number of a short one, and what follows it.
#[derive(Debug)]
pub(super) struct LongPrefix {
    pub(super) base_index: u8,
    pub(super) infix: Vec<u8>,
}

/// An image that is open for reading, from several threads at a time.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its name in messages.
    name: PathBuf,
    pub(super) sb: Super,
    pub(super) inputs: Inputs,
    /// The inode with fragments, and that with metadata.
    pub(super) packed: Option<Inode>,
    metabox: Option<Inode>,
    pub(super) prefixes: Vec<LongPrefix>,
    pub(super) cache: Cache,
}

impl Image {
    /// Opens the image in the first of these inputs. The others are its devices.
    pub(crate) fn open(name: PathBuf, files: Vec<Input>) -> Found<Self> {
        let mut inputs = Inputs::new(files);
        let sb = Super::read(&inputs)?;
        let slots = sb.read_slots(&inputs)?;
        inputs.set_slots(slots)?;
        let (packed, metabox) = (sb.packed, sb.metabox);
        let prefixes = Vec::new();
        let cache = Cache::default();
        let mut image = Image { name, sb, inputs, packed: None, metabox: None, prefixes, cache };
        image.packed = packed.map(|nid| image.special(nid)).transpose()?;
        image.metabox = metabox.map(|nid| image.special(nid)).transpose()?;
        image.prefixes = image.read_prefixes()?;
        Ok(image)
    }

    /// An inode that no directory has. It cannot be in the metabox.
    fn special(&self, nid: u64) -> Found<Inode> {
        let inode = self.inode(nid)?;
        match inode.place.in_metabox {
            true => Err(Fault::malformed(nid, "the metabox is said to be in itself")),
            false => Ok(inode),
        }
    }

    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    pub(super) fn metabox(&self) -> Option<&Inode> {
        self.metabox.as_ref()
    }

    pub(crate) fn root(&self) -> u64 {
        self.sb.root
    }

    /// The superblock, as it stands there.
    pub(crate) fn superblock(&self) -> &SuperBlock {
        &self.sb.raw
    }

    /// The length of the image and its devices together.
    pub(crate) fn total_len(&self) -> u64 {
        self.inputs.total_len()
    }

    /// Where the blocks of the image end, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.sb.end
    }

    /// The size of a block, as log2.
    pub(crate) fn block_bits(&self) -> u32 {
        self.sb.block_bits
    }

    /// Whether the image has `len` bytes from `pos` on.
    pub(crate) fn has(&self, pos: u64, len: usize) -> bool {
        pos.checked_add(to_u64(len)).is_some_and(|end| end <= self.inputs.total_len())
    }

    /// Fills `buf` with bytes of the image from `pos` on.
    pub(crate) fn read(&self, buf: &mut [u8], pos: u64) -> Found<()> {
        self.inputs.read(buf, pos)
    }

    /// Fills `buf` with metadata.
    pub(super) fn read_meta(&self, place: Place, buf: &mut [u8]) -> Found<()> {
        if !place.in_metabox {
            return self.inputs.read(buf, place.pos);
        }
        match &self.metabox {
            Some(metabox) => self.read_data(metabox, place.pos, buf),
            None => Err(Fault::malformed(place.pos, "there is no metabox, but inodes are in it")),
        }
    }
}
