//! The bytes of inodes.

use zerocopy::{FromZeros, IntoBytes};

use crate::format::inode::{
    I_DOT_OMITTED, I_EXTENDED, I_NLINK_1, InodeCompact, InodeExtended, LAYOUT_CHUNK_BASED,
    LAYOUT_FLAT_INLINE, LAYOUT_FLAT_PLAIN,
};
use crate::format::{NULL_ADDR, checked_u32, high_bits, low_half};
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind, Metadata, Rdev};

/// The place of an inode's data, as its layout describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataAt {
    /// In blocks from this one on, if there are any.
    Plain(Option<u64>),
    /// In blocks from this one on, if there are any, with the tail after the inode.
    Inline(Option<u64>),
    /// In the chunks of a map with this format.
    Chunks(u32),
    /// In this many blocks of pclusters, with an index of this layout.
    Compressed { layout: u16, blocks: u32 },
}

impl DataAt {
    pub(super) fn layout(self) -> u16 {
        match self {
            DataAt::Plain(_) => LAYOUT_FLAT_PLAIN,
            DataAt::Inline(_) => LAYOUT_FLAT_INLINE,
            DataAt::Chunks(_) => LAYOUT_CHUNK_BASED,
            DataAt::Compressed { layout, .. } => layout,
        }
    }

    pub(super) fn i_u(self) -> u32 {
        match self {
            // Without blocks the field is not used. It is not the null address, because
            // that makes a plain layout a hole (`erofs_map_blocks`, Linux 6.15).
            DataAt::Plain(block) => block.map_or(0, low_half),
            DataAt::Inline(block) => block.map_or(NULL_ADDR, low_half),
            DataAt::Chunks(format) => format,
            DataAt::Compressed { blocks, .. } => blocks,
        }
    }

    /// The first of the consecutive blocks.
    fn block(self) -> Option<u64> {
        match self {
            DataAt::Plain(block) | DataAt::Inline(block) => block,
            DataAt::Chunks(_) | DataAt::Compressed { .. } => None,
        }
    }
}

/// Appends the inode `id`, without its xattrs and its body.
pub(super) fn write(
    out: &mut Vec<u8>,
    inodes: &Inodes<'_>,
    id: InodeId,
    ino: u32,
    size: u64,
    data: DataAt,
) {
    let inode = inodes.tree.inode(id);
    let Metadata { uid, gid, mtime, .. } = inode.metadata;
    let mode = type_bits(&inode.kind) | (inode.metadata.mode & 0o7777);
    let i_u = rdev(&inode.kind).map_or(data.i_u(), encode_rdev);
    let mut format = data.layout() << 1;
    if inodes.omits_dots && matches!(inode.kind, Kind::Directory(_)) {
        format |= I_DOT_OMITTED;
    }
    let block = data.block().unwrap_or(0);
    let icount = icount(inodes.xattrs.body_len(id));
    let links = inodes.order.links(id);
    if inodes.is_extended(id) {
        let mut raw = InodeExtended::new_zeroed();
        raw.i_format = (format | I_EXTENDED).into();
        raw.i_xattr_icount = icount.into();
        raw.i_mode = mode.into();
        raw.i_nb = high_bits(block).into();
        raw.i_size = size.into();
        raw.i_u = i_u.into();
        raw.i_ino = ino.into();
        raw.i_uid = uid.into();
        raw.i_gid = gid.into();
        raw.i_mtime = mtime.sec.into();
        raw.i_mtime_nsec = mtime.nsec.into();
        raw.i_nlink = links.into();
        out.extend_from_slice(raw.as_bytes());
    } else {
        let narrow = |value: u32| u16::try_from(value).expect("else the inode is extended");
        // The greatest value of 32 bits is the null address.
        let (bit, nb) = match block < u64::from(NULL_ADDR) {
            true => (0, narrow(links)),
            false => (I_NLINK_1, high_bits(block)),
        };
        assert!(bit == 0 || inodes.has_room_for_address(id), "else the inode is extended");
        let mut raw = InodeCompact::new_zeroed();
        raw.i_format = (format | bit).into();
        raw.i_xattr_icount = icount.into();
        raw.i_mode = mode.into();
        raw.i_nb = nb.into();
        raw.i_size = checked_u32(size).into();
        raw.i_mtime = inodes.epoch.field(mtime).expect("else the inode is extended").into();
        raw.i_u = i_u.into();
        raw.i_ino = ino.into();
        raw.i_uid = narrow(uid).into();
        raw.i_gid = narrow(gid).into();
        out.extend_from_slice(raw.as_bytes());
    }
}

/// `i_xattr_icount`: 0, or the number of 4-byte words of the xattr body after its header,
/// plus 1.
fn icount(body_len: u64) -> u16 {
    match body_len {
        0 => 0,
        len => u16::try_from((len - 12) / 4 + 1).expect("bodies are checked"),
    }
}

/// The type of a file as `st_mode` has it.
fn type_bits(kind: &Kind) -> u16 {
    match kind {
        Kind::Fifo => 0o010_000,
        Kind::CharDevice(_) => 0o020_000,
        Kind::Directory(_) => 0o040_000,
        Kind::BlockDevice(_) => 0o060_000,
        Kind::File(_) => 0o100_000,
        Kind::Symlink(_) => 0o120_000,
        Kind::Socket => 0o140_000,
    }
}

/// The device number in `i_u` of an inode that is neither a directory, a file nor a
/// symlink.
fn rdev(kind: &Kind) -> Option<Rdev> {
    match kind {
        Kind::CharDevice(rdev) | Kind::BlockDevice(rdev) => Some(*rdev),
        Kind::Fifo | Kind::Socket => Some(Rdev { major: 0, minor: 0 }),
        _ => None,
    }
}

/// A device number in 32 bits, as `new_decode_dev` of Linux reads it.
fn encode_rdev(Rdev { major, minor }: Rdev) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_encoded_as_the_kernel_reads_them() {
        assert_eq!(encode_rdev(Rdev { major: 1, minor: 3 }), 0x0103);
        assert_eq!(encode_rdev(Rdev { major: 259, minor: 0x12345 }), 0x1231_0345);
        assert_eq!(encode_rdev(Rdev { major: 0xfff, minor: 0xfffff }), u32::MAX);
    }

    #[test]
    fn the_count_of_xattr_words_is_never_one() {
        assert_eq!(icount(0), 0);
        assert_eq!(icount(16), 2);
        assert_eq!(icount(crate::format::xattr::BODY_MAX), u16::MAX);
    }
}
