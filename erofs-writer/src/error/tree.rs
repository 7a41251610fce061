//! Errors of trees, and limits of the format.

use std::fmt;

use crate::options::Options;
use crate::shown::Shown;

/// The reason why a tree cannot be stored or changed. See [`Error::Tree`](crate::Error::Tree).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeErrorKind {
    /// A name is empty, has more than 255 bytes, is `.` or `..`, or has a slash or a
    /// NUL.
    BadName,
    /// The path exists already.
    Exists,
    /// The path does not exist.
    NotFound,
    /// The path is not a directory, but is the parent of another one.
    NotADirectory,
    /// The root can be neither removed nor replaced.
    Root,
    /// A directory cannot have a second name.
    DirectoryHardLink,
    /// The inode that should get a further name belongs to another tree.
    ForeignInode,
    /// The target of a symlink is empty, has more than 4,095 bytes or has a NUL.
    BadSymlinkTarget,
    /// A device number has more than 12 bits (major) or 20 bits (minor).
    BadDeviceNumber,
    /// With its offset, an owner is not from 0 to 4,294,967,295. See
    /// [`Tree::offset_owners`](crate::Tree::offset_owners).
    Owner {
        /// The field of the owner: `uid` or `gid`.
        field: &'static str,
        /// The number without the offset.
        id: u32,
        /// The offset.
        offset: i64,
    },
    /// A time has 1,000,000,000 nanoseconds or more.
    BadTimestamp,
    /// A file has more than 2^63 - 1 bytes.
    FileTooLarge {
        /// The length of the file in bytes.
        len: u64,
    },
    /// A file has more than 16 TiB of data, and more than an image has room for.
    TooMuchData {
        /// The most bytes of data that a file can have.
        max: u64,
    },
    /// A file has holes so large that no length of chunks is right: short chunks are
    /// too many, and long ones store too many zeros.
    TooSparse {
        /// The length of the file in bytes.
        len: u64,
        /// The length in bytes that its data would take.
        stored: u64,
    },
    /// The contents of a file of an image cannot be taken over as they are stored there.
    /// See [`Image::data`](crate::source::Image::data).
    NotAsStored {
        /// Why not.
        why: &'static str,
    },
    /// A file needs a map of more than 67,108,864 chunks.
    TooManyChunks {
        /// The number of chunks.
        chunks: u64,
    },
    /// The name of an attribute is in no namespace that EROFS can store.
    /// [`Tree::drop_foreign_xattrs`](crate::Tree::drop_foreign_xattrs) removes such
    /// attributes.
    XattrNamespace {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// The name of an attribute has more than 255 bytes, has nothing after its prefix,
    /// or has a NUL.
    XattrName {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// The value of an attribute has more than 65,535 bytes.
    XattrValue {
        /// The name of the attribute.
        name: Vec<u8>,
        /// The length of the value in bytes.
        len: usize,
    },
    /// All attributes of an inode together have more than 262,148 bytes.
    XattrBody {
        /// The length of the attributes as stored, in bytes.
        len: u64,
    },
    /// With [`InodeForm::Compact`](crate::InodeForm::Compact), the owner, size, link
    /// count or time of an inode needs the extended form.
    NotCompact,
}

/// A limit of the format. See [`Error::Full`](crate::Error::Full).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// A tree has more than 2^32 - 1 inodes.
    Inodes,
    /// An image has more than 2^32 - 1 blocks, which is 16 TiB with blocks of 4 KiB.
    /// [Wide addresses](crate::Options::wide_addresses) allow more.
    Blocks,
    /// An image with wide addresses has more than 2^48 - 1 blocks or 2^63 - 1 bytes.
    WideBlocks,
    /// Compressed files do not end within the first 2^32 - 1 blocks.
    Pclusters,
    /// The shared xattrs do not end within the first 16 GiB.
    SharedXattrs,
    /// An image has more than 1,024 extra devices.
    Devices,
    /// An image and its extra devices have more than 2^32 - 1 blocks together, which is
    /// 2 TiB with blocks of 512 bytes. With wide addresses, the last device does not
    /// count.
    DeviceBlocks,
}

