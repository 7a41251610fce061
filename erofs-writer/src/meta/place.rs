//! The places of everything: pure arithmetic on sizes that are all known.
//!
//! The image begins with the superblock, the root and the xattr tables. Then come the
//! pclusters; the other inodes with what is inline after them; the packed inode; the
//! blocks of directories, so that walking a tree reads one region; the blocks of files in
//! the order of their inodes; and the chunk area.

use std::ops::Range;

use crate::encode::Encoded;
use crate::error::{Error, Limit, Result};
use crate::format::{Nid, checked_u32, round_up, to_u64};
use crate::meta::bodies::{Bodies, Body};
use crate::meta::devices;
use crate::meta::head::Head;
use crate::meta::inode::DataAt;
use crate::options::Options;
use crate::plan::DataPlan;
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind, Tree};

/// The place of one inode.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The byte at which it starts.
    pos: u64,
    /// The first of its blocks, if it has any of its own.
    block: u64,
    /// Its length with what follows it. No map or index has 4 GiB.
    len: u32,
    /// Whether its tail is inline.
    inline: bool,
}

/// The places of everything.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    pub(crate) bodies: Bodies<'a>,
    /// By arena index.
    places: Vec<Place>,
    /// All inodes in the order of their places.
    pub(crate) by_pos: Vec<InodeId>,
    /// Where the table of long xattr prefixes starts.
    pub(crate) prefixes_pos: u64,
    /// Where the shared xattrs start.
    pub(super) shared_xattrs_pos: u64,
    /// Where the table of further devices starts.
    pub(crate) devices_pos: u64,
    pub(super) device_table: Vec<u8>,
    /// The blocks of the pclusters, which lie within the metadata.
    pub(crate) pclusters: Range<u64>,
    /// The first block after the metadata. The packed inode, if there is one, begins
    /// there.
    pub(crate) meta_end: u64,
    /// The length of the packed inode with its index.
    pub(super) packed_len: u64,
    /// The first block of the chunk area.
    pub(crate) chunk_area: u64,
    /// How many blocks there are in all.
    pub(crate) blocks: u64,
    /// Unused blocks that come from alignment: first block and count.
    pub(crate) gaps: Vec<(u64, u64)>,
}

impl<'a> Placement<'a> {
    pub(crate) fn new(
        head: Head,
        inodes: &'a Inodes<'a>,
        plan: &'a DataPlan,
        encoded: &'a Encoded,
        options: &Options,
    ) -> Result<Self> {
        let bodies = Bodies::new(inodes, plan, encoded, options);
        let pclusters = head.blocks()..head.blocks() + encoded.blocks;
        let Head { prefixes, shared_xattrs, devices, devices_len, .. } = head;
        let (mut places, meta_end) = place_inodes(&bodies, head);
        let mut by_pos = inodes.order.ids.clone();
        by_pos.sort_unstable_by_key(|id| places[id.index()].pos);
        let packed_len = bodies.packed_len();
        let data = meta_end + bodies.block_size.blocks(packed_len);
        let area = place_data(&bodies, &mut places, &by_pos, data, options)?;
        let device_table = devices::table(&plan.devices, area.end, options.blocks_max() + 1)?;
        let written = to_u64(device_table.len());
        assert!(written == devices_len, "a table has {devices_len} bytes and got {written}");
        Ok(Placement {
            bodies,
            places,
            by_pos,
            prefixes_pos: prefixes,
            shared_xattrs_pos: shared_xattrs,
            devices_pos: devices,
            device_table,
            pclusters,
            meta_end,
            packed_len,
            chunk_area: area.chunks,
            blocks: area.end,
            gaps: area.gaps,
        })
    }

    /// The length of the image in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.blocks * self.bodies.block_size.len()
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
        flat_blocks(&self.bodies, &self.places[id.index()], size)
    }

    /// How many inodes there are, with the packed inode.
    pub(crate) fn inode_count(&self) -> u64 {
        to_u64(self.by_pos.len()) + u64::from(self.bodies.encoded.packed.is_some())
    }

    /// How many blocks hold inodes and tables, with the superblock.
    pub(crate) fn meta_blocks(&self) -> u64 {
        self.meta_end + self.packed_blocks() - self.bodies.encoded.blocks
    }

    /// The byte at which the packed inode starts.
    pub(crate) fn packed_pos(&self) -> u64 {
        self.meta_end * self.bodies.block_size.len()
    }

    /// How many blocks the packed inode has with its index.
    fn packed_blocks(&self) -> u64 {
        self.bodies.block_size.blocks(self.packed_len)
    }

    /// The byte at which an inode starts.
    pub(crate) fn pos(&self, id: InodeId) -> u64 {
        self.places[id.index()].pos
    }

    pub(crate) fn nid(&self, id: InodeId) -> Nid {
        Nid::at(self.pos(id))
    }

    /// The length of an inode with what follows it.
    pub(crate) fn inode_len(&self, id: InodeId) -> u64 {
        self.places[id.index()].len.into()
    }

    pub(crate) fn has_inline_tail(&self, id: InodeId) -> bool {
        self.places[id.index()].inline
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
        self.places[self.bodies.plan.owner(id).index()].block
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

/// Gives every inode its position. Also returns the first block after all of them.
fn place_inodes(bodies: &Bodies<'_>, head: Head) -> (Vec<Place>, u64) {
    let Head { mut slots, root, root_len, .. } = head;
    slots.skip(bodies.encoded.blocks);
    let mut places = vec![Place::default(); bodies.inodes.tree.arena_len()];
    for id in &bodies.inodes.order.ids {
        let (len, inline) = bodies.measure(*id);
        let pos = if *id == Tree::ROOT {
            assert!(len == root_len, "the root has {root_len} bytes and now {len}");
            root
        } else {
            slots.take(len)
        };
        places[id.index()] = Place { pos, block: 0, len: checked_u32(len), inline };
    }
    (places, slots.blocks())
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
    places: &mut [Place],
    by_pos: &[InodeId],
    first: u64,
    options: &Options,
) -> Result<DataArea> {
    let mut area = DataArea { chunks: 0, end: first, gaps: Vec::new() };
    for directories in [true, false] {
        let order = bodies.inodes.order;
        let others = by_pos.iter().filter(|id| !order.is_first(**id));
        for id in order.first().iter().chain(others) {
            let kind = &bodies.inodes.tree.inode(*id).kind;
            if matches!(kind, Kind::Directory(_)) != directories || !bodies.has_own_blocks(*id) {
                continue;
            }
            let place = &mut places[id.index()];
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
    area.align(options.image_alignment);
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
