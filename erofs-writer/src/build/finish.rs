//! The superblock, which comes last, and the summary.

use std::sync::atomic::Ordering;

use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use crate::error::{Error, Result};
use crate::event::{InodeCounts, Summary};
use crate::fingerprint::Fingerprinter;
use crate::format::superblock::{
    ALG_LZ4, COMPAT_MTIME, COMPAT_PLAIN_XATTR_PFX, COMPAT_SB_CHKSUM, COMPAT_XATTR_FILTER,
    DEVT_SLOT_LEN, INCOMPAT_48BIT, INCOMPAT_BIG_PCLUSTER, INCOMPAT_CHUNKED_FILE, INCOMPAT_DEDUPE,
    INCOMPAT_DEVICE_TABLE, INCOMPAT_FRAGMENTS, INCOMPAT_LZ4_0PADDING, INCOMPAT_XATTR_PREFIXES,
    INCOMPAT_ZTAILPACKING, LZ4_MAX_DISTANCE, Lz4Cfgs, SUPER_MAGIC, SUPER_OFFSET, SuperBlock,
};
use crate::format::{Nid, checked_u32, high_bits, low_half, to_usize};
use crate::options::ImageUuid;
use crate::options::kernel::Features;
use crate::tree::{Kind, Tree};
use crate::write::{Job, Written};

