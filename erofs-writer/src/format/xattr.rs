//! Extended attributes: a body behind the inode, and shared entries elsewhere.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

/// Entries and the body are padded to this.
pub(crate) const XATTR_ALIGN: u64 = 4;
/// The longest value: `e_value_size` has 16 bits.
pub(crate) const VALUE_MAX: usize = 65_535;
/// The longest name behind its prefix: `e_name_len` has 8 bits.
pub(crate) const SUFFIX_MAX: usize = 255;
/// The longest body: `i_xattr_icount` counts words behind the header.
pub(crate) const BODY_MAX: u64 = 12 + 4 * (65_535 - 1);
/// How many shared entries one inode may refer to.
pub(crate) const SHARED_MAX: usize = 255;
/// How many long prefixes an image may have.
pub(crate) const PREFIXES_MAX: usize = 128;
/// Bit 7 of `e_name_index`: the other bits count in the long-prefix table.
pub(crate) const LONG_PREFIX: u8 = 0x80;
/// The seed of the name filter's xxh32, to which the name index is added.
pub(crate) const FILTER_SEED: u32 = 0x25BB_E08F;

#[derive(Debug, Clone, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrIbodyHeader {
    pub(crate) h_name_filter: U32,
    pub(crate) h_shared_count: u8,
    pub(crate) h_reserved2: [u8; 7],
}

const _: () = assert!(size_of::<XattrIbodyHeader>() == 12);

#[derive(Debug, Clone, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    pub(crate) e_name_index: u8,
    pub(crate) e_value_size: U16,
}

const _: () = assert!(size_of::<XattrEntry>() == 4);
