//! Inodes: 32 bytes compact or 64 bytes extended.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::format::to_u64;

/// The length of [`InodeCompact`].
pub(crate) const COMPACT_LEN: u64 = 32;
/// The length of [`InodeExtended`].
pub(crate) const EXTENDED_LEN: u64 = 64;

/// Bit 0 of `i_format`: the inode is extended.
pub(crate) const I_EXTENDED: u16 = 1;
/// Bit 4 of `i_format` of a compact inode that is no directory: it has one
/// link, and `i_nb` holds bits 32..47 of the block address (Linux 6.15).
pub(crate) const I_NLINK_1: u16 = 1 << 4;

/// Bit 4 of `i_format` of a directory: it has no entry `.` (Linux 6.15).
pub(crate) const I_DOT_OMITTED: u16 = 1 << 4;

/// `i_format` bits 1..3: the data lies in consecutive blocks from `i_u`.
pub(crate) const LAYOUT_FLAT_PLAIN: u16 = 0;
/// `i_format` bits 1..3: compressed, with 8 bytes of index an lcluster.
pub(crate) const LAYOUT_COMPRESSED_FULL: u16 = 1;
/// `i_format` bits 1..3: compressed, with 2 or 4 bytes of index an lcluster.
pub(crate) const LAYOUT_COMPRESSED_COMPACT: u16 = 3;
/// `i_format` bits 1..3: as plain, with the last partial block after the inode.
pub(crate) const LAYOUT_FLAT_INLINE: u16 = 2;
/// `i_format` bits 1..3: a map of chunks follows the inode.
pub(crate) const LAYOUT_CHUNK_BASED: u16 = 4;

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct InodeCompact {
    pub(crate) i_format: U16,
    pub(crate) i_xattr_icount: U16,
    pub(crate) i_mode: U16,
    /// The link count, unless bit 4 of `i_format` gives it another meaning.
    pub(crate) i_nb: U16,
    pub(crate) i_size: U32,
    /// Seconds after the superblock's `epoch`; ignored before Linux 6.15 (`erofs_read_inode`).
    pub(crate) i_mtime: U32,

    pub(crate) i_u: U32,
    pub(crate) i_ino: U32,
    pub(crate) i_uid: U16,
    pub(crate) i_gid: U16,
    pub(crate) i_reserved: [u8; 4],
}

const _: () = assert!(to_u64(size_of::<InodeCompact>()) == COMPACT_LEN);

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct InodeExtended {
    pub(crate) i_format: U16,
    pub(crate) i_xattr_icount: U16,
    pub(crate) i_mode: U16,
    /// Bits 32..47 of the block address, not the link count.
    pub(crate) i_nb: U16,
    pub(crate) i_size: U64,

    pub(crate) i_u: U32,
    pub(crate) i_ino: U32,
    pub(crate) i_uid: U32,
    pub(crate) i_gid: U32,

    pub(crate) i_mtime: I64,
    pub(crate) i_mtime_nsec: U32,
    pub(crate) i_nlink: U32,

    pub(crate) i_reserved2: [u8; 16],
}

const _: () = assert!(to_u64(size_of::<InodeExtended>()) == EXTENDED_LEN);
