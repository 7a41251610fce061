//! The superblock, which comes last.

use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use crate::build::whole::Whole;
use crate::error::{Error, Result};
use crate::format::superblock::{
    COMPAT_MTIME, COMPAT_PLAIN_XATTR_PFX, COMPAT_SB_CHKSUM, COMPAT_SHARED_EA_IN_METABOX,
    COMPAT_XATTR_FILTER, DEVT_SLOT_LEN, INCOMPAT_48BIT, INCOMPAT_CHUNKED_FILE, INCOMPAT_COMPR_CFGS,
    INCOMPAT_DEDUPE, INCOMPAT_DEVICE_TABLE, INCOMPAT_FRAGMENTS, INCOMPAT_LZ4_0PADDING,
    INCOMPAT_METABOX, INCOMPAT_XATTR_PREFIXES, INCOMPAT_ZTAILPACKING, SUPER_MAGIC, SUPER_OFFSET,
    SuperBlock, SuperExtension,
};
use crate::format::{Nid, checked_u32, high_bits, low_half, to_usize};
use crate::options::ImageUuid;
use crate::tree::Tree;
use crate::write::Job;

/// The start of an image with its superblock.
pub(super) struct Sealed {
    pub(super) head: Vec<u8>,
    pub(super) uuid: Uuid,
}

