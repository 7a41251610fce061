//! The superblock, which comes last.

use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use crate::codec::config::CompressionConfig;
use crate::error::{Error, Result};
use crate::format::algorithm::Algorithm;
use crate::format::superblock::{
    COMPAT_MTIME, COMPAT_PLAIN_XATTR_PFX, COMPAT_SB_CHKSUM, COMPAT_XATTR_FILTER, DEVT_SLOT_LEN,
    INCOMPAT_48BIT, INCOMPAT_CHUNKED_FILE, INCOMPAT_COMPR_CFGS, INCOMPAT_DEDUPE,
    INCOMPAT_DEVICE_TABLE, INCOMPAT_FRAGMENTS, INCOMPAT_LZ4_0PADDING, INCOMPAT_XATTR_PREFIXES,
    INCOMPAT_ZTAILPACKING, SUPER_MAGIC, SUPER_OFFSET, SuperBlock,
};
use crate::format::{Nid, checked_u32, high_bits, low_half, to_usize};
use crate::options::ImageUuid;
use crate::options::kernel::Features;
use crate::tree::Tree;
use crate::write::Job;

/// The start of an image with its superblock.
pub(super) struct Sealed {
    pub(super) head: Vec<u8>,
    pub(super) uuid: Uuid,
}

impl Job<'_> {
    /// Puts the superblock into the head.
    pub(super) fn seal(&self, mut head: Vec<u8>) -> Sealed {
        let config = self.compression_config();
        let mut superblock = self.superblock(config.u1, !config.records.is_empty());
        let start = to_usize(SUPER_OFFSET);
        let field = start..start + size_of::<SuperBlock>();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        head[field.end..field.end + config.records.len()].copy_from_slice(&config.records);
        let uuid = match self.options.uuid {
            ImageUuid::None => Uuid::nil(),
            ImageUuid::Fixed(uuid) => uuid,
            // From all bytes, while UUID and checksum are zeros.
            ImageUuid::FromContent => {
                Uuid::new_v8(self.sink.digest(&head).expect("asked for by the same option"))
            }
        };
        superblock.uuid = uuid.into_bytes();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        if self.options.checksum {
            // The format leaves out the final inversion.
            superblock.checksum = (!crc32c::crc32c(&head[start..])).into();
            head[field].copy_from_slice(superblock.as_bytes());
        }
        Sealed { head, uuid }
    }

    /// Writes the head, the last write of all: until then there is nothing that could be
    /// mounted.
    pub(super) fn finish(&self, sealed: &Sealed) -> Result<()> {
        if self.reader.stop.is_set() {
            return Err(Error::Cancelled);
        }
        let written = self.sink.finish(&sealed.head, self.placement.len());
        written.map_err(|source| Error::Write { path: None, source })
    }

    /// Writes the superblock. Without a reader of images, none is read back.
    #[cfg(not(feature = "image"))]
    pub(super) fn conclude(
        &self,
        head: Vec<u8>,
        _: Option<(&std::fs::File, std::time::SystemTime)>,
        _: &crate::observer::Observer<'_>,
        _: &crate::pool::Threads,
    ) -> Result<Uuid> {
        let sealed = self.seal(head);
        self.finish(&sealed).map(|()| sealed.uuid)
    }

    /// The settings of the algorithms in the image.
    fn compression_config(&self) -> CompressionConfig {
        let encoded = self.placement.bodies.encoded;
        let mut limits = encoded.limits.unwrap_or_else(|| self.options.codec_limits());
        if !encoded.has_big_pclusters {
            limits.pcluster_blocks = 1;
        }
        CompressionConfig::new(&encoded.algorithms, limits)
    }

    fn superblock(&self, u1: u16, has_records: bool) -> SuperBlock {
        let Job { options, placement, .. } = self;
        let xattrs = self.inodes.xattrs;
        let features = self.features();
        let epoch = self.inodes.epoch;
        let flag = |on, bit| if on { bit } else { 0 };
        let compat = COMPAT_MTIME
            | flag(options.checksum, COMPAT_SB_CHKSUM)
            | flag(xattrs.has_filters, COMPAT_XATTR_FILTER)
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
        raw.inos = avoid_minix(placement.inode_count()).into();
        raw.epoch = epoch.time.sec.into();
        raw.fixed_nsec = epoch.time.nsec.into();
        raw.build_time = epoch.build_time.into();
        raw.volume_name = options.label.field();
        raw.u1 = u1.into();
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

    /// The features of the image that not every kernel has.
    pub(super) fn features(&self) -> Features {
        let encoded = self.placement.bodies.encoded;
        Features {
            small_blocks: self.options.block_size.is_small(),
            compressed: !encoded.is_empty(),
            lzma: encoded.algorithms.contains(&Algorithm::Lzma),
            deflate: encoded.algorithms.contains(&Algorithm::Deflate),
            zstd: encoded.algorithms.contains(&Algorithm::Zstd),
            big_pclusters: encoded.has_big_pclusters,
            chunks: !self.plan.maps.is_empty(),
            devices: !self.plan.devices.is_empty() || encoded.has_second_algorithms(),
            inline_pclusters: encoded.has_inline_pclusters,
            fragments: encoded.packed.is_some(),
            dedupe: encoded.repeated_bytes > 0,
            xattr_prefixes: self.inodes.xattrs.prefix_count > 0,
            wide_addresses: self.options.wide_addresses,
        }
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
