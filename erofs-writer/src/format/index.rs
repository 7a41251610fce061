//! Indexes of compressed files (`struct z_erofs_map_header` and what follows).

use zerocopy::little_endian::U32;
use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

/// The length of the map header.
pub(crate) const HEADER_LEN: u64 = 8;

/// `h_advise`: there are packs of 16 entries in 32 bytes.
pub(crate) const ADVISE_COMPACTED_2B: u16 = 0x01;
/// `h_advise`: pclusters of the first algorithm may have several blocks.
pub(crate) const ADVISE_BIG_PCLUSTER_1: u16 = 0x02;
/// `h_advise`: those of the second, too; compact indexes demand both or none.
pub(crate) const ADVISE_BIG_PCLUSTER_2: u16 = 0x04;

/// `h_advise`: the last pcluster lies behind the index (Linux 5.17).
pub(crate) const ADVISE_INLINE_PCLUSTER: u16 = 0x08;

/// `h_advise`: plain blocks are rings, in which bytes lie where they lie in a
/// block of the file (Linux 6.1).
pub(crate) const ADVISE_INTERLACED_PCLUSTER: u16 = 0x10;
/// `h_advise`: the last extent is a fragment (Linux 6.1).
pub(crate) const ADVISE_FRAGMENT_PCLUSTER: u16 = 0x20;

/// `h_advise` of a full index: there are [`ExtentRecord`]s in its place (Linux
/// 6.15).
pub(crate) const ADVISE_EXTENTS: u16 = 0x01;
/// `h_advise`: of these, only the first 16 bytes.
pub(crate) const ADVISE_EXTRECSZ_16: u16 = 2 << 1;
/// `h_advise`: all 32 bytes.
pub(crate) const ADVISE_EXTRECSZ_32: u16 = 3 << 1;

/// An extent where there is no index.
#[derive(Debug, Clone, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtentRecord {
    /// How many bytes it takes, and how they are stored; of a fragment, bits
    /// 0..31 of where it begins in the packed inode.
    pub(crate) plen: U32,
    /// The byte of the image at which it begins; of a fragment, bits 32..63 of
    /// the same.
    pub(crate) pstart_lo: U32,
    pub(crate) pstart_hi: U32,
    /// The byte of the file at which it begins.
    pub(crate) lstart_lo: U32,
    pub(crate) lstart_hi: U32,
    pub(crate) reserved: [u8; 12],
}

const _: () = assert!(size_of::<ExtentRecord>() == 32);

/// `plen`: the file has only what comes first of what the pcluster holds.
pub(crate) const EXTENT_PLEN_PARTIAL: u32 = 1 << 27;
/// `plen`: the number of the algorithm that has compressed it, and one more, is
/// from this bit on; 0 if it is not compressed.
pub(crate) const EXTENT_PLEN_FMT_BIT: u32 = 28;

/// An lcluster in which an extent of uncompressed bytes begins.
pub(crate) const TYPE_PLAIN: u32 = 0;
/// One in which an extent begins that the first algorithm has compressed.
pub(crate) const TYPE_HEAD1: u32 = 1;
/// One in which no extent begins.
pub(crate) const TYPE_NONHEAD: u32 = 2;

/// Of the entry of a full index: of what the pcluster holds, the file has only
/// what comes first (Linux 6.1).
pub(crate) const PARTIAL_REF: u16 = 1 << 15;

/// In place of the distance to the head: what is left are blocks.
pub(crate) const DELTA0_CBLKCNT: u16 = 0x800;
/// The farthest that a distance goes.
pub(crate) const DELTA_MAX: u16 = 0x7ff;

/// The most bytes that an extent has when decoded.
pub(crate) const DECODED_MAX: usize = 12 << 20;
