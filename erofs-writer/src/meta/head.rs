//! The start of the image, which is placed before anything is encoded.

use crate::codec::config::CompressionConfig;
use crate::error::{Error, Limit, Result};
use crate::format::superblock::{DEVT_SLOT_LEN, EXTSLOT_LEN, SUPER_LEN, SUPER_OFFSET};
use crate::format::{SLOT_LEN, round_up, to_u64};
use crate::meta::devices;
use crate::meta::slots::Slots;
use crate::options::Options;
use crate::shape::Inodes;
use crate::tree::Tree;

/// The superblock with its records, the root, whose nid has only 16 bits, and the tables.
/// If there is a metabox, the root and the shared xattrs are there.
#[derive(Debug)]
pub(crate) struct Head {
    pub(super) slots: Slots,
    /// The byte at which the root starts, and its length.
    pub(super) root: Option<(u64, u64)>,
    /// The byte at which the table of devices starts; 0 if there is none.
    pub(crate) devices: u64,
    pub(super) devices_len: u64,
    /// The byte at which the table of long xattr prefixes starts.
    pub(crate) prefixes: u64,
    /// The byte at which the shared xattrs start, in the image or in the metabox.
    pub(crate) shared_xattrs: u64,
    /// The room in the metabox, if there is one.
    pub(super) metabox: Option<Slots>,
}

impl Head {
    /// The head of an image with so many further devices. The superblock gets room for the
    /// records of `config`.
    pub(crate) fn new(
        inodes: &Inodes<'_>,
        devices: usize,
        config: &CompressionConfig,
        options: &Options,
    ) -> Result<Self> {
        let extension = if options.has_metabox() { EXTSLOT_LEN } else { 0 };
        let records_end = SUPER_OFFSET + SUPER_LEN + extension + config.records_len();
        let super_end = round_up(records_end, SLOT_LEN);
        let devices_len = devices::table_len(devices);
        let (devices, used) = match round_up(super_end, DEVT_SLOT_LEN) {
            _ if devices_len == 0 => (0, super_end),
            table => (table, table + devices_len),
        };
        let block_len = options.block_size.len();
        let mut slots = Slots::new(block_len, used);
        let mut metabox = options.has_metabox().then(|| Slots::in_order(block_len));
        let xattrs = inodes.xattrs;
        let root_len = inodes.flat(Tree::ROOT).inode_len;
        let root = match metabox {
            Some(_) => None,
            None => Some((slots.take(root_len), root_len)),
        };
        let prefixes = slots.take(to_u64(xattrs.prefixes.len()));
        let shared_slots = metabox.as_mut().unwrap_or(&mut slots);
        let shared_xattrs = shared_slots.take(to_u64(xattrs.shared.len()));
        // `xattr_prefix_start` and shared ids count in words of 4 bytes.
        let tables_end = shared_xattrs + to_u64(xattrs.shared.len());
        if tables_end.max(prefixes) / 4 > u64::from(u32::MAX) {
            return Err(Error::Full(Limit::SharedXattrs));
        }
        Ok(Head { slots, root, devices, devices_len, prefixes, shared_xattrs, metabox })
    }

    /// The first block after the head.
    pub(crate) fn blocks(&self) -> u64 {
        self.slots.blocks()
    }
}
