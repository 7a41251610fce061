//! Indexes of compressed files, and encoded extents, which may replace an index.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::format::to_u64;

/// Free bytes between the header and a full index.
pub(crate) const FULL_START: u64 = 8;
/// The length of an [`LclusterIndex`].
pub(crate) const LCLUSTER_INDEX_LEN: u64 = 8;

/// An entry of a full index.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LclusterIndex {
    /// The type, and flags.
    pub(crate) di_advise: U16,
    /// Where in the lcluster an extent begins.
    pub(crate) di_clusterofs: U16,
    /// The block of the pcluster; or where no extent begins, the distances to
    /// the lclusters before and after it in which one does (`delta`).
    pub(crate) di_u: U32,
}

const _: () = assert!(to_u64(size_of::<LclusterIndex>()) == LCLUSTER_INDEX_LEN);

/// The length of a [`Pack2`].
pub(crate) const PACK_2_LEN: u64 = 8;
/// The length of a [`Pack16`], and their alignment.
pub(crate) const PACK_16_LEN: u64 = 32;

/// Two entries of a compact index, of 16 bits.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Pack2 {
    pub(crate) entries: [u8; 4],
    pub(crate) blkaddr: U32,
}

const _: () = assert!(to_u64(size_of::<Pack2>()) == PACK_2_LEN);

/// Sixteen entries of a compact index, of 14 bits.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Pack16 {
    pub(crate) entries: [u8; 28],
    pub(crate) blkaddr: U32,
}

const _: () = assert!(to_u64(size_of::<Pack16>()) == PACK_16_LEN);

/// One encoded extent.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
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

/// The length of an [`ExtentRecord`].
pub(crate) const EXTENT_RECORD_LEN: u64 = 32;
/// The length of a record that ends before `lstart_hi`.
pub(crate) const SHORT_EXTENT_RECORD_LEN: u64 = 16;

const _: () = assert!(to_u64(size_of::<ExtentRecord>()) == EXTENT_RECORD_LEN);

/// `plen`: the file has only the first bytes of those that the pcluster holds.
pub(crate) const EXTENT_PLEN_PARTIAL: u32 = 1 << 27;
/// `plen`: the length in bytes.
#[cfg(feature = "image")]
pub(crate) const EXTENT_PLEN_MASK: u32 = (1 << 21) - 1;
/// `plen`: from this bit on, the number of the algorithm plus one; 0 if the extent is
/// not compressed.
pub(crate) const EXTENT_PLEN_FMT_BIT: u32 = 28;

/// An lcluster in which an extent of uncompressed bytes begins.
pub(crate) const TYPE_PLAIN: u16 = 0;
/// An lcluster in which an extent begins that the first algorithm compressed.
pub(crate) const TYPE_HEAD1: u16 = 1;
/// An lcluster in which no extent begins.
pub(crate) const TYPE_NONHEAD: u16 = 2;
/// The lcluster in which an extent of the second algorithm begins.
pub(crate) const TYPE_HEAD2: u16 = 3;

/// In an entry of a full index: the file has only the first bytes of those that the
/// pcluster holds (Linux 6.1).
pub(crate) const PARTIAL_REF: u16 = 1 << 15;

/// Set in place of the distance to the head: the other bits are a count of blocks.
pub(crate) const DELTA0_CBLKCNT: u16 = 0x800;
/// The greatest distance.
pub(crate) const DELTA_MAX: u16 = 0x7ff;

/// The most bytes that an extent has when decoded.
pub(crate) const DECODED_MAX: usize = 12 << 20;
