//! What an inode says.

use super::place::Place;
use crate::time::Timestamp;

/// The type of an inode, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl FileType {
    pub(super) fn of_mode(mode: u16) -> Option<Self> {
        Some(match mode >> 12 {
            0o01 => FileType::Fifo,
            0o02 => FileType::CharDevice,
            0o04 => FileType::Directory,
            0o06 => FileType::BlockDevice,
            0o10 => FileType::Regular,
            0o12 => FileType::Symlink,
            0o14 => FileType::Socket,
            _ => return None,
        })
    }

    pub(super) fn has_data(self) -> bool {
        matches!(self, FileType::Regular | FileType::Directory | FileType::Symlink)
    }
}

/// How the data of an inode is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// In consecutive blocks from this byte on. Of an inline inode, the last part of a
    /// block comes after the inode.
    Flat {
        start: u64,
        inline: bool,
    },
    /// All bytes are zeros (Linux 6.15).
    Zeros,
    Chunks {
        bits: u32,
        indexes: bool,
        wide: bool,
    },
    /// With compact indexes, or with full ones or encoded extents.
    Compressed {
        compact: bool,
    },
}

/// An inode, as far as it says it itself.
#[derive(Debug, Clone)]
pub(crate) struct Inode {
    pub(crate) nid: u64,
    pub(crate) file_type: FileType,
    /// Permissions and the bits above them.
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The link count.
    pub(crate) links: u32,
    pub(crate) mtime: Timestamp,
    pub(crate) size: u64,
    /// The number of a device.
    pub(crate) rdev: u32,
    pub(super) layout: Layout,
    /// Whether it is a directory without an entry `.`, which readers make up.
    pub(crate) omits_dot: bool,
    pub(super) place: Place,
    /// Where the xattrs begin, and how long they are.
    pub(super) xattrs: Place,
    pub(super) xattrs_len: u64,
}

impl Inode {
    /// The byte at which it begins.
    pub(crate) fn pos(&self) -> u64 {
        self.place.pos
    }

    /// Whether its data, or a part of it, is in something that is decoded.
    pub(super) fn is_decoded(&self) -> bool {
        self.place.in_metabox || matches!(self.layout, Layout::Compressed { .. })
    }

    /// The place after inode and xattrs.
    pub(super) fn end(&self) -> Place {
        self.xattrs.plus(self.xattrs_len)
    }
}
