//! Where everything lies: pure arithmetic on sizes that are all known.
//!
//! The image begins with the superblock, the root and the xattr tables, then
//! come the other inodes with what is inline behind them; then the blocks of
//! directories, so that walking a tree reads one region; then the blocks of
//! files in the order of their inodes; then the chunk area.

use std::ops::Range;

use zerocopy::{FromZeros, IntoBytes};

use crate::codec::config::CompressionConfig;
use crate::encode::{Compressed, Encoded};
use crate::error::{Error, Limit, Result};
use crate::format::chunk::{
    BLOCK_MAP_ENTRY_LEN, CHUNK_FORMAT_48BIT, CHUNK_FORMAT_INDEXES, ChunkIndex,
};
use crate::format::superblock::{DEVT_SLOT_LEN, DeviceSlot, SUPER_LEN, SUPER_OFFSET};
use crate::format::{NULL_ADDR, Nid, SLOT_LEN, high_bits, low_half, round_up, to_u64, to_usize};
use crate::meta::dir;
use crate::meta::index::IndexForm;
use crate::meta::inode::{DataAt, Inodes};
use crate::meta::packed;
use crate::meta::space::Space;
use crate::meta::xattr::XattrTable;
use crate::options::{BlockSize, Options};
use crate::plan::{DataPlan, Layout, Order};
use crate::tree::{InodeId, Kind, Tree, content_len};

/// Where one inode lies.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The byte at which it starts.
    pos: u64,
    /// The first of its blocks, if it has any of its own.
    block: u64,
    /// Whether its tail is behind it.
    inline: bool,
}

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    tree: &'a Tree,
    plan: &'a DataPlan,
    pub(crate) encoded: &'a Encoded,
    index_form: IndexForm,
    block_size: BlockSize,
    chunk_indexes: bool,
    /// Whether addresses of blocks may have more than 32 bits.
    far: bool,
    /// By arena index.
    places: Vec<Place>,
    /// All inodes in the order of their places.
    pub(crate) by_pos: Vec<InodeId>,
    /// Where the table of long xattr prefixes starts.
    pub(crate) prefixes_pos: u64,
    /// Where the shared xattrs start.
    pub(crate) shared_xattrs_pos: u64,
    /// Where the table of further devices starts.
    pub(crate) devices_pos: u64,
    pub(crate) device_table: Vec<u8>,
    /// The blocks of compressed files, among those of the metadata.
    pub(crate) pclusters: Range<u64>,
    /// The first block behind the metadata, but for the packed inode.
    pub(crate) meta_end: u64,
    /// How many blocks the packed inode has with its index; it is first
    /// behind the metadata.
    pub(crate) packed_blocks: u64,
    /// The first block of the chunk area.
    pub(crate) chunk_area: u64,
    /// How many blocks there are in all.
    pub(crate) blocks: u64,
    /// Unused blocks that come from alignment: first block and count.
    pub(crate) gaps: Vec<(u64, u64)>,
}

/// The start of the image, which has its place before anything is encoded.
#[derive(Debug)]
pub(crate) struct Head {
    space: Space,
    root: u64,
    root_inline: bool,
    devices: u64,
    prefixes: u64,
    shared_xattrs: u64,
}

impl Head {
    /// The superblock and what belongs to it, the root, whose nid has only 16
    /// bits, and the tables.
    pub(crate) fn new(
        tree: &Tree,
        xattrs: &XattrTable,
        inodes: &Inodes<'_>,
        devices: usize,
        options: &Options,
    ) -> Result<Self> {
        let block_len = options.block_size.len();
        let config = CompressionConfig::new(&options.algorithms(), options.pcluster_blocks_max());
        let super_end = SUPER_OFFSET + SUPER_LEN + round_up(config.records_len(), SLOT_LEN);
        let (devices, used) = match to_u64(devices) * DEVT_SLOT_LEN {
            0 => (0, super_end),
            len => (round_up(super_end, DEVT_SLOT_LEN), round_up(super_end, DEVT_SLOT_LEN) + len),
        };
        let mut space = Space::new(block_len, used);
        let size = inode_size(tree, Tree::ROOT, block_len);
        let (len, root_inline) =
            flat_len(options.block_size, inodes.head_len(Tree::ROOT), size, false);
        let root = space.take(len);
        let prefixes = space.take(to_u64(xattrs.prefixes.len()));
        let shared_xattrs = space.take(to_u64(xattrs.shared.len()));
        // `xattr_prefix_start` and shared ids count in words of 4 bytes.
        let tables_end = shared_xattrs + to_u64(xattrs.shared.len());
        if tables_end.max(prefixes) / 4 > u64::from(u32::MAX) {
            return Err(Error::Full(Limit::SharedXattrs));
        }
        Ok(Head { space, root, root_inline, devices, prefixes, shared_xattrs })
    }