impl Limit {
    /// The limit for the number of blocks of an image.
    pub(crate) fn of_blocks(options: &Options) -> Self {
        if options.wide_addresses { Limit::WideBlocks } else { Limit::Blocks }
    }
}

impl fmt::Display for TreeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeErrorKind::BadName => {
                f.write_str("a name must have 1 to 255 bytes, none of them NUL or a slash")
            }
            TreeErrorKind::Exists => f.write_str("exists already"),
            TreeErrorKind::NotFound => f.write_str("does not exist"),
            TreeErrorKind::NotADirectory => f.write_str("is not a directory"),
            TreeErrorKind::Root => f.write_str("the root can be neither removed nor replaced"),
            TreeErrorKind::DirectoryHardLink => f.write_str("a directory cannot be hard-linked"),
            TreeErrorKind::ForeignInode => {
                f.write_str("the inode to be hard-linked belongs to another tree")
            }
            TreeErrorKind::BadSymlinkTarget => {
                f.write_str("a symlink's target must have 1 to 4095 bytes, none of them NUL")
            }
            TreeErrorKind::BadDeviceNumber => {
                f.write_str("a device number has at most 12 bits major and 20 bits minor")
            }
            TreeErrorKind::BadTimestamp => f.write_str("its time has over 999999999 nanoseconds"),
            TreeErrorKind::FileTooLarge { len } => {
                write!(f, "it has {len} bytes, but a file can have at most 9223372036854775807")
            }
            TreeErrorKind::Owner { field, id, offset } => owner(f, field, *id, *offset),
            TreeErrorKind::TooMuchData { max } => too_much_data(f, *max),
            TreeErrorKind::TooSparse { len, stored } => write!(
                f,
                "most of its {len} bytes are holes; these need chunks so long that its data would \
                 take {stored} bytes"
            ),
            TreeErrorKind::NotAsStored { why } => not_as_stored(f, why),
            TreeErrorKind::TooManyChunks { chunks } => write!(
                f,
                "it would need a map of {chunks} chunks, but a map has at most 67108864; larger \
                 chunks need fewer"
            ),
            TreeErrorKind::XattrNamespace { name } => {
                write!(f, "EROFS cannot store the extended attribute {}", Shown::bytes(name))
            }
            TreeErrorKind::XattrName { name } => write!(
                f,
                "the extended attribute {} cannot be stored: its name is too long, has a NUL, or \
                 has nothing after its prefix",
                Shown::bytes(name)
            ),
            TreeErrorKind::XattrValue { name, len } => write!(
                f,
                "the extended attribute {} has {len} bytes, but at most 65535 can be stored",
                Shown::bytes(name)
            ),
            TreeErrorKind::XattrBody { len } => write!(
                f,
                "its extended attributes need {len} bytes, but at most 262148 can be stored"
            ),
            TreeErrorKind::NotCompact => {
                f.write_str("a compact inode cannot hold its owner, size, link count or time")
            }
        }
    }
}

fn owner(f: &mut fmt::Formatter<'_>, field: &str, id: u32, offset: i64) -> fmt::Result {
    write!(f, "with an offset of {offset}, its {field} {id} is outside of 0 to 4294967295")
}

fn not_as_stored(f: &mut fmt::Formatter<'_>, why: &str) -> fmt::Result {
    write!(f, "its contents cannot be taken over as the image stores them: {why}")
}

fn too_much_data(f: &mut fmt::Formatter<'_>, max: u64) -> fmt::Result {
    write!(f, "without holes, a file can have at most {max} bytes of data")
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Inodes => "an image can hold at most 4294967295 inodes",
            Limit::Blocks => "without wide addresses an image can hold at most 4294967295 blocks",
            Limit::WideBlocks => "an image can hold at most 281474976710655 blocks or 8 EiB",
            Limit::Pclusters => "compressed files must lie in the first 4294967295 blocks",
            Limit::SharedXattrs => "shared extended attributes must lie in the first 16 GiB",
            Limit::Devices => "an image can have at most 1024 further devices",
            Limit::DeviceBlocks => {
                "an image and its further devices can have at most 4294967295 blocks together; \
                 only wide addresses, for Linux 6.15, do not count the last device"
            }
        })
    }
}
