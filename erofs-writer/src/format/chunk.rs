//! Chunk maps of chunk-based files.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::format::to_u64;

/// `i_u` bit 5: the map holds [`ChunkIndex`] records, not block numbers.
pub(crate) const CHUNK_FORMAT_INDEXES: u32 = 0x20;
/// `i_u` bit 6: block addresses in these records have 48 bits (Linux 6.15).
pub(crate) const CHUNK_FORMAT_48BIT: u32 = 0x40;
/// `i_u` bits 0..4: log2 of chunk size over block size.
pub(crate) const CHUNK_BITS_MAX: u32 = 31;
/// One chunk of a file whose format has no [`CHUNK_FORMAT_INDEXES`].
pub(crate) type BlockMapEntry = U32;

/// The length of a [`BlockMapEntry`], and its alignment.
pub(crate) const BLOCK_MAP_ENTRY_LEN: u64 = 4;
/// The length of a [`ChunkIndex`], and its alignment.
pub(crate) const CHUNK_INDEX_LEN: u64 = 8;

const _: () = assert!(to_u64(size_of::<BlockMapEntry>()) == BLOCK_MAP_ENTRY_LEN);

/// One chunk of a file whose format has [`CHUNK_FORMAT_INDEXES`].
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ChunkIndex {
    pub(crate) startblk_hi: U16,
    pub(crate) device_id: U16,
    pub(crate) startblk_lo: U32,
}

const _: () = assert!(to_u64(size_of::<ChunkIndex>()) == CHUNK_INDEX_LEN);
