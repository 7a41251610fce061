//! The on-disk format: structures, constants and units, without logic or io.
//!
//! Structures carry the names of the kernel's `erofs_fs.h` without their
//! prefix; fields and flags keep those names exactly.

pub(crate) mod algorithm;
pub(crate) mod chunk;
pub(crate) mod compression;
pub(crate) mod dirent;
pub(crate) mod index;
pub(crate) mod inode;
pub(crate) mod superblock;
pub(crate) mod xattr;

/// Inodes start at multiples of this; a nid counts in it.
pub(crate) const SLOT_LEN: u64 = 32;

/// "No block": a hole in a chunk map, and `i_u` of inodes without blocks.
pub(crate) const NULL_ADDR: u32 = u32::MAX;
/// The same where addresses have 48 bits.
pub(crate) const NULL_ADDR_48: u64 = (1 << 48) - 1;

/// The bit of a nid that says that the inode is in the metabox.
const NID_METABOX: u64 = 1 << 63;

/// The address of an inode: its byte position divided by 32, counted from
/// `meta_blkaddr`, which our images leave at 0, or in the decoded metabox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nid(pub(crate) u64);

impl Nid {
    pub(crate) fn at(pos: u64) -> Self {
        debug_assert!(pos % SLOT_LEN == 0, "inodes start on 32-byte slots");
        Nid(pos / SLOT_LEN)
    }

    /// That of an inode at the byte `pos` of the decoded metabox.
    pub(crate) fn in_metabox(pos: u64) -> Self {
        Nid(Nid::at(pos).0 | NID_METABOX)
    }
}

/// `value` as a `usize`; lossless because the crate needs a 64-bit target.
pub(crate) const fn to_usize(value: u64) -> usize {
    const { assert!(size_of::<usize>() == 8, "a 64-bit target is needed") };
    #[expect(clippy::as_conversions, reason = "same width, asserted above")]
    {
        value as usize
    }
}

/// `value` as a `u64`; lossless for the same reason.
pub(crate) const fn to_u64(value: usize) -> u64 {
    const { assert!(size_of::<usize>() <= 8, "a 64-bit target is needed") };
    #[expect(clippy::as_conversions, reason = "never narrower, asserted above")]
    {
        value as u64
    }
}

/// A field of 32 bits whose limit `check` or `place` has already enforced.
pub(crate) fn checked_u32(value: u64) -> u32 {
    u32::try_from(value).expect("limits are checked before the first byte is written")
}

/// Bits 0..31 of an address.
pub(crate) fn low_half(value: u64) -> u32 {
    checked_u32(value & 0xffff_ffff)
}

/// Bits 32..47 of one, whose limit has been enforced as well.
pub(crate) fn high_bits(value: u64) -> u16 {
    u16::try_from(value >> 32).expect("limits are checked before the first byte is written")
}

/// Rounds `value` up to a multiple of `unit`.
pub(crate) const fn round_up(value: u64, unit: u64) -> u64 {
    value.div_ceil(unit) * unit
}
