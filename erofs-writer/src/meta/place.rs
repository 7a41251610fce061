//! The places of everything but what is placed last: pure arithmetic on sizes that are
//! all known.
//!
//! The image begins with the superblock, the root and the xattr tables. Then come the
//! pclusters of files; the other inodes with what is inline after them; the pclusters of
//! the packed inode; the blocks of directories, so that walking a tree reads one region;
//! the blocks of files in the order of their inodes; and the chunk area. With a metabox,
//! inodes have no place in the image but one in the metabox, whose pclusters come after
//! all this.

use std::ops::Range;

use crate::encode::Encoded;
use crate::error::{Error, Limit, Result};
use crate::format::{Nid, round_up};
use crate::meta::bodies::{Bodies, Body};
use crate::meta::inode::DataAt;
use crate::meta::inodes::{InodePlaces, Place};
use crate::options::Options;
use crate::plan::DataPlan;
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind};

/// The places of everything.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    pub(crate) bodies: Bodies<'a>,
    pub(crate) inodes: InodePlaces,
    /// The blocks of the pclusters of files, which lie within the metadata.
    pub(crate) pclusters: Range<u64>,
    /// The first block after the inodes, or if they are in the metabox, after the
    /// pclusters of files.
    pub(crate) meta_end: u64,
    /// The first block of the chunk area.
    pub(crate) chunk_area: u64,
    /// The block after all this.
    pub(crate) end: u64,
    /// Unused blocks that come from alignment: first block and count.
    pub(crate) gaps: Vec<(u64, u64)>,
}

impl<'a> Placement<'a> {
    pub(crate) fn new(
        mut places: InodePlaces,
        inodes: &'a Inodes<'a>,
        plan: &'a DataPlan,
        encoded: &'a Encoded,
        options: &Options,
    ) -> Result<Self> {
        let bodies = Bodies::new(inodes, plan, encoded, options);
        let start = places.head_blocks();
        let meta_end = places.end();
        let data = meta_end + encoded.packed_blocks;
        let area = place_data(&bodies, &mut places, data, options)?;
        Ok(Placement {
            bodies,
            inodes: places,
            pclusters: start..start + encoded.blocks,
            meta_end,
            chunk_area: area.chunks,
            end: area.end,
            gaps: area.gaps,
        })
    }

    /// All inodes in the order of their places.
    pub(crate) fn by_pos(&self) -> &[InodeId] {
        &self.inodes.by_pos
    }

    /// How many blocks hold data of `id` and of no file before it.
    pub(crate) fn own_blocks(&self, id: InodeId) -> u64 {
        match self.bodies.has_own_blocks(id) {
            true => self.flat_blocks(id, self.bodies.inodes.size(id)),
            false => 0,
        }
    }

    /// How many blocks hold data of `id`, of `size` bytes, if it is flat.
    fn flat_blocks(&self, id: InodeId, size: u64) -> u64 {
        flat_blocks(&self.bodies, &self.inodes.places[id.index()], size)
    }

    /// The byte at which an inode starts.
    pub(crate) fn pos(&self, id: InodeId) -> u64 {
        self.inodes.places[id.index()].pos
    }

    pub(crate) fn nid(&self, id: InodeId) -> Nid {
        self.inodes.nid(id)
    }

    /// The length of an inode with what follows it.
    pub(crate) fn inode_len(&self, id: InodeId) -> u64 {
        self.inodes.places[id.index()].len.into()
    }

    pub(crate) fn has_inline_tail(&self, id: InodeId) -> bool {
        self.inodes.places[id.index()].inline
    }

    /// Whether the data of `id` lies in consecutive blocks and a tail.
    pub(crate) fn is_flat(&self, id: InodeId) -> bool {
        matches!(self.bodies.of(id), Body::Flat)
    }

    /// The first byte of the blocks that hold data of `id`.
    pub(crate) fn data_pos(&self, id: InodeId) -> u64 {
        self.data_block(id) * self.bodies.block_size.len()
    }

    fn data_block(&self, id: InodeId) -> u64 {
        self.inodes.places[self.bodies.plan.owner(id).index()].block
    }

    /// The place of the data of `id`, which has `size` bytes.
    pub(super) fn data_at(&self, id: InodeId, size: u64) -> DataAt {
        match self.bodies.of(id) {
            Body::Flat => {
                let block = (self.flat_blocks(id, size) > 0).then(|| self.data_block(id));
                if self.has_inline_tail(id) { DataAt::Inline(block) } else { DataAt::Plain(block) }
            }
            Body::Chunks(map, form) => DataAt::Chunks(form.format(map, self.bodies.block_size)),
            Body::Encoded(stored) => {
                self.bodies.encoded_at(stored, self.bodies.inodes.head_len(id), size)
            }
        }
    }
}

/// The blocks after the metadata.
struct DataArea {
    /// The first block of the chunk area.
    chunks: u64,
    /// The block after the last one.
    end: u64,
    gaps: Vec<(u64, u64)>,
}

/// Gives blocks, from `first` on, to all inodes that have blocks of their own, and to the
/// chunk area.
fn place_data(
    bodies: &Bodies<'_>,
    inodes: &mut InodePlaces,
    first: u64,
    options: &Options,
) -> Result<DataArea> {
    let mut area = DataArea { chunks: 0, end: first, gaps: Vec::new() };
    for directories in [true, false] {
        let order = bodies.inodes.order;
        let others = inodes.by_pos.iter().filter(|id| !order.is_first(**id));
        for id in order.first().iter().chain(others) {
            let kind = &bodies.inodes.tree.inode(*id).kind;
            if matches!(kind, Kind::Directory(_)) != directories || !bodies.has_own_blocks(*id) {
                continue;
            }
            let place = &mut inodes.places[id.index()];
            let blocks = flat_blocks(bodies, place, bodies.inodes.size(*id));
            if blocks == 0 {
                continue;
            }
            if !directories {
                area.align(options.data_alignment);
            }
            place.block = area.end;
            area.end += blocks;
            area.check(options)?;
        }
    }
    let chunk_blocks = bodies.plan.chunk_blocks(bodies.block_size.len());
    if chunk_blocks > 0 {
        area.align(options.data_alignment);
    }
    area.chunks = area.end;
    area.end += chunk_blocks;
    area.check(options)?;
    Ok(area)
}

impl DataArea {
    fn align(&mut self, alignment: u32) {
        let aligned = round_up(self.end, u64::from(alignment));
        if aligned > self.end {
            self.gaps.push((self.end, aligned - self.end));
        }
        self.end = aligned;
    }

    fn check(&self, options: &Options) -> Result<()> {
        if self.end > options.blocks_max() {
            return Err(Error::Full(Limit::of_blocks(options)));
        }
        Ok(())
    }
}

/// How many blocks an inode of `size` bytes has at this place, if it is flat.
fn flat_blocks(bodies: &Bodies<'_>, place: &Place, size: u64) -> u64 {
    if place.inline { size / bodies.block_size.len() } else { bodies.block_size.blocks(size) }
}

#[cfg(test)]
mod tests;
