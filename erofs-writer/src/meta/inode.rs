//! Inodes: which form they need, and their bytes.

use zerocopy::{FromZeros, IntoBytes};

use crate::error::{Error, Result, TreeErrorKind};
use crate::format::inode::{
    I_EXTENDED, I_NLINK_1, InodeCompact, InodeExtended, LAYOUT_CHUNK_BASED, LAYOUT_FLAT_INLINE,
    LAYOUT_FLAT_PLAIN,
};
use crate::format::{NULL_ADDR, checked_u32, high_bits, low_half};
use crate::meta::epoch::Epoch;
use crate::meta::reach;
use crate::meta::xattr::XattrTable;
use crate::options::{InodeForm, Options};
use crate::plan::Order;
use crate::tree::{InodeId, Kind, Metadata, Rdev, Tree};

/// What is decided about inodes before their data is looked at.
#[derive(Debug)]
pub(crate) struct Inodes<'a> {
    tree: &'a Tree,
    order: &'a Order,
    xattrs: &'a XattrTable,
    form: InodeForm,
    pub(crate) epoch: Epoch,
    /// Whether addresses of blocks may have more than 32 bits.
    pub(crate) far: bool,
}

impl<'a> Inodes<'a> {
    /// Chooses the epoch, and checks that compact inodes suffice if they must.
    pub(crate) fn new(
        tree: &'a Tree,
        order: &'a Order,
        xattrs: &'a XattrTable,
        options: &Options,
    ) -> Result<Self> {
        let epoch = Epoch::choose(tree, order, options.build_time, options.wide_addresses);
        let far = reach::is_far(tree, order, xattrs, options);
        let inodes = Inodes { tree, order, xattrs, form: options.inode_form, epoch, far };
        if options.inode_form == InodeForm::Compact {
            if let Some(id) = order.ids.iter().find(|id| inodes.needs_extended(**id)) {
                return Err(Error::tree(tree.path_of(*id), TreeErrorKind::NotCompact));
            }
        }
        Ok(inodes)
    }

    pub(crate) fn is_extended(&self, id: InodeId) -> bool {
        match self.form {
            InodeForm::Auto => self.needs_extended(id),
            InodeForm::Compact => false,
            InodeForm::Extended => true,
        }
    }

    fn needs_extended(&self, id: InodeId) -> bool {
        const FIELD_MAX: u32 = 0xffff;
        let inode = self.tree.inode(id);
        let Metadata { uid, gid, mtime, .. } = inode.metadata;
        // Whether a directory's own length needs 64 bits is left aside: it
        // would have more names than an image has inodes.
        uid > FIELD_MAX
            || gid > FIELD_MAX
            || self.order.links(id) > FIELD_MAX
            || self.epoch.field(mtime).is_none()
            || self.far && !self.has_room_for_address(id)
            || crate::tree::content_len(&inode.kind) > u64::from(u32::MAX)
    }

    /// Whether a compact inode can have an address of 48 bits, as it has where
    /// the count of links is otherwise.
    fn has_room_for_address(&self, id: InodeId) -> bool {
        match self.tree.inode(id).kind {
            Kind::Directory(_) => false,
            Kind::File(_) | Kind::Symlink(_) => self.order.links(id) == 1,
            _ => true,
        }
    }

    /// The length of the inode with its xattrs.
    pub(crate) fn head_len(&self, id: InodeId) -> u64 {
        let len = if self.is_extended(id) { 64 } else { 32 };
        len + self.xattrs.body_len(id)
    }
}

/// Where the data of an inode is, as its layout tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataAt {
    /// In blocks from this one on, if there are any.
    Plain(Option<u64>),
    /// The same, with the tail behind the inode.
    Inline(Option<u64>),
    /// In the chunks of a map with this format.
    Chunks(u32),
    /// In so many blocks of pclusters, with an index of this layout.
    Compressed { layout: u16, blocks: u32 },
}

impl DataAt {
    pub(crate) fn layout(self) -> u16 {
        match self {
            DataAt::Plain(_) => LAYOUT_FLAT_PLAIN,
            DataAt::Inline(_) => LAYOUT_FLAT_INLINE,
            DataAt::Chunks(_) => LAYOUT_CHUNK_BASED,
            DataAt::Compressed { layout, .. } => layout,
        }
    }

    pub(crate) fn i_u(self) -> u32 {
        match self {
            // Unused without blocks. Not "no address", which Linux 6.15 and
            // later take for a hole where the layout is plain.
            DataAt::Plain(block) => block.map_or(0, low_half),
            DataAt::Inline(block) => block.map_or(NULL_ADDR, low_half),
            DataAt::Chunks(format) => format,
            DataAt::Compressed { blocks, .. } => blocks,
        }
    }

    /// The first block of those that lie one behind the other.
    fn block(self) -> Option<u64> {
        match self {
            DataAt::Plain(block) | DataAt::Inline(block) => block,
            DataAt::Chunks(_) | DataAt::Compressed { .. } => None,
        }
    }
}

impl Inodes<'_> {
    /// Appends the inode `id`, without what follows it.
    pub(crate) fn write(&self, out: &mut Vec<u8>, id: InodeId, ino: u32, size: u64, data: DataAt) {
        let inode = self.tree.inode(id);
        let Metadata { uid, gid, mtime, .. } = inode.metadata;
        let mode = type_bits(&inode.kind) | (inode.metadata.mode & 0o7777);
        let i_u = rdev(&inode.kind).map_or(data.i_u(), encode_rdev);
        let format = data.layout() << 1;
        let block = data.block().unwrap_or(0);
        let icount = icount(self.xattrs.body_len(id));
        let links = self.order.links(id);
        if self.is_extended(id) {
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
            // Of 32 bits, the last value would be no address.
            let (bit, nb) = match block < u64::from(NULL_ADDR) {
                true => (0, narrow(links)),
                false => (I_NLINK_1, high_bits(block)),
            };
            assert!(bit == 0 || self.has_room_for_address(id), "else the inode is extended");
            let mut raw = InodeCompact::new_zeroed();
            raw.i_format = (format | bit).into();
            raw.i_xattr_icount = icount.into();
            raw.i_mode = mode.into();
            raw.i_nb = nb.into();
            raw.i_size = checked_u32(size).into();
            raw.i_mtime = self.epoch.field(mtime).expect("else the inode is extended").into();
            raw.i_u = i_u.into();
            raw.i_ino = ino.into();
            raw.i_uid = narrow(uid).into();
            raw.i_gid = narrow(gid).into();
            out.extend_from_slice(raw.as_bytes());
        }
    }
}

/// `i_xattr_icount`: 0, or 1 and the words of the body behind its header.
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

/// What `i_u` holds for what is neither a directory, a file nor a symlink.
fn rdev(kind: &Kind) -> Option<Rdev> {
    match kind {
        Kind::CharDevice(rdev) | Kind::BlockDevice(rdev) => Some(*rdev),
        Kind::Fifo | Kind::Socket => Some(Rdev { major: 0, minor: 0 }),
        _ => None,
    }
}

/// A device number as Linux encodes it in 32 bits.
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
