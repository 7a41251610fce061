//! The packed inode and the metabox, which no directory names.

use zerocopy::{FromZeros, IntoBytes};

use crate::encode::Stored;
use crate::format::checked_u32;
use crate::format::inode::{EXTENDED_LEN, I_EXTENDED, InodeExtended};
use crate::index::Indexes;
use crate::time::Timestamp;

/// A regular file that nobody may open.
const MODE: u16 = 0o100_000;

/// The length of such an inode of `size` bytes with its index.
pub(super) fn inode_len(stored: Stored<'_>, size: u64, indexes: &Indexes) -> u64 {
    indexes.inode_len(EXTENDED_LEN, size, stored)
}

/// Such an inode, in an image of so many blocks.
pub(super) fn inode(
    stored: Stored<'_>,
    size: u64,
    ino: u64,
    mtime: Timestamp,
    indexes: &Indexes,
    image_blocks: u64,
) -> Vec<u8> {
    let blocks = match stored {
        Stored::Pclusters(file) => file.blocks(),
        Stored::Fragment(_) => 0,
    };
    let mut raw = InodeExtended::new_zeroed();
    raw.i_format = ((indexes.layout(EXTENDED_LEN, size, stored) << 1) | I_EXTENDED).into();
    raw.i_mode = MODE.into();
    raw.i_size = size.into();
    raw.i_ino = checked_u32(ino).into();
    raw.i_u = blocks.into();
    raw.i_mtime = mtime.sec.into();
    raw.i_mtime_nsec = mtime.nsec.into();
    raw.i_nlink = 1.into();
    let mut out = raw.as_bytes().to_vec();
    indexes.write(&mut out, stored, size, image_blocks);
    out
}
