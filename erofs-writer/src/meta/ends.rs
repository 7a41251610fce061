//! What is placed last: the inodes that no directory names, and the length of the image.

use std::ops::Range;

use crate::encode::{Metabox, Stored};
use crate::error::{Error, Limit, Result};
use crate::format::{round_up, to_u64};
use crate::index::Indexes;
use crate::meta::bodies::Bodies;
use crate::meta::devices;
use crate::meta::place::Placement;
use crate::meta::slots::Slots;
use crate::meta::special;
use crate::options::Options;
use crate::time::Timestamp;

/// The places that are known last.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) metabox: Option<MetaboxAt>,
    pub(crate) packed: Option<Special>,
    /// The blocks of these inodes, as far as they are not among others.
    pub(crate) own: Range<u64>,
    /// Unused blocks at the end: the first one, and how many.
    pub(crate) padding: (u64, u64),
    /// How many blocks there are in all.
    pub(crate) blocks: u64,
    pub(super) device_table: Vec<u8>,
}

/// The metabox and its inode.
#[derive(Debug)]
pub(crate) struct MetaboxAt {
    pub(crate) metabox: Metabox,
    pub(crate) inode: Special,
}

/// An inode that no directory names, with its index.
#[derive(Debug)]
pub(crate) struct Special {
    /// The byte at which it starts.
    pub(crate) pos: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Such an inode that has its place. What its index says may depend on how many blocks the
/// image has, which is known when all have theirs.
struct Unwritten<'a> {
    pos: u64,
    stored: Stored<'a>,
    size: u64,
    indexes: Indexes,
}

impl<'a> Unwritten<'a> {
    fn take(slots: &mut Slots, stored: Stored<'a>, size: u64, indexes: Indexes) -> Self {
        let pos = slots.take(special::inode_len(stored, size, &indexes));
        Unwritten { pos, stored, size, indexes }
    }

    fn write(self, ino: u64, mtime: Timestamp, image_blocks: u64) -> Special {
        let Unwritten { pos, stored, size, indexes } = self;
        let bytes = special::inode(stored, size, ino, mtime, &indexes, image_blocks);
        Special { pos, bytes }
    }
}

impl Ends {
    /// Places what is left of the image: the `metabox`, whose pclusters come first, if there
    /// is one.
    pub(crate) fn new(
        placement: &Placement<'_>,
        metabox: Option<Metabox>,
        options: &Options,
    ) -> Result<Self> {
        let Placement { bodies, inodes, .. } = placement;
        let end = placement.end + metabox.as_ref().map_or(0, |metabox| metabox.blocks);
        let mut slots = inodes.head.slots.clone();
        slots.skip(end - slots.blocks());
        let ino = to_u64(inodes.by_pos.len());
        let packed = bodies.encoded.packed.as_ref().map(|(file, size)| {
            Unwritten::take(&mut slots, Stored::Pclusters(file), *size, bodies.indexes)
        });
        let boxed = metabox.as_ref().map(|metabox| {
            let indexes = Indexes::of(options, metabox.has_big_pclusters());
            Unwritten::take(&mut slots, Stored::Pclusters(&metabox.file), metabox.len, indexes)
        });
        let used = slots.blocks();
        let blocks = round_up(used, u64::from(options.image_alignment));
        if blocks > options.blocks_max() {
            return Err(Error::Full(Limit::of_blocks(options)));
        }
        bodies.encoded.check_device_end(blocks)?;
        let mtime = bodies.inodes.epoch.time;
        let packed = packed.map(|inode| inode.write(ino + 1, mtime, blocks));
        let boxed = boxed.map(|inode| inode.write(ino + 2, mtime, blocks));
        let metabox = metabox.zip(boxed).map(|(metabox, inode)| MetaboxAt { metabox, inode });
        let devices = &bodies.plan.devices;
        let device_table = devices::table(devices, blocks, options.blocks_max() + 1)?;
        let (placed, written) = (inodes.head.devices_len, to_u64(device_table.len()));
        assert!(written == placed, "a table has {placed} bytes and got {written}");
        let padding = (used, blocks - used);
        Ok(Ends { metabox, packed, own: end..used, padding, blocks, device_table })
    }

    /// The length of the image in bytes.
    pub(crate) fn len(&self, bodies: &Bodies<'_>) -> u64 {
        self.blocks * bodies.block_size.len()
    }

    /// The inodes that no directory names.
    pub(crate) fn specials(&self) -> impl Iterator<Item = &Special> {
        let metabox = self.metabox.as_ref().map(|metabox| &metabox.inode);
        self.packed.iter().chain(metabox)
    }
}