impl Whole<'_> {
    /// Puts the superblock into the head.
    pub(super) fn seal(&self, mut head: Vec<u8>) -> Sealed {
        let config = self.compression_config();
        let mut superblock = self.superblock(config.u1, !config.records.is_empty());
        let start = to_usize(SUPER_OFFSET);
        let field = start..start + size_of::<SuperBlock>();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        let mut after = self.extension();
        after.extend(&config.records);
        head[field.end..field.end + after.len()].copy_from_slice(&after);
        let uuid = match self.job.options.uuid {
            ImageUuid::None => Uuid::nil(),
            ImageUuid::Fixed(uuid) => uuid,
            // From all bytes, while UUID and checksum are zeros.
            ImageUuid::FromContent => {
                Uuid::new_v8(self.job.sink.digest(&head).expect("asked for by the same option"))
            }
        };
        superblock.uuid = uuid.into_bytes();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        if self.job.options.checksum {
            // The format leaves out the final inversion.
            superblock.checksum = (!crc32c::crc32c(&head[start..])).into();
            head[field].copy_from_slice(superblock.as_bytes());
        }
        Sealed { head, uuid }
    }

    /// Writes the head, the last write of all: until then there is nothing that could be
    /// mounted.
    pub(super) fn finish(&self, sealed: &Sealed) -> Result<()> {
        if self.job.reader.stop.is_set() {
            return Err(Error::Cancelled);
        }
        let written = self.job.sink.finish(&sealed.head, self.len());
        written.map_err(|source| Error::Write { path: None, source })
    }

    /// Writes the superblock. Without a reader of images, none is read back.
    #[cfg(not(feature = "image"))]
    pub(super) fn conclude(
        &self,
        sealed: &Sealed,
        _: Option<(&std::fs::File, std::time::SystemTime)>,
        _: &crate::observer::Observer<'_>,
        _: &crate::pool::Threads,
    ) -> Result<()> {
        self.finish(sealed)
    }

    /// The extension of the superblock, if there is one.
    fn extension(&self) -> Vec<u8> {
        let Some(metabox) = &self.ends.metabox else { return Vec::new() };
        let mut raw = SuperExtension::new_zeroed();
        raw.metabox_nid = Nid::at(metabox.inode.pos).0.into();
        raw.as_bytes().to_vec()
    }

    fn superblock(&self, u1: u16, has_records: bool) -> SuperBlock {
        let Job { options, placement, inodes, plan, .. } = self.job;
        let xattrs = inodes.xattrs;
        let features = self.features();
        let epoch = inodes.epoch;
        let flag = |on, bit| if on { bit } else { 0 };
        let compat = COMPAT_MTIME
            | flag(options.checksum, COMPAT_SB_CHKSUM)
            | flag(xattrs.has_filters, COMPAT_XATTR_FILTER)
            | flag(features.metabox && !xattrs.shared.is_empty(), COMPAT_SHARED_EA_IN_METABOX)
            | flag(features.xattr_prefixes, COMPAT_PLAIN_XATTR_PFX);
        let incompat = flag(features.chunks, INCOMPAT_CHUNKED_FILE)
            // The bit of devices also allows a second algorithm in a file.
            | flag(features.devices, INCOMPAT_DEVICE_TABLE)
            | flag(features.compressed, INCOMPAT_LZ4_0PADDING)
            | flag(has_records, INCOMPAT_COMPR_CFGS)
            | flag(features.inline_pclusters, INCOMPAT_ZTAILPACKING)
            | flag(features.fragments, INCOMPAT_FRAGMENTS)
            | flag(features.dedupe, INCOMPAT_DEDUPE)
            | flag(features.xattr_prefixes, INCOMPAT_XATTR_PREFIXES)
            | flag(features.wide_addresses, INCOMPAT_48BIT)
            | flag(features.metabox, INCOMPAT_METABOX);
        let root = placement.nid(Tree::ROOT).0;
        let prefixes = if features.xattr_prefixes { placement.inodes.head.prefixes / 4 } else { 0 };
        let mut raw = SuperBlock::new_zeroed();
        raw.magic = SUPER_MAGIC.into();
        raw.feature_compat = compat.into();
        raw.feature_incompat = incompat.into();
        raw.blkszbits = options.block_size.bits();
        raw.blocks_lo = low_half(self.ends.blocks).into();
        if features.wide_addresses {
            raw.rootnid_8b = root.into();
            raw.rootnid_2b = high_bits(self.ends.blocks).into();
        } else {
            raw.rootnid_2b = u16::try_from(root).expect("the root is placed first").into();
        }
        raw.inos = avoid_minix(self.inode_count()).into();
        raw.epoch = epoch.time.sec.into();
        raw.fixed_nsec = epoch.time.nsec.into();
        raw.build_time = epoch.build_time.into();
        raw.volume_name = options.label.field();
        raw.u1 = u1.into();
        if !plan.devices.is_empty() {
            let count = u16::try_from(plan.devices.len()).expect("few enough");
            raw.extra_devices = count.into();
            let slot = u16::try_from(placement.inodes.head.devices / DEVT_SLOT_LEN);
            raw.devt_slotoff = slot.expect("the table follows the superblock").into();
        }
        if let Some(packed) = &self.ends.packed {
            raw.packed_nid = Nid::at(packed.pos).0.into();
        }
        if features.metabox {
            raw.sb_extslots = 1;
        }
        raw.xattr_prefix_count = xattrs.prefix_count;
        raw.xattr_prefix_start = checked_u32(prefixes).into();
        raw
    }
}

/// The count of inodes as the superblock tells it.
///
/// libblkid looks for the magic numbers of MINIX file systems, in both byte orders, at
/// the place of its low 16 bits. An image that has one there gets no label. The kernel
/// uses the count only for `statfs` (`erofs_statfs`), so one inode more does no harm.
fn avoid_minix(inodes: u64) -> u64 {
    const MAGICS: [u16; 4] = [0x137F, 0x138F, 0x2468, 0x2478];
    #[expect(clippy::as_conversions, reason = "the low 16 bits are what is looked at")]
    let seen = |count: u64| count as u16;
    let collides = |count: u64| {
        MAGICS.iter().any(|magic| seen(count) == *magic || seen(count) == magic.swap_bytes())
    };
    (inodes..).find(|count| !collides(*count)).expect("collisions are few")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_count_never_looks_like_minix() {
        assert_eq!(avoid_minix(4990), 4990);
        assert_eq!(avoid_minix(0x137F), 0x1380);
        assert_eq!(avoid_minix(0x7F13), 0x7F14);
        assert_eq!(avoid_minix(0x3_2468), 0x3_2469);
        assert_eq!(avoid_minix(0x7824), 0x7825);
    }
}
