//! Decisions about how contents are stored, made before anything is placed.

mod blocks;
mod chunk_map;
mod chunks;
mod codecs;
mod common;
mod contents;
mod devices;
mod ends;
mod findings;
mod fragments;
mod holes;
mod identical;
mod layout;
mod probes;
mod suffixes;

pub(crate) use chunk_map::{At, ChunkMap};
pub(crate) use chunks::all_zero;
pub(crate) use codecs::Codecs;
pub(crate) use layout::{DataPlan, Layout};

use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::facts::Facts;
use crate::options::Options;
use crate::shape::{Inodes, Order, compressed_len_max, files};
use crate::tree::{Holes, InodeId, Kind, Reader, Tree};

impl DataPlan {
    /// Makes the decisions. Reads contents that have to be compared or searched for
    /// zeros. With `facts`, which are trusted, it finds facts about all contents.
    pub(crate) fn decide(
        reader: Reader<'_>,
        inodes: &Inodes<'_>,
        codecs: &Codecs,
        options: &Options,
        facts: Option<&Facts>,
    ) -> Result<Self> {
        let flat = match options.may_have_inline_data() {
            true => Layout::Flat,
            false => Layout::FlatPlain,
        };
        let order = inodes.order;
        let mut plan = DataPlan::new(flat, reader.tree);
        devices::plan(&mut plan, reader.tree, order, options)?;
        fragments::plan_directories(&mut plan, inodes, options);
        if !options.may_compress() {
            let taken = files(reader.tree, order).filter(|(_, content)| content.stored().is_some());
            taken.for_each(|(id, _)| plan.set(id, Layout::Taken));
        }
        let may_shrink = options.may_have_holes() || options.may_share_blocks();
        if !may_shrink && options.chunk_size.is_none() {
            plan.check_flat(reader.tree, order, options)?;
        }
        check_data(reader, order, options)?;
        // Equal chunks are found when files are stored in chunks.
        if options.chunk_size.is_some() && !options.may_compress() {
            return Ok(plan);
        }
        let sparse = match options.may_compress() && options.may_have_holes() {
            true => holes::sparse(reader, order, codecs, options)?,
            false => holes::Sparse::new(),
        };
        if let Some(facts) = facts {
            plan.find_contents(reader, order, options, &sparse, facts)?;
        }
        if options.share_identical {
            identical::plan(&mut plan, reader, inodes, options, &sparse)?;
        }
        holes::store_sparse(&mut plan, reader, order, &sparse, options)?;
        if options.may_have_fragments() {
            fragments::plan(&mut plan, inodes, codecs, options);
            if options.share_fragments && options.share_identical {
                ends::plan(&mut plan, reader, order, codecs, options)?;
            }
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

    /// Finds the facts about all files but those with holes.
    fn find_contents(
        &mut self,
        reader: Reader<'_>,
        order: &Order,
        options: &Options,
        sparse: &holes::Sparse,
        facts: &Facts,
    ) -> Result<()> {
        let is_known = |id| self.is_open(id) && !sparse.contains_key(&id);
        let files: Vec<_> = files(reader.tree, order).filter(|(id, _)| is_known(*id)).collect();
        let needs = findings::Needs::of(options, &self.findings.kept);
        let (contents, sketches) = contents::Contents::find(reader, &files, facts, needs)?;
        self.contents = contents;
        self.findings.put(sketches.into_iter().map(|(id, sketch)| (id, sketch.into())));
        Ok(())
    }

    /// Checks that the image has room for the files that are stored as they are, as far
    /// as that is known before anything is encoded.
    fn check_flat(&self, tree: &Tree, order: &Order, options: &Options) -> Result<()> {
        let room = u128::from(options.blocks_max()) << options.block_size.bits();
        let is_flat = |len| !options.may_compress() || len > compressed_len_max(options);
        let flat =
            files(tree, order).filter(|(id, content)| self.is_open(*id) && is_flat(content.len()));
        let lens = flat.map(|(_, content)| u128::from(content.len()));
        // All files may be equal, and then one is stored.
        let least = if options.share_identical { lens.max() } else { Some(lens.sum()) };
        let too_long = least.is_some_and(|least| least > room);
        match too_long {
            true => Err(Error::Full(Limit::of_blocks(options))),
            false => Ok(()),
        }
    }

    /// The plan with chunks, if they are asked for, for the files that are not stored in
    /// another way. `is_encoded` says which files are encoded.
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
}

/// Files longer than this are checked as a whole before anything is done for each of
/// their parts.
const LONG: u64 = 1 << 44;
/// The most data of a file, in bytes.
const DATA_MAX: u64 = 1 << 48;

/// Checks that contents that are said to be empty are empty, as they are not read again;
/// and that no file has more data than an image has room for, as far as sources tell
/// holes from data.
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
        if content.len() <= LONG || content.stays_on().is_some() {
            continue;
        }
        let data = reader.with_open(id, content, |open| {
            let mut holes = Holes::of(open, content.len());
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
