//! What to store, in which order: decided before anything is placed.

mod blocks;
mod cdc;
mod chunks;
mod codecs;
mod devices;
mod fragments;
mod hash;
mod holes;
mod order;
mod seen;
mod share;
mod sketch;

pub(crate) use cdc::{ContentChunk, PART_LEN, content_chunks};
pub(crate) use chunks::{ChunkMap, HOLE, Run};
pub(crate) use codecs::Codecs;
pub(crate) use hash::{Reader, shown_path};
pub(crate) use order::Order;
pub(crate) use seen::SeenFiles;
pub(crate) use sketch::{Sketch, sketch};

use crate::error::Result;
use crate::options::Options;
use crate::tree::{InodeId, Kind, Tree};

/// How the contents of an inode are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In consecutive blocks, the tail behind the inode if it fits there.
    Flat,
    /// In consecutive blocks, the tail among them.
    FlatPlain,
    /// In the blocks of this inode, which has the same bytes.
    SameAs(InodeId),
    /// In the chunks of this map.
    Chunked(u32),
    /// In the packed inode.
    Fragment,
}

/// The decisions for every inode, and what they save.
#[derive(Debug)]
pub(crate) struct DataPlan {
    layouts: Vec<Layout>,
    pub(crate) maps: Vec<ChunkMap>,
    /// Of those files that were hashed.
    pub(crate) seen: SeenFiles,
    /// What to copy into the chunk area, in its order, without gaps.
    pub(crate) runs: Vec<Run>,
    /// How many blocks each further device has.
    pub(crate) devices: Vec<u64>,
    /// Bytes of files that stay there.
    pub(crate) device_bytes: u64,
    pub(crate) shared_bytes: u64,
    pub(crate) hole_bytes: u64,
}

impl DataPlan {
    /// Decides, reading what has to be compared or looked at for zeros.
    ///
    /// `head_len` is how long an inode is with its xattrs.
    pub(crate) fn new(
        reader: Reader<'_>,
        order: &Order,
        codecs: &Codecs,
        options: &Options,
        head_len: &(dyn Fn(InodeId) -> u64 + Sync),
    ) -> Result<Self> {
        let flat = match options.may_have_inline_tails() {
            true => Layout::Flat,
            false => Layout::FlatPlain,
        };
        let mut plan = DataPlan {
            layouts: vec![flat; reader.tree.arena_len()],
            maps: Vec::new(),
            seen: SeenFiles::new(),
            runs: Vec::new(),
            devices: Vec::new(),
            device_bytes: 0,
            shared_bytes: 0,
            hole_bytes: 0,
        };
        devices::plan(&mut plan, reader.tree, order, options)?;
        // Chunks that are the same are found when files are stored in chunks.
        if options.chunk_size.is_some() && !options.may_compress() {
            return Ok(plan);
        }
        if options.share_identical {
            share::plan(&mut plan, reader, order, options, head_len)?;
        }
        if options.may_have_fragments() {
            fragments::plan(&mut plan, reader.tree, order, codecs, options, head_len);
        }
        if options.may_share_blocks() {
            blocks::plan(&mut plan, reader, order, options)?;
        }
        if options.may_have_holes() {
            holes::plan(&mut plan, reader, order, options)?;
        }
        Ok(plan)
    }

    /// The same, with files in chunks if that is asked for: those that are not
    /// stored in another way, which is known when files are encoded.
    pub(crate) fn with_chunks(
        mut self,
        reader: Reader<'_>,
        order: &Order,
        options: &Options,
        is_encoded: &(dyn Fn(InodeId) -> bool + Sync),
    ) -> Result<Self> {
        if let Some(chunk_size) = options.chunk_size {
            chunks::plan(&mut self, reader, order, options, chunk_size, is_encoded)?;
        }
        Ok(self)
    }

    /// How `id` is stored. One step of [`Layout::SameAs`] never leads to
    /// another.
    pub(crate) fn layout(&self, id: InodeId) -> Layout {
        self.layouts[id.index()]
    }

    /// The inode whose blocks hold the bytes of `id`.
    pub(crate) fn owner(&self, id: InodeId) -> InodeId {
        match self.layout(id) {
            Layout::SameAs(owner) => owner,
            _ => id,
        }
    }

    /// Whether it is open how `id` is stored, but for its tail.
    pub(crate) fn is_open(&self, id: InodeId) -> bool {
        matches!(self.layout(id), Layout::Flat | Layout::FlatPlain)
    }

    /// How many blocks of `block_len` bytes the chunk area has.
    pub(crate) fn chunk_blocks(&self, block_len: u64) -> u64 {
        self.runs.last().map_or(0, |run| run.block + run.len.div_ceil(block_len))
    }

    fn set(&mut self, id: InodeId, layout: Layout) {
        self.layouts[id.index()] = layout;
    }
}

/// The regular files of a tree that have bytes, in image order.
pub(crate) fn files<'a>(
    tree: &'a Tree,
    order: &'a Order,
) -> impl Iterator<Item = (InodeId, &'a crate::tree::Content)> {
    order.ids.iter().filter_map(|id| match &tree.inode(*id).kind {
        Kind::File(content) if !content.is_empty() => Some((*id, content)),
        _ => None,
    })
}
