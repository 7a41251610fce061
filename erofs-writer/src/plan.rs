//! What to store, in which order: decided before anything is placed.

mod blocks;
mod cdc;
mod chunks;
mod codecs;
mod devices;
mod fragments;
mod hash;
mod holes;
mod map;
mod order;
mod seen;
mod share;
mod sketch;

pub(crate) use cdc::{ContentChunk, PART_LEN, content_chunks};
pub(crate) use chunks::{Run, all_zero};
pub(crate) use codecs::Codecs;
pub(crate) use hash::{Reader, shown_path};
pub(crate) use map::ChunkMap;
pub(crate) use order::Order;
pub(crate) use seen::Found;
pub(crate) use sketch::{Kept, Sketch, sketch};

use crate::error::{Error, Limit, Result, TreeErrorKind};
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
    pub(crate) seen: Found,
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
            seen: Found::default(),
            runs: Vec::new(),
            devices: Vec::new(),
            device_bytes: 0,
            shared_bytes: 0,
            hole_bytes: 0,
        };
        devices::plan(&mut plan, reader.tree, order, options)?;
        let may_shrink = options.may_have_holes() || options.may_share_blocks();
        if !may_shrink && options.chunk_size.is_none() {
            plan.check_flat(reader.tree, order, options)?;
        }
        check_data(reader, order, options)?;
        // Chunks that are the same are found when files are stored in chunks.
        if options.chunk_size.is_some() && !options.may_compress() {
            return Ok(plan);
        }
        let sparse = match options.may_compress() && options.may_have_holes() {
            true => holes::sparse(reader, order, options)?,
            false => holes::Sparse::new(),
        };
        if options.share_identical {
            share::plan(&mut plan, reader, order, options, head_len, &sparse)?;
        }
        holes::store_sparse(&mut plan, reader, order, &sparse, options)?;
        if options.may_have_fragments() {
            fragments::plan(&mut plan, reader.tree, order, codecs, options, head_len);
        }
        if options.may_share_blocks() {
            blocks::plan(&mut plan, reader, order, options)?;
        }
        if options.may_have_holes() && !options.may_compress() {
            holes::plan(&mut plan, reader, order, options)?;
        }
        if options.chunk_size.is_none() {
            plan.check_flat(reader.tree, order, options)?;
        }
        Ok(plan)
    }

    /// Whether the image has room for the files that are stored as they are, as
    /// far as that is known before anything is encoded.
    fn check_flat(&self, tree: &Tree, order: &Order, options: &Options) -> Result<()> {
        let room = u128::from(options.blocks_max()) << options.block_size.bits();
        let is_flat = |len| !options.may_compress() || len > lclusters_max(options);
        let flat =
            files(tree, order).filter(|(id, content)| self.is_open(*id) && is_flat(content.len()));
        let lens = flat.map(|(_, content)| u128::from(content.len()));
        // Of files that may be the same one is stored.
        let least = if options.share_identical { lens.max() } else { Some(lens.sum()) };
        let too_long = least.is_some_and(|least| least > room);
        match too_long {
            true => Err(Error::Full(Limit::of_blocks(options))),
            false => Ok(()),
        }
    }

    /// The plan with files in chunks if that is asked for: those that are not
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

/// The most bytes of a file that is compressed: its index has an entry for each
/// block, and no more than 2^28.
pub(crate) fn lclusters_max(options: &Options) -> u64 {
    options.block_size.len() << 28
}

/// Files of so many bytes are looked at by themselves before anything is done
/// for each part of them.
const LONG: u64 = 1 << 44;
/// No file has more data than this.
const DATA_MAX: u64 = 1 << 48;

/// Checks that what is said to be empty is so, as nobody reads it again; and that
/// no file has more data than an image has room for, as far as sources tell holes
/// from data.
fn check_data(reader: Reader<'_>, order: &Order, options: &Options) -> Result<()> {
    let room = u128::from(options.blocks_max()) << options.block_size.bits();
    let most = u64::try_from(room).unwrap_or(u64::MAX).clamp(LONG, DATA_MAX);
    let contents = order.ids.iter().filter_map(|id| match &reader.tree.inode(*id).kind {
        Kind::File(content) => Some((*id, content)),
        _ => None,
    });
    for (id, content) in contents {
        if content.is_said_to_be_empty() {
            reader.with_open(id, content, |open| open.read_range(&mut [0], 0))?;
        }
        if content.len() <= LONG || content.device().is_some() {
            continue;
        }
        let data = reader.with_open(id, content, |open| {
            let mut holes = hash::Holes::of(open, content.len());
            let (mut offset, mut data) = (0, 0);
            while offset < content.len() && data <= most && !reader.stop.is_set() {
                let start = holes.data_from(offset)?;
                offset = holes.data_end().max(start);
                data += offset - start;
            }
            Ok(data)
        })?;
        if data > most {
            let kind = TreeErrorKind::TooMuchData { max: most };
            return Err(Error::tree(reader.tree.path_of(id), kind));
        }
    }
    Ok(())
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