impl Job<'_> {
    /// Puts the superblock into the head and writes it, the last write of
    /// all: until then there is nothing that could be mounted.
    pub(super) fn finish(&self, written: Written) -> Result<Uuid> {
        let Written { mut head, digest } = written;
        let mut superblock = self.superblock();
        let uuid = match self.options.uuid {
            ImageUuid::None => Uuid::nil(),
            ImageUuid::Fixed(uuid) => uuid,
            ImageUuid::FromContent => {
                let mut all = Fingerprinter::default();
                all.update(digest.expect("asked for by the same option").as_bytes());
                all.update(superblock.as_bytes());
                Uuid::new_v8(*all.finish().as_bytes())
            }
        };
        superblock.uuid = uuid.into_bytes();
        let start = to_usize(SUPER_OFFSET);
        let field = start..start + size_of::<SuperBlock>();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        if self.placement.encoded.has_big_pclusters {
            let cfgs = self.lz4_cfgs();
            head[field.end..field.end + size_of::<Lz4Cfgs>()].copy_from_slice(cfgs.as_bytes());
        }
        if self.options.checksum {
            // The format leaves out the final inversion.
            superblock.checksum = (!crc32c::crc32c(&head[start..])).into();
            head[field].copy_from_slice(superblock.as_bytes());
        }
        if self.reader.stop.is_set() {
            return Err(Error::Cancelled);
        }
        self.sink.write(&head, 0).map_err(|source| Error::Write { path: None, source })?;
        Ok(uuid)
    }

    /// What is told about LZ4 if pclusters have several blocks.
    fn lz4_cfgs(&self) -> Lz4Cfgs {
        let blocks = self.options.pcluster_len_max() / self.options.block_size.len();
        let mut cfgs = Lz4Cfgs::new_zeroed();
        let len = size_of::<Lz4Cfgs>() - size_of_val(&cfgs.len);
        cfgs.len = u16::try_from(len).expect("14 bytes").into();
        cfgs.max_distance = LZ4_MAX_DISTANCE.into();
        cfgs.max_pclusterblks = u16::try_from(blocks).expect("at most 2048").into();
        cfgs
    }

    fn superblock(&self) -> SuperBlock {
        let Job { options, placement, xattrs, .. } = self;
        let features = self.features();
        let epoch = self.inodes.epoch;
        let flag = |on, bit| if on { bit } else { 0 };
        let compat = COMPAT_MTIME
            | flag(options.checksum, COMPAT_SB_CHKSUM)
            | flag(xattrs.has_filters, COMPAT_XATTR_FILTER)
            | flag(features.xattr_prefixes, COMPAT_PLAIN_XATTR_PFX);
        let incompat = flag(features.chunks, INCOMPAT_CHUNKED_FILE)
            | flag(!self.plan.devices.is_empty(), INCOMPAT_DEVICE_TABLE)
            | flag(features.compressed, INCOMPAT_LZ4_0PADDING)
            | flag(features.big_pclusters, INCOMPAT_BIG_PCLUSTER)
            | flag(features.inline_pclusters, INCOMPAT_ZTAILPACKING)
            | flag(features.fragments, INCOMPAT_FRAGMENTS)
            | flag(features.dedupe, INCOMPAT_DEDUPE)
            | flag(features.xattr_prefixes, INCOMPAT_XATTR_PREFIXES)
            | flag(features.wide_addresses, INCOMPAT_48BIT);
        let root = placement.nid(Tree::ROOT).0;
        let prefixes = if features.xattr_prefixes { placement.prefixes_pos / 4 } else { 0 };
        let mut raw = SuperBlock::new_zeroed();
        raw.magic = SUPER_MAGIC.into();
        raw.feature_compat = compat.into();
        raw.feature_incompat = incompat.into();
        raw.blkszbits = options.block_size.bits();
        raw.blocks_lo = low_half(placement.blocks).into();
        if features.wide_addresses {
            raw.rootnid_8b = root.into();
            raw.rootnid_2b = high_bits(placement.blocks).into();
        } else {
            raw.rootnid_2b = u16::try_from(root).expect("the root is placed first").into();
        }
        raw.inos = avoid_minix(placement.inodes()).into();
        raw.epoch = epoch.time.sec.into();
        raw.fixed_nsec = epoch.time.nsec.into();
        raw.build_time = epoch.build_time.into();
        raw.volume_name = options.label.field();
        raw.u1 = match (features.compressed, features.big_pclusters) {
            (false, _) => 0,
            (true, false) => LZ4_MAX_DISTANCE,
            (true, true) => ALG_LZ4,
        }
        .into();
        if !self.plan.devices.is_empty() {
            let count = u16::try_from(self.plan.devices.len()).expect("few enough");
            raw.extra_devices = count.into();
            let slot = u16::try_from(placement.devices_pos / DEVT_SLOT_LEN);
            raw.devt_slotoff = slot.expect("the table follows the superblock").into();
        }
        if features.fragments {
            raw.packed_nid = Nid::at(placement.packed_pos()).0.into();
        }
        raw.xattr_prefix_count = xattrs.prefix_count;
        raw.xattr_prefix_start = checked_u32(prefixes).into();
        raw
    }

    /// What is in the image that not every kernel knows.
    fn features(&self) -> Features {
        let encoded = self.placement.encoded;
        Features {
            small_blocks: self.options.block_size.is_small(),
            compressed: !encoded.is_empty(),
            big_pclusters: encoded.has_big_pclusters,
            chunks: !self.plan.maps.is_empty(),
            inline_pclusters: encoded.has_inline_pclusters,
            fragments: encoded.packed.is_some(),
            dedupe: encoded.repeated_bytes > 0,
            xattr_prefixes: self.xattrs.prefix_count > 0,
            wide_addresses: self.options.wide_addresses,
        }
    }

    pub(super) fn summary(&self, uuid: Uuid) -> Summary {
        let block_len = self.options.block_size.len();
        let mut inodes = InodeCounts::default();
        let mut bytes_in: u64 = 0;
        for id in &self.placement.by_pos {
            match &self.reader.tree.inode(*id).kind {
                Kind::Directory(_) => inodes.directories += 1,
                Kind::Symlink(_) => inodes.symlinks += 1,
                Kind::File(content) => {
                    inodes.files += 1;
                    bytes_in = bytes_in.saturating_add(content.len());
                }
                _ => inodes.others += 1,
            }
        }
        Summary {
            uuid,
            block_size: self.options.block_size.bytes(),
            blocks: self.placement.blocks,
            inodes,
            bytes_in,
            bytes_out: self.placement.len(),
            metadata_bytes: self.placement.meta_blocks() * block_len,
            shared_bytes: self
                .plan
                .shared_bytes
                .saturating_add(self.placement.encoded.shared_bytes),
            fragment_bytes: self.placement.encoded.packed.as_ref().map_or(0, |(_, len)| *len),
            repeated_bytes: self.placement.encoded.repeated_bytes,
            hole_bytes: self.plan.hole_bytes,
            device_bytes: self.plan.device_bytes,
            kernel_copied_bytes: self.sink.kernel_copied.load(Ordering::Relaxed),
            oldest_kernel: self.features().oldest_kernel(),
            page_size_min: self.options.block_size.page_size_min(),
            entry_sizes: Vec::new(),
            times: Vec::new(),
        }
    }
}

/// The count of inodes as the superblock tells it.
///
/// At the place of its low 16 bits libblkid looks for the magic numbers of
/// MINIX file systems, in both byte orders; an image that shows one has no
/// label for it. The kernel uses the count for statistics only, so that one
/// more than there are does no harm.
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
