//! The one error type of the crate.

mod contexts;
mod hints;
#[cfg(test)]
mod messages;
mod shown;
mod source;
mod store_paths;
mod tar;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::codec::lz4::LevelError;
use crate::options::{Options, OptionsError};

pub use contexts::FileContextsErrorKind;
pub use hints::CompressHintsErrorKind;
pub use shown::Shown;
pub(crate) use source::Unreadable;
pub use source::{Change, ReaderErrorKind};
pub use store_paths::StorePathsError;
pub use tar::TarErrorKind;

/// The result of every fallible function that does more than check a value.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be written. No variant leaves an image that mounts.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A source on the host could not be read.
    Read {
        /// The host path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A source is no longer what it was when the tree was made: it grew,
    /// shrank or became something else. Build again from a quiet source.
    Changed {
        /// The host path, or the image path of contents that have none.
        path: PathBuf,
        /// What is known of the change.
        change: Change,
    },
    /// A reader of your own does not do what [`ReadAt`](crate::ReadAt) asks for.
    Reader {
        /// The image path of the contents.
        path: PathBuf,
        /// What it does.
        kind: ReaderErrorKind,
    },
    /// The output could not be written.
    Write {
        /// The path of the output, where it has one.
        path: Option<PathBuf>,
        /// What the system said.
        source: io::Error,
    },
    /// The output cannot be used: it is of the wrong kind, or part of the source.
    Output {
        /// The path of the output.
        path: PathBuf,
        /// What is wrong with it.
        kind: OutputErrorKind,
    },
    /// The tree cannot be stored, or an operation on it is impossible.
    Tree {
        /// The path in the image, `/` for the root.
        path: Vec<u8>,
        /// What is wrong at that path.
        kind: TreeErrorKind,
    },
    /// The list of store paths cannot be used.
    StorePaths(StorePathsError),
    /// A tar archive cannot be used.
    Tar {
        /// The host path, or what the archive is called.
        path: PathBuf,
        /// Where in the archive, in bytes from its start.
        offset: u64,
        /// What is wrong there.
        kind: TarErrorKind,
    },
    /// A file of SELinux contexts cannot be used.
    FileContexts {
        /// The host path, or what the file is called.
        path: PathBuf,
        /// The line, the first being 1.
        line: usize,
        /// What is wrong there.
        kind: FileContextsErrorKind,
    },
    /// A file of compression hints cannot be used.
    CompressHints {
        /// The host path, or what the file is called.
        path: PathBuf,
        /// The line, the first being 1.
        line: usize,
        /// What is wrong there.
        kind: CompressHintsErrorKind,
    },
    /// Two options contradict each other.
    Options(OptionsError),
    /// A field of the format is too small for this tree.
    Full(Limit),
    /// The event handler returned `Break`, or a
    /// [`Canceller`](crate::Canceller) was told to cancel.
    Cancelled,
}

/// What is wrong with an output. See [`Error::Output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputErrorKind {
    /// A directory, a pipe, a terminal, or another device that is not a block
    /// device.
    NotAFile,
    /// An open file to which everything is appended, whatever its place is.
    Appends,
    /// An open file that is for reading only.
    NotWritable,
    /// The output lies in the source, so that it would contain itself.
    InsideSource,
    /// The device holds fewer bytes than the image needs.
    TooSmall {
        /// The bytes needed.
        needed: u64,
        /// The bytes there are.
        available: u64,
    },
}

/// What is wrong with a tree. See [`Error::Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeErrorKind {
    /// A name is empty, over 255 bytes, `.` or `..`, or holds `/` or NUL.
    BadName,
    /// There is something at this path already.
    Exists,
    /// There is nothing at this path.
    NotFound,
    /// Something other than a directory has been given children.
    NotADirectory,
    /// The root can be neither removed nor replaced.
    Root,
    /// A directory cannot have a second name.
    DirectoryHardLink,
    /// The inode that is to get a further name is one of another tree.
    ForeignInode,
    /// A symlink's target is empty, over 4,095 bytes or holds a NUL.
    BadSymlinkTarget,
    /// A device number over 12 bits (major) or 20 bits (minor).
    BadDeviceNumber,
    /// An owner is not from 0 to 4,294,967,295 any more when the offset is added. See
    /// [`Tree::offset_owners`](crate::Tree::offset_owners).
    Owner {
        /// Whose number: `uid` or `gid`.
        field: &'static str,
        /// The number before.
        id: u32,
        /// What was to be added.
        offset: i64,
    },
    /// Nanoseconds of 1,000,000,000 or more.
    BadTimestamp,
    /// A file over 2^63 - 1 bytes.
    FileTooLarge {
        /// The length of the file in bytes.
        len: u64,
    },
    /// A file has more data than an image has room for, and more than 16 TiB.
    TooMuchData {
        /// How many bytes of data a file can have.
        max: u64,
    },
    /// A file has holes that are so large that chunks of the format are too short
    /// for them, or too long for what is between them.
    TooSparse {
        /// The length of the file in bytes.
        len: u64,
        /// How many bytes its data would take.
        stored: u64,
    },
    /// A file would have a map of more than 67,108,864 chunks.
    TooManyChunks {
        /// How many chunks it would have.
        chunks: u64,
    },
    /// An attribute's name is in no namespace that EROFS can store.
    /// [`Tree::drop_foreign_xattrs`](crate::Tree::drop_foreign_xattrs) leaves it out.
    XattrNamespace {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// An attribute's name is over 255 bytes, has nothing behind its prefix,
    /// or holds a NUL.
    XattrName {
        /// The name of the attribute.
        name: Vec<u8>,
    },
    /// An attribute's value is over 65,535 bytes.
    XattrValue {
        /// The name of the attribute.
        name: Vec<u8>,
        /// The length of the value in bytes.
        len: usize,
    },
    /// All attributes of the inode together are over 262,148 bytes.
    XattrBody {
        /// The length of the attributes as stored, in bytes.
        len: u64,
    },
    /// [`InodeForm::Compact`](crate::InodeForm::Compact) was asked for, and
    /// the inode's owner, size, links or time need the extended form.
    NotCompact,
}

