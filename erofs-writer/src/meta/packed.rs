//! The packed inode, which no directory names.

use zerocopy::{FromZeros, IntoBytes};

use crate::format::checked_u32;
use crate::format::inode::{EXTENDED_LEN, I_EXTENDED, InodeExtended};
use crate::meta::inode::DataAt;
use crate::time::Timestamp;

/// The length of the packed inode without its index.
pub(super) const HEAD_LEN: u64 = EXTENDED_LEN;

/// A regular file that nobody may open.
const MODE: u16 = 0o100_000;

/// The packed inode without its index.
pub(super) fn head(size: u64, ino: u64, mtime: Timestamp, data: DataAt) -> Vec<u8> {
    let mut raw = InodeExtended::new_zeroed();
    raw.i_format = ((data.layout() << 1) | I_EXTENDED).into();
    raw.i_mode = MODE.into();
    raw.i_size = size.into();
    raw.i_ino = checked_u32(ino).into();
    raw.i_u = data.i_u().into();
    raw.i_mtime = mtime.sec.into();
    raw.i_mtime_nsec = mtime.nsec.into();
    raw.i_nlink = 1.into();
    raw.as_bytes().to_vec()
}
