//! The packed inode, which no directory names.

use zerocopy::{FromZeros, IntoBytes};

use crate::format::inode::{I_EXTENDED, InodeExtended};
use crate::format::{checked_u32, to_u64};
use crate::meta::inode::Inodes;
use crate::meta::place::Placement;

/// How long it is without its index.
pub(crate) const HEAD_LEN: u64 = to_u64(size_of::<InodeExtended>());

/// A regular file that nobody may open.
const MODE: u16 = 0o100_000;

/// The packed inode with its index, if there is one.
pub(crate) fn write(placement: &Placement<'_>, inodes: &Inodes<'_>) -> Option<Vec<u8>> {
    let (file, size) = placement.encoded.packed.as_ref()?;
    let data = placement.in_pclusters(file, HEAD_LEN, *size);
    let mut raw = InodeExtended::new_zeroed();
    raw.i_format = ((data.layout() << 1) | I_EXTENDED).into();
    raw.i_mode = MODE.into();
    raw.i_size = (*size).into();
    raw.i_ino = checked_u32(placement.inodes()).into();
    raw.i_u = data.i_u().into();
    raw.i_mtime = inodes.epoch.time.sec.into();
    raw.i_mtime_nsec = inodes.epoch.time.nsec.into();
    raw.i_nlink = 1.into();
    let mut out = raw.as_bytes().to_vec();
    placement.write_index(&mut out, file, *size);
    let placed = placement.len_with_index(HEAD_LEN, *size, file);
    assert!(to_u64(out.len()) == placed, "the packed inode has {placed} bytes");
    Some(out)
}
