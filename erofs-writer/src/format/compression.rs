//! The header before the index of a compressed file (`struct z_erofs_map_header`).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::format::to_u64;

/// The length of each of these headers, and their alignment.
pub(crate) const MAP_HEADER_LEN: u64 = 8;

/// The header of an index.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct MapHeader {
    /// Of a fragment, bits 0..31 of where it begins in the packed inode
    /// (`h_fragmentoff`); or the length of an inline pcluster in the upper half
    /// (`h_idata_size`).
    pub(crate) h_fragmentoff: U32,
    pub(crate) h_advise: U16,
    /// The algorithms of `HEAD1` and, in the upper half, of `HEAD2`.
    pub(crate) h_algorithmtype: u8,
    /// log2 of the lcluster size over the block size.
    pub(crate) h_clusterbits: u8,
}

const _: () = assert!(to_u64(size_of::<MapHeader>()) == MAP_HEADER_LEN);

/// The header before encoded extents, which replace an index (Linux 6.15).
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtentsHeader {
    /// How many there are.
    pub(crate) h_extents_lo: U32,
    pub(crate) h_advise: U16,
    pub(crate) h_extents_hi: U16,
}

const _: () = assert!(to_u64(size_of::<ExtentsHeader>()) == MAP_HEADER_LEN);

/// The header of a file that is one fragment. No index follows it.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct WholeFragment {
    /// Where it begins in the packed inode, with [`WHOLE`].
    pub(crate) h_fragmentoff: U64,
}

const _: () = assert!(to_u64(size_of::<WholeFragment>()) == MAP_HEADER_LEN);

/// Bit 63 of the header of a file that is one fragment.
pub(crate) const WHOLE: u64 = 1 << 63;

/// `h_advise`: there are packs of 16 entries in 32 bytes.
pub(crate) const ADVISE_COMPACTED_2B: u16 = 0x01;
/// `h_advise`: pclusters of the first algorithm may have several blocks.
pub(crate) const ADVISE_BIG_PCLUSTER_1: u16 = 0x02;
/// `h_advise`: those of the second, too; compact indexes demand both or none.
pub(crate) const ADVISE_BIG_PCLUSTER_2: u16 = 0x04;

/// `h_advise`: the last pcluster lies after the index (Linux 5.17).
pub(crate) const ADVISE_INLINE_PCLUSTER: u16 = 0x08;

/// `h_advise`: plain blocks are interlaced: bytes lie in them where they lie in a block
/// of the file (`z_erofs_transform_plain`, Linux 6.1).
pub(crate) const ADVISE_INTERLACED_PCLUSTER: u16 = 0x10;
/// `h_advise`: the last extent is a fragment (Linux 6.1).
pub(crate) const ADVISE_FRAGMENT_PCLUSTER: u16 = 0x20;

/// `h_advise` of a full index: there are encoded extents in its place (Linux
/// 6.15).
pub(crate) const ADVISE_EXTENTS: u16 = 0x01;
/// `h_advise`: records have only their first 16 bytes.
pub(crate) const ADVISE_EXTRECSZ_16: u16 = 2 << 1;
/// `h_advise`: records have all 32 bytes.
pub(crate) const ADVISE_EXTRECSZ_32: u16 = 3 << 1;
