//! Directory entries. A block holds its entries first, then their names.

use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The length of [`Dirent`], without the name.
pub(crate) const DIRENT_LEN: u64 = 12;
/// The longest name.
pub(crate) const NAME_MAX: usize = 255;

/// `file_type` of a regular file.
pub(crate) const FT_REG_FILE: u8 = 1;
/// `file_type` of a directory.
pub(crate) const FT_DIR: u8 = 2;
/// `file_type` of a character device.
pub(crate) const FT_CHRDEV: u8 = 3;
/// `file_type` of a block device.
pub(crate) const FT_BLKDEV: u8 = 4;
/// `file_type` of a fifo.
pub(crate) const FT_FIFO: u8 = 5;
/// `file_type` of a socket.
pub(crate) const FT_SOCK: u8 = 6;
/// `file_type` of a symlink.
pub(crate) const FT_SYMLINK: u8 = 7;

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Dirent {
    pub(crate) nid: U64,
    /// Where the name starts, counted from the start of the block.
    pub(crate) nameoff: U16,
    pub(crate) file_type: u8,
    pub(crate) reserved: u8,
}

const _: () = assert!(size_of::<Dirent>() == 12);
