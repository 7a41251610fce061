//! The decisions for each inode.

use std::sync::Arc;

use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::options::Options;
use crate::plan::chunk_map::{CHUNKS_MAX, ChunkMap};
use crate::plan::common::Ends;
use crate::plan::contents::Contents;
use crate::plan::findings::Findings;
use crate::plan::probes::Probes;
use crate::tree::device::Device;
use crate::tree::{InodeId, Tree};

/// How the contents of an inode are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In consecutive blocks, the tail inline if it fits there.
    Flat,
    /// In consecutive blocks, the tail among them.
    FlatPlain,
    /// In the blocks of this inode, which has the same bytes.
    SameAs(InodeId),
    /// In the chunks of the map with this index in `DataPlan::maps`.
    Chunked(u32),
    /// As one fragment in the packed inode.
    Fragment,
    /// As the image stores it that the file is taken over from.
    Taken,
}

/// The decisions for every inode, and how much they save.
#[derive(Debug)]
pub(crate) struct DataPlan {
    layouts: Vec<Layout>,
    pub(crate) maps: Vec<ChunkMap>,
    /// The findings about the files that were hashed.
    pub(crate) findings: Findings,
    /// Facts about contents, if those of an earlier build are trusted or later builds are
    /// to trust these.
    pub(crate) contents: Contents,
    /// The ends that files have in common.
    pub(crate) ends: Ends,
    /// The bytes to copy into the chunk area, in its order, without gaps.
    pub(crate) runs: Vec<Run>,
    /// How many blocks each further device has.
    pub(crate) devices: Vec<u64>,
    /// These devices.
    pub(super) devices_found: Vec<Arc<Device>>,
    /// How many bytes of files stay on further devices, without those in pclusters.
    pub(crate) device_bytes: u64,
    pub(crate) shared_bytes: u64,
    pub(crate) hole_bytes: u64,
}

/// Bytes of a file to copy into the chunk area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: InodeId,
    /// Where in the file they start.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// Their first block, counted from the start of the chunk area.
    pub(crate) block: u64,
}

impl DataPlan {
    /// A plan in which every inode is open and has this layout.
    pub(super) fn new(layout: Layout, tree: &Tree) -> Self {
        DataPlan {
            layouts: vec![layout; tree.arena_len()],
            maps: Vec::new(),
            findings: Findings::default(),
            contents: Contents::default(),
            ends: Ends::default(),
            runs: Vec::new(),
            devices: Vec::new(),
            devices_found: Vec::new(),
            device_bytes: 0,
            shared_bytes: 0,
            hole_bytes: 0,
        }
    }

    /// How `id` is stored. The inode of a [`Layout::SameAs`] never has such a layout
    /// itself.
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

    /// Whether the layout of `id` is still open, except for its tail.
    pub(crate) fn is_open(&self, id: InodeId) -> bool {
        matches!(self.layout(id), Layout::Flat | Layout::FlatPlain)
    }

    /// The probes of a file, as far as they are known.
    pub(super) fn probes(&self, id: InodeId) -> Option<Probes> {
        self.contents
            .of(id)
            .map(|facts| Probes::of_facts(facts.probes))
            .or_else(|| self.findings.probes(id))
    }

    /// How many bytes of a file of `size` bytes come before the end that it has in common
    /// with others.
    pub(crate) fn head_len(&self, id: InodeId, size: u64) -> u64 {
        size - self.ends.of(id).map_or(0, |end| end.len)
    }

    /// How many blocks of `block_len` bytes the chunk area has.
    pub(crate) fn chunk_blocks(&self, block_len: u64) -> u64 {
        self.runs.last().map_or(0, |run| run.block + run.len.div_ceil(block_len))
    }

    pub(super) fn set(&mut self, id: InodeId, layout: Layout) {
        self.layouts[id.index()] = layout;
    }

    /// Stores `len` bytes of `id` from `offset` on at the end of the chunk area, and
    /// returns their first block.
    pub(super) fn store(
        &mut self,
        id: InodeId,
        offset: u64,
        len: u64,
        options: &Options,
    ) -> Result<u64> {
        let block = self.chunk_blocks(options.block_size.len());
        if block > options.blocks_max() {
            return Err(Error::Full(Limit::of_blocks(options)));
        }
        match self.runs.last_mut() {
            // Only a run of whole blocks can be continued.
            Some(run) if run.id == id && run.offset + run.len == offset => run.len += len,
            _ => self.runs.push(Run { id, offset, len, block }),
        }
        Ok(block)
    }

    /// The plan with the chunk maps of files that are taken over from images.
    pub(crate) fn with_maps(mut self, tree: &Tree, maps: &[(InodeId, ChunkMap)]) -> Result<Self> {
        for (id, map) in maps {
            self.set_map(tree, *id, map.clone())?;
        }
        Ok(self)
    }

    /// Gives `id` a chunk map.
    pub(super) fn set_map(&mut self, tree: &Tree, id: InodeId, map: ChunkMap) -> Result<()> {
        if map.len() > CHUNKS_MAX {
            let kind = TreeErrorKind::TooManyChunks { chunks: map.len() };
            return Err(Error::tree(tree.path_of(id), kind));
        }
        let index = u32::try_from(self.maps.len()).map_err(|_| Error::Full(Limit::Inodes))?;
        self.maps.push(map);
        self.set(id, Layout::Chunked(index));
        Ok(())
    }
}
