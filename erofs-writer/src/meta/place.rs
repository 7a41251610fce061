//! Where everything lies: pure arithmetic on sizes that are all known.
//!
//! The image begins with the superblock, the root and the xattr tables, then
//! come the other inodes with what is inline after them; then the blocks of
//! directories, so that walking a tree reads one region; then the blocks of
//! files in the order of their inodes; then the chunk area.

use std::ops::Range;

use crate::encode::{Encoded, Stored};
use crate::error::{Error, Limit, Result};
use crate::format::{Nid, checked_u32, round_up, to_u64, to_usize};
use crate::index::Indexes;
use crate::meta::chunk_map::{EntryForm, EntryForms};
use crate::meta::devices;
use crate::meta::head::Head;
use crate::meta::inode::DataAt;
use crate::meta::packed;
use crate::options::{BlockSize, Options};
use crate::plan::{ChunkMap, DataPlan, Layout};
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind, Tree};

/// Where one inode lies.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The byte at which it starts.
    pos: u64,
    /// The first of its blocks, if it has any of its own.
    block: u64,
    /// How long it is with what follows it. No map or index has 4 GiB.
    len: u32,
    /// Whether its tail is inline.
    inline: bool,
}

/// What follows an inode, and where its data is.
pub(super) enum Body<'a> {
    /// A tail, if that is inline.
    Flat,
    Chunks(&'a ChunkMap, EntryForm),
    /// An index, for pclusters.
    Encoded(Stored<'a>),
}

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) plan: &'a DataPlan,
    pub(crate) encoded: &'a Encoded,
    pub(super) indexes: Indexes,
    entry_forms: EntryForms,
    pub(super) block_size: BlockSize,
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
    /// The blocks of compressed files, among those of the metadata.
    pub(crate) pclusters: Range<u64>,
    /// The first block after the metadata, but for the packed inode.
    pub(crate) meta_end: u64,
    /// How long the packed inode is with its index; it is first after the
    /// metadata.
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
        assert!(
            options.may_have_big_pclusters() || !encoded.has_big_pclusters,
            "there is no room to tell of pclusters of several blocks"
        );
        let mut placement = Placement {
            inodes,
            plan,
            encoded,
            indexes: Indexes::of(options, encoded.has_big_pclusters),
            entry_forms: EntryForms { indexes: options.chunk_indexes, far: inodes.far },
            pclusters: head.blocks()..head.blocks() + encoded.blocks,
            block_size: options.block_size,
            places: vec![Place::default(); inodes.tree.arena_len()],
            by_pos: inodes.order.ids.clone(),
            prefixes_pos: head.prefixes,
            shared_xattrs_pos: head.shared_xattrs,
            devices_pos: head.devices,
            device_table: Vec::new(),
            meta_end: 0,
            packed_len: 0,
            chunk_area: 0,
            blocks: 0,
            gaps: Vec::new(),
        };
        let devices_len = head.devices_len;
        placement.place_metadata(head);
        placement.place_data(options)?;
        let blocks_max = options.blocks_max() + 1;
        placement.device_table = devices::table(&plan.devices, placement.blocks, blocks_max)?;
        let written = to_u64(placement.device_table.len());
        assert!(written == devices_len, "a table has {devices_len} bytes and got {written}");
        Ok(placement)
    }

    /// Gives every inode its position.
    fn place_metadata(&mut self, head: Head) {
        let Head { mut slots, root, root_len, .. } = head;
        slots.skip(self.encoded.blocks);
        for id in &self.inodes.order.ids {
            let (len, inline) = self.measure(*id);
            let pos = if *id == Tree::ROOT {
                assert!(len == root_len, "the root has {root_len} bytes and now {len}");
                root
            } else {
                slots.take(len)
            };
            let place = &mut self.places[id.index()];
            (place.pos, place.len, place.inline) = (pos, checked_u32(len), inline);
        }
        let places = &self.places;
        self.by_pos.sort_unstable_by_key(|id| places[id.index()].pos);
        self.meta_end = slots.blocks();
        if let Some((file, size)) = &self.encoded.packed {
            self.packed_len =
                self.indexes.inode_len(packed::HEAD_LEN, *size, Stored::Pclusters(file));
        }
    }

    /// The length of an inode with what follows it, and whether a tail is part
    /// of that.
    fn measure(&self, id: InodeId) -> (u64, bool) {
        let head = || self.inodes.head_len(id);
        match self.body(id) {
            Body::Flat => {
                let is_file = matches!(self.inodes.tree.inode(id).kind, Kind::File(_));
                let owner = self.plan.owner(id);
                let flat = match self.plan.layout(owner) {
                    Layout::FlatPlain if is_file => self.inodes.flat_in_blocks(id),
                    _ => self.inodes.flat(id),
                };
                (flat.inode_len, flat.has_inline_tail)
            }
            Body::Chunks(map, form) => (form.inode_len(head(), map), false),
            Body::Encoded(stored) => {
                (self.indexes.inode_len(head(), self.inodes.size(id), stored), false)
            }
        }
    }

    /// What follows `id`.
    pub(super) fn body(&self, id: InodeId) -> Body<'a> {
        let owner = self.plan.owner(id);
        if let Layout::Chunked(index) = self.plan.layout(owner) {
            let map = &self.plan.maps[to_usize(u64::from(index))];
            return Body::Chunks(map, self.entry_forms.of(map, &self.plan.devices));
        }
        match self.encoded.file(owner) {
            Some(stored) => Body::Encoded(stored),
            None => Body::Flat,
        }
    }

    /// Gives blocks to everything that has some of its own.
    fn place_data(&mut self, options: &Options) -> Result<()> {
        let mut next = self.meta_end + self.packed_blocks();
        for directories in [true, false] {
            for index in 0..self.by_pos.len() {
                let id = self.by_pos[index];
                let kind = &self.inodes.tree.inode(id).kind;
                if matches!(kind, Kind::Directory(_)) != directories {
                    continue;
                }
                let blocks = self.own_blocks(id);
                if blocks == 0 {
                    continue;
                }
                if !directories {
                    next = self.align(next, options.data_alignment);
                }
                self.places[id.index()].block = next;
                next += blocks;
                if next > options.blocks_max() {
                    return Err(Error::Full(Limit::of_blocks(options)));
                }
            }
        }
        let chunk_blocks = self.plan.chunk_blocks(self.block_size.len());
        if chunk_blocks > 0 {
            next = self.align(next, options.data_alignment);
        }
        self.chunk_area = next;
        self.blocks = self.align(next + chunk_blocks, options.image_alignment);
        if self.blocks > options.blocks_max() {
            return Err(Error::Full(Limit::of_blocks(options)));
        }
        Ok(())
    }

    fn align(&mut self, block: u64, alignment: u32) -> u64 {
        let aligned = round_up(block, u64::from(alignment));
        if aligned > block {
            self.gaps.push((block, aligned - block));
        }
        aligned
    }

    /// The length of the image in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.blocks * self.block_size.len()
    }

    /// How many blocks hold data of `id` and of no file before it.
    pub(crate) fn own_blocks(&self, id: InodeId) -> u64 {
        let is_elsewhere = self.plan.owner(id) != id
            || matches!(self.plan.layout(id), Layout::Chunked(_))
            || self.encoded.file(id).is_some();
        if is_elsewhere {
            return 0;
        }
        self.flat_blocks(id, self.inodes.size(id))
    }

    /// How many blocks hold data of `id`, of `size` bytes, if it is flat.
    fn flat_blocks(&self, id: InodeId, size: u64) -> u64 {
        if self.has_inline_tail(id) {
            size / self.block_size.len()
        } else {
            self.block_size.blocks(size)
        }
    }

    /// How many inodes there are, with the packed inode.
    pub(crate) fn inode_count(&self) -> u64 {
        to_u64(self.by_pos.len()) + u64::from(self.encoded.packed.is_some())
    }

    /// How many blocks the inodes and the tables have.
    pub(crate) fn meta_blocks(&self) -> u64 {
        self.meta_end + self.packed_blocks() - self.encoded.blocks
    }

    /// The byte at which the packed inode starts.
    pub(crate) fn packed_pos(&self) -> u64 {
        self.meta_end * self.block_size.len()
    }

    /// How many blocks the packed inode has with its index.
    fn packed_blocks(&self) -> u64 {
        self.block_size.blocks(self.packed_len)
    }

    /// The byte at which an inode starts.
    pub(crate) fn pos(&self, id: InodeId) -> u64 {
        self.places[id.index()].pos
    }

    pub(crate) fn nid(&self, id: InodeId) -> Nid {
        Nid::at(self.pos(id))
    }

    /// How long an inode is with what follows it.
    pub(crate) fn inode_len(&self, id: InodeId) -> u64 {
        self.places[id.index()].len.into()
    }

    pub(crate) fn has_inline_tail(&self, id: InodeId) -> bool {
        self.places[id.index()].inline
    }

    /// Whether the data of `id` lies in consecutive blocks and a tail.
    pub(crate) fn is_flat(&self, id: InodeId) -> bool {
        matches!(self.body(id), Body::Flat)
    }

    /// The first byte of the blocks that hold data of `id`.
    pub(crate) fn data_pos(&self, id: InodeId) -> u64 {
        self.data_block(id) * self.block_size.len()
    }

    fn data_block(&self, id: InodeId) -> u64 {
        self.places[self.plan.owner(id).index()].block
    }

    /// Where the data of `id` is, of `size` bytes.
    pub(super) fn data_at(&self, id: InodeId, size: u64) -> DataAt {
        match self.body(id) {
            Body::Flat => {
                let block = (self.flat_blocks(id, size) > 0).then(|| self.data_block(id));
                if self.has_inline_tail(id) { DataAt::Inline(block) } else { DataAt::Plain(block) }
            }
            Body::Chunks(map, form) => DataAt::Chunks(form.format(map, self.block_size)),
            Body::Encoded(stored) => self.encoded_at(stored, self.inodes.head_len(id), size),
        }
    }

    /// What an inode of `head` bytes tells of an encoded file of `size` bytes.
    pub(super) fn encoded_at(&self, stored: Stored<'_>, head: u64, size: u64) -> DataAt {
        let layout = self.indexes.layout(head, size, stored);
        let blocks = match stored {
            Stored::Pclusters(file) => file.own_blocks,
            Stored::Fragment(_) => 0,
        };
        DataAt::Compressed { layout, blocks }
    }
}

#[cfg(test)]
mod tests;