    /// The first block behind it.
    pub(crate) fn blocks(&self) -> u64 {
        self.space.blocks()
    }
}

/// The length of an inode of `head` bytes with the tail of `size` bytes, and
/// whether that is inline.
fn flat_len(block_size: BlockSize, head: u64, size: u64, own_block: bool) -> (u64, bool) {
    let tail = block_size.tail(size);
    let inline = tail > 0 && !own_block && head + tail <= block_size.len();
    (if inline { head + tail } else { head }, inline)
}

/// The size of an inode: bytes of a file, a symlink or a directory.
pub(crate) fn inode_size(tree: &Tree, id: InodeId, block_len: u64) -> u64 {
    match &tree.inode(id).kind {
        Kind::Directory(children) => dir::len(children, block_len),
        other => content_len(other),
    }
}

impl<'a> Placement<'a> {
    pub(crate) fn new(
        head: Head,
        tree: &'a Tree,
        order: &Order,
        inodes: &Inodes<'_>,
        plan: &'a DataPlan,
        encoded: &'a Encoded,
        options: &Options,
    ) -> Result<Self> {
        let mut placement = Placement {
            tree,
            plan,
            encoded,
            index_form: IndexForm::of(options, encoded.has_big_pclusters),
            pclusters: head.blocks()..head.blocks() + encoded.blocks,
            block_size: options.block_size,
            chunk_indexes: options.chunk_indexes,
            far: inodes.far,
            places: vec![Place::default(); tree.arena_len()],
            by_pos: order.ids.clone(),
            prefixes_pos: head.prefixes,
            shared_xattrs_pos: head.shared_xattrs,
            devices_pos: head.devices,
            device_table: Vec::new(),
            meta_end: 0,
            packed_blocks: 0,
            chunk_area: 0,
            blocks: 0,
            gaps: Vec::new(),
        };
        placement.place_metadata(head, order, inodes);
        placement.place_data(options)?;
        placement.device_table = placement.devices(options)?;
        Ok(placement)
    }

    /// Gives every inode its position.
    fn place_metadata(&mut self, head: Head, order: &Order, inodes: &Inodes<'_>) {
        let Head { mut space, root, root_inline, .. } = head;
        space.skip(self.encoded.blocks);
        for id in &order.ids {
            let (pos, inline) = if *id == Tree::ROOT {
                (root, root_inline)
            } else {
                let (len, inline) = self.inode_len(*id, inodes.head_len(*id));
                (space.take(len), inline)
            };
            let place = &mut self.places[id.index()];
            place.pos = pos;
            place.inline = inline;
        }
        let places = &self.places;
        self.by_pos.sort_unstable_by_key(|id| places[id.index()].pos);
        self.meta_end = space.blocks();
        if let Some((file, size)) = &self.encoded.packed {
            let len = self.len_with_index(packed::HEAD_LEN, *size, file);
            self.packed_blocks = self.block_size.blocks(len);
        }
    }

    /// The byte at which the packed inode starts.
    pub(crate) fn packed_pos(&self) -> u64 {
        self.meta_end * self.block_size.len()
    }

    /// The length of an inode of `head` bytes with what follows it, and
    /// whether a tail is part of that.
    pub(crate) fn inode_len(&self, id: InodeId, head: u64) -> (u64, bool) {
        if let Some((index, entry_len)) = self.chunk_map(id) {
            let map_len = entry_len * self.plan.maps[index].len();
            return (round_up(head, entry_len) + map_len, false);
        }
        let size = self.size(id);
        if let Some(file) = self.compressed(id) {
            return (self.len_with_index(head, size, file), false);
        }
        let own_block = self.plan.layout(self.plan.owner(id)) == Layout::FlatPlain
            && matches!(self.tree.inode(id).kind, Kind::File(_));
        flat_len(self.block_size, head, size, own_block)
    }

