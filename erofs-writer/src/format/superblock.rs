//! The superblock, 128 bytes at byte 1024, and its feature bits.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where the superblock starts; the bytes before are free for a boot sector.
pub(crate) const SUPER_OFFSET: u64 = 1024;
/// The length of [`SuperBlock`].
pub(crate) const SUPER_LEN: u64 = 128;
/// The length of [`SuperExtension`], and the unit of `sb_extslots`.
pub(crate) const EXTSLOT_LEN: u64 = 16;
/// The magic number in the first field.
pub(crate) const SUPER_MAGIC: u32 = 0xE0F5_E1E2;

/// `feature_compat`: the checksum is valid (checked since Linux 5.5).
pub(crate) const COMPAT_SB_CHKSUM: u32 = 0x01;
/// `feature_compat`: inodes hold modification times.
pub(crate) const COMPAT_MTIME: u32 = 0x02;
/// `feature_compat`: every inode's xattr name filter is valid (Linux 6.6).
pub(crate) const COMPAT_XATTR_FILTER: u32 = 0x04;
/// `feature_compat`: the table of long xattr prefixes lies in the image as is.
pub(crate) const COMPAT_PLAIN_XATTR_PFX: u32 = 0x10;

/// `feature_incompat`: compressed bytes are right-aligned in their pcluster
/// (Linux 5.4).
pub(crate) const INCOMPAT_LZ4_0PADDING: u32 = 0x001;
/// `feature_incompat`: `u1` has the algorithms, whose settings follow the superblock, and
/// pclusters may have several blocks (Linux 5.13).
pub(crate) const INCOMPAT_COMPR_CFGS: u32 = 0x002;
/// `feature_incompat`: chunk-based files (Linux 5.15).
pub(crate) const INCOMPAT_CHUNKED_FILE: u32 = 0x004;
/// `feature_incompat`: a table of further devices (Linux 5.16).
pub(crate) const INCOMPAT_DEVICE_TABLE: u32 = 0x008;
/// `feature_incompat`: pclusters after inodes (Linux 5.17).
pub(crate) const INCOMPAT_ZTAILPACKING: u32 = 0x010;
/// `feature_incompat`: a packed inode with fragments (Linux 6.1).
pub(crate) const INCOMPAT_FRAGMENTS: u32 = 0x020;
/// `feature_incompat`: pclusters that several extents share (Linux 6.1). The same bit
/// as `INCOMPAT_FRAGMENTS`: whether there is a packed inode, `packed_nid` says.
pub(crate) const INCOMPAT_DEDUPE: u32 = 0x020;
/// `feature_incompat`: long xattr prefixes (Linux 6.4).
pub(crate) const INCOMPAT_XATTR_PREFIXES: u32 = 0x040;
/// `feature_incompat`: addresses of 48 bits, times in compact inodes, and
/// encoded extents (Linux 6.15).
pub(crate) const INCOMPAT_48BIT: u32 = 0x080;

/// `feature_compat`: shared xattrs are in the metabox inode (Linux 6.17).
pub(crate) const COMPAT_SHARED_EA_IN_METABOX: u32 = 0x08;
/// `feature_incompat`: inodes are in the metabox inode (Linux 6.17).
pub(crate) const INCOMPAT_METABOX: u32 = 0x100;
/// All bits of `feature_incompat` that Linux 6.18 knows.
#[cfg(feature = "image")]
pub(crate) const INCOMPAT_ALL: u32 = 0x1ff;

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SuperBlock {
    pub(crate) magic: U32,
    pub(crate) checksum: U32,
    pub(crate) feature_compat: U32,
    pub(crate) blkszbits: u8,
    pub(crate) sb_extslots: u8,
    /// The root's nid, or bits 32..47 of the block count under 48BIT.
    pub(crate) rootnid_2b: U16,

    pub(crate) inos: U64,
    /// Signed, as the kernel reads it.
    pub(crate) epoch: I64,

    pub(crate) fixed_nsec: U32,
    pub(crate) blocks_lo: U32,
    pub(crate) meta_blkaddr: U32,
    pub(crate) xattr_blkaddr: U32,

    pub(crate) uuid: [u8; 16],

    pub(crate) volume_name: [u8; 16],

    pub(crate) feature_incompat: U32,
    /// Algorithms, or the LZ4 distance; 0 in an uncompressed image.
    pub(crate) u1: U16,
    pub(crate) extra_devices: U16,
    pub(crate) devt_slotoff: U16,
    pub(crate) dirblkbits: u8,
    pub(crate) xattr_prefix_count: u8,
    pub(crate) xattr_prefix_start: U32,

    pub(crate) packed_nid: U64,
    pub(crate) xattr_filter_reserved: u8,
    pub(crate) ishare_xattr_prefix_id: u8,
    pub(crate) reserved: [u8; 2],
    pub(crate) build_time: U32,

    /// The root's nid under 48BIT.
    pub(crate) rootnid_8b: U64,
    pub(crate) reserved2: [u8; 8],
}

const _: () = assert!(size_of::<SuperBlock>() == 128);

/// The first extension of the superblock.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SuperExtension {
    pub(crate) metabox_nid: U64,
    pub(crate) reserved3: [u8; 8],
}

const _: () = assert!(size_of::<SuperExtension>() == 16);

/// One device, in the table at `devt_slotoff`.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct DeviceSlot {
    /// Finds a device that is not named in the mount options.
    pub(crate) tag: [u8; 64],
    pub(crate) blocks_lo: U32,
    /// Its first block in the numbering in which all devices follow each other.
    pub(crate) uniaddr_lo: U32,
    pub(crate) blocks_hi: U16,
    pub(crate) uniaddr_hi: U16,
    pub(crate) reserved: [u8; 52],
}

const _: () = assert!(size_of::<DeviceSlot>() == 128);

/// The unit of `devt_slotoff`.
pub(crate) const DEVT_SLOT_LEN: u64 = 128;
/// More devices are refused: the root comes after their table and has to begin in the
/// first 2 MiB.
pub(crate) const DEVICES_MAX: u16 = 1024;