/// A limit of the format. See [`Error::Full`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// More than 2^32 - 1 inodes.
    Inodes,
    /// More than 2^32 - 1 blocks: 16 TiB with blocks of 4 KiB. Wide addresses
    /// allow for more.
    Blocks,
    /// More than 2^48 - 1 blocks, or 2^63 - 1 bytes.
    WideBlocks,
    /// Compressed files have more than 2^32 - 1 blocks, or go on behind these.
    Pclusters,
    /// The shared xattrs lie beyond 16 GiB.
    SharedXattrs,
    /// More than 1,024 further devices.
    Devices,
    /// An image and its further devices have more than 2^32 - 1 blocks together:
    /// 2 TiB with blocks of 512 bytes. With wide addresses the last device may
    /// have more.
    DeviceBlocks,
}

impl Limit {
    /// How many blocks an image has.
    pub(crate) fn of_blocks(options: &Options) -> Self {
        if options.wide_addresses { Limit::WideBlocks } else { Limit::Blocks }
    }
}

impl Error {
    pub(crate) fn tree(path: impl Into<Vec<u8>>, kind: TreeErrorKind) -> Self {
        Error::Tree { path: path.into(), kind }
    }

    /// The error of a failed read of `path`.
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let why = source.get_ref().and_then(|inner| inner.downcast_ref());
        match why.copied() {
            Some(Unreadable::Changed(change)) => Error::Changed { path, change },
            Some(Unreadable::Reader(kind)) => Error::Reader { path, kind },
            Some(Unreadable::Stopped) => Error::Cancelled,
            None => Error::Read { path, source },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read { path, .. } => write!(f, "{}: cannot be read", Shown::new(path)),
            Error::Changed { path, change } => {
                let path = Shown::new(path);
                write!(f, "{path}: changed while the image was being made: {change}")
            }
            Error::Reader { path, kind } => write!(f, "{}: {kind}", Shown::new(path)),
            Error::Write { path: Some(path), .. } => {
                write!(f, "{}: cannot be written", Shown::new(path))
            }
            Error::Write { path: None, .. } => f.write_str("the image cannot be written"),
            Error::Output { path, kind } => write!(f, "{}: {kind}", Shown::new(path)),
            Error::Tree { path, kind } => write!(f, "{}: {kind}", Shown::bytes(path)),
            Error::StorePaths(error) => error.fmt(f),
            Error::Tar { path, offset, kind } => {
                write!(f, "{}: at byte {offset}: {kind}", Shown::new(path))
            }
            Error::FileContexts { path, line, kind } => {
                write!(f, "{}: line {line}: {kind}", Shown::new(path))
            }
            Error::CompressHints { path, line, kind } => {
                write!(f, "{}: line {line}: {kind}", Shown::new(path))
            }
            Error::Options(error) => error.fmt(f),
            Error::Full(limit) => limit.fmt(f),
            Error::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read { source, .. } | Error::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<OptionsError> for Error {
    fn from(error: OptionsError) -> Self {
        Error::Options(error)
    }
}

impl From<LevelError> for Error {
    fn from(error: LevelError) -> Self {
        Error::Options(error.into())
    }
}

impl From<StorePathsError> for Error {
    fn from(error: StorePathsError) -> Self {
        Error::StorePaths(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Read { source, .. } | Error::Write { source, .. } => source.kind(),
            // Not `Interrupted`, upon which much of std tries again.
            Error::Cancelled | Error::Changed { .. } | Error::Reader { .. } => io::ErrorKind::Other,
            Error::Output { kind: OutputErrorKind::TooSmall { .. }, .. } => {
                io::ErrorKind::StorageFull
            }
            Error::Full(_) | Error::Tree { kind: TreeErrorKind::FileTooLarge { .. }, .. } => {
                io::ErrorKind::FileTooLarge
            }
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for OutputErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutputErrorKind::NotAFile => {
                f.write_str("an image can only be written to a file or a block device")
            }
            OutputErrorKind::Appends => f.write_str(
                "is open for appending, but the start of an image is written last; in a shell, use \
                 > and not >>",
            ),
            OutputErrorKind::NotWritable => f.write_str("is open for reading only"),
            OutputErrorKind::InsideSource => {
                f.write_str("the image would be part of its own source")
            }
            OutputErrorKind::TooSmall { needed, available } => {
                write!(f, "the image needs {needed} bytes, but the device has {available}")
            }
        }
    }
}

fn owner(f: &mut fmt::Formatter<'_>, field: &str, id: u32, offset: i64) -> fmt::Result {
    write!(f, "with an offset of {offset}, its {field} {id} is outside of 0 to 4294967295")
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
            TreeErrorKind::TooMuchData { max } => {
                write!(f, "without holes, a file can have at most {max} bytes of data")
            }
            TreeErrorKind::TooSparse { len, stored } => write!(
                f,
                "most of its {len} bytes are holes; these need chunks so long that its data would \
                 take {stored} bytes"
            ),
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

impl std::error::Error for StorePathsError {}