    /// How `id` is stored, if in pclusters.
    pub(crate) fn compressed(&self, id: InodeId) -> Option<&'a Compressed> {
        self.encoded.file(self.plan.owner(id))
    }

    /// The length of an inode of `head` bytes with the index of `file`, of `size`
    /// bytes.
    pub(crate) fn len_with_index(&self, head: u64, size: u64, file: &Compressed) -> u64 {
        self.index_form.file_len(head, size, file)
    }

    /// Appends the index of `file`, of `size` bytes, to the inode in `out`.
    pub(crate) fn write_index(&self, out: &mut Vec<u8>, file: &Compressed, size: u64) {
        self.index_form.write(out, file, size);
    }

    /// The chunk map of `id` with the length of its entries, if it has one.
    pub(crate) fn chunk_map(&self, id: InodeId) -> Option<(usize, u64)> {
        let Layout::Chunked(index) = self.plan.layout(self.plan.owner(id)) else {
            return None;
        };
        let index = to_usize(u64::from(index));
        let entry_len = match self.has_indexes(index) {
            true => to_u64(size_of::<ChunkIndex>()),
            false => BLOCK_MAP_ENTRY_LEN,
        };
        Some((index, entry_len))
    }

    /// Whether the entries of a chunk map name devices.
    fn has_indexes(&self, map: usize) -> bool {
        self.chunk_indexes || self.plan.maps[map].device > 0 || self.has_wide_chunks(map)
    }

    /// Whether the addresses in a chunk map have 48 bits.
    pub(crate) fn has_wide_chunks(&self, map: usize) -> bool {
        match self.plan.maps[map].device {
            0 => self.far,
            device => self.plan.devices[usize::from(device) - 1] > u64::from(NULL_ADDR),
        }
    }

    /// The table of further devices. Their blocks follow those of the image, so
    /// that they may be appended to it as well.
    fn devices(&self, options: &Options) -> Result<Vec<u8>> {
        let full = || Error::Full(Limit::DeviceBlocks);
        let mut table = Vec::new();
        let mut next = self.blocks;
        for blocks in &self.plan.devices {
            let mut slot = DeviceSlot::new_zeroed();
            slot.blocks_lo = low_half(*blocks).into();
            slot.blocks_hi = high_bits(*blocks).into();
            // Linux 6.18 reads no high bits of either. Without those of this
            // one, blocks of the image would be looked for on the device.
            slot.uniaddr_lo = u32::try_from(next).map_err(|_| full())?.into();
            table.extend_from_slice(slot.as_bytes());
            next += blocks;
        }
        match next > options.blocks_max() + 1 && !table.is_empty() {
            true => Err(full()),
            false => Ok(table),
        }
    }

    /// Gives blocks to everything that has some of its own.
    fn place_data(&mut self, options: &Options) -> Result<()> {
        let mut next = self.meta_end + self.packed_blocks;
        for directories in [true, false] {
            for index in 0..self.by_pos.len() {
                let id = self.by_pos[index];
                if matches!(self.tree.inode(id).kind, Kind::Directory(_)) != directories {
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
            || self.compressed(id).is_some();
        if is_elsewhere {
            return 0;
        }
        let size = self.size(id);
        if self.has_inline_tail(id) {
            size / self.block_size.len()
        } else {
            self.block_size.blocks(size)
        }
    }

    /// The size of an inode: bytes of a file, a symlink or a directory.
    pub(crate) fn size(&self, id: InodeId) -> u64 {
        inode_size(self.tree, id, self.block_size.len())
    }

    /// How many inodes there are, with the packed inode.
    pub(crate) fn inodes(&self) -> u64 {
        to_u64(self.by_pos.len()) + u64::from(self.encoded.packed.is_some())
    }

    /// How many blocks the inodes and the tables have.
    pub(crate) fn meta_blocks(&self) -> u64 {
        self.meta_end + self.packed_blocks - self.encoded.blocks
    }

    /// The byte at which an inode starts.
    pub(crate) fn pos(&self, id: InodeId) -> u64 {
        self.places[id.index()].pos
    }

    pub(crate) fn nid(&self, id: InodeId) -> Nid {
        Nid::at(self.pos(id))
    }

    pub(crate) fn has_inline_tail(&self, id: InodeId) -> bool {
        self.places[id.index()].inline
    }

    /// The first byte of the blocks that hold data of `id`.
    pub(crate) fn data_pos(&self, id: InodeId) -> u64 {
        self.places[self.plan.owner(id).index()].block * self.block_size.len()
    }

    /// What an inode of `head` bytes tells of `file`, of `size` bytes.
    pub(crate) fn in_pclusters(&self, file: &Compressed, head: u64, size: u64) -> DataAt {
        let layout = self.index_form.layout(head, size, file);
        DataAt::Compressed { layout, blocks: file.own_blocks }
    }

    /// Where the data of `id` is, which has `size` bytes, and an inode of `head`.
    pub(crate) fn data_at(&self, id: InodeId, head: u64, size: u64) -> DataAt {
        if let Some((index, _)) = self.chunk_map(id) {
            let bits = self.plan.maps[index].chunk_bits - self.block_size.bits();
            let indexes = if self.has_indexes(index) { CHUNK_FORMAT_INDEXES } else { 0 };
            let wide = if self.has_wide_chunks(index) { CHUNK_FORMAT_48BIT } else { 0 };
            return DataAt::Chunks(u32::from(bits) | indexes | wide);
        }
        if let Some(file) = self.compressed(id) {
            return self.in_pclusters(file, head, size);
        }
        let inline = self.has_inline_tail(id);
        let has_blocks = if inline { size >= self.block_size.len() } else { size > 0 };
        let block = has_blocks.then(|| self.places[self.plan.owner(id).index()].block);
        if inline { DataAt::Inline(block) } else { DataAt::Plain(block) }
    }
}

#[cfg(test)]
mod tests;
