//! The contents of regular files: where the bytes are, and how they are read.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::to_u64;
use crate::tree::device::{Device, DeviceRun, Scattered};
use crate::tree::dirs::{self, HostDir, OpenDirs, join};
use crate::tree::file_id::FileId;
use crate::tree::open::{OpenContent, Opened};
use crate::tree::part::HostFile;
use crate::tree::path::Name;
use crate::tree::read_at::ReadAt;
use crate::tree::stored::StoredFile;

/// The contents of a regular file. They are read when the image is written,
/// perhaps more than once, and are not held in memory.
#[derive(Debug, Clone)]
pub struct Content {
    len: u64,
    location: Location,
}

/// The location of contents. Each file of a tree has one, so the most common case, a
/// file that a scan has found, is kept small.
#[derive(Clone)]
#[cfg_attr(
    not(all(feature = "image", feature = "nar", feature = "tar")),
    allow(dead_code, reason = "some are only those of archives and images")
)]
pub(super) enum Location {
    Bytes(Arc<[u8]>),
    Path(Arc<PathBuf>),
    /// A file in a scanned directory: the directory, which all of its files share; the
    /// name, which is shared with the tree; and the mark of the file.
    InDirectory(Arc<HostDir>, Name, u32),
    FileRange(Arc<File>, u64),
    /// Bytes of a file of the host that is opened when they are read, from this position on.
    Part(Arc<HostFile>, u64),
    Reader(Arc<Box<dyn ReadAt>>),
    /// Bytes that stay on a device, from this position on.
    OnDevice(Arc<Device>, u64),
    Scattered(Arc<Scattered>),
    /// A file of an image, which can be taken over as it is stored.
    Stored(Arc<dyn StoredFile>),
}

// A tree may have millions of these.
const _: () = assert!(size_of::<Content>() <= 40);

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Location::Path(path) => path.fmt(f),
            Location::InDirectory(dir, name, _) => join(dir, name).fmt(f),
            Location::FileRange(file, start) => write!(f, "{file:?} from {start}"),
            Location::Part(file, start) => write!(f, "{file:?} from {start}"),
            Location::Reader(_) => f.write_str("a reader"),
            Location::OnDevice(_, pos) => write!(f, "a device from {pos}"),
            Location::Scattered(_) => f.write_str("runs of a device"),
            Location::Stored(_) => f.write_str("a file of an image"),
        }
    }
}

impl Content {
    /// Contents of these bytes. Types with text or bytes in memory can also be turned
    /// into contents by `into`.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        Content { len: ReadAt::len(&bytes), location: Location::Bytes(bytes) }
    }

    /// The contents of the host file `path`, which has `len` bytes. If it has more or
    /// fewer when it is read, the build fails with
    /// [`Error::Changed`](crate::Error::Changed).
    pub fn from_path(path: impl Into<PathBuf>, len: u64) -> Self {
        Content { len, location: Location::Path(Arc::new(path.into())) }
    }

    /// The contents of the host file `path`, with the length that it has now.
    ///
    /// # Errors
    /// [`Error::Read`] if the file is missing, cannot be accessed, or is not a regular
    /// file.
    pub fn of_host_file(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Content::from_path(path, found.len())),
            Ok(_) => Err(Error::read(path, dirs::not_regular())),
            Err(error) => Err(Error::read(path, error)),
        }
    }

    /// The bytes `range` of an open host file. If the file ends before they do, the
    /// build fails with [`Error::Changed`](crate::Error::Changed).
    pub fn from_file_range(file: Arc<File>, range: Range<u64>) -> Self {
        let len = range.end.saturating_sub(range.start);
        Content { len, location: Location::FileRange(file, range.start) }
    }

    /// The bytes that `reader` reads. If they are more or fewer than its length now,
    /// the build fails with [`Error::Reader`](crate::Error::Reader).
    pub fn new(reader: impl ReadAt + 'static) -> Self {
        Content { len: reader.len(), location: Location::Reader(Arc::new(Box::new(reader))) }
    }

    /// The contents of the file `file`, which was found as `name` in `dir`.
    pub(crate) fn in_directory(dir: Arc<HostDir>, name: Name, file: FileId, len: u64) -> Self {
        Content { len, location: Location::InDirectory(dir, name, file.mark()) }
    }

    /// The bytes `range` of `file`, which is open only while they are read.
    #[cfg(feature = "nar")]
    pub(crate) fn part_of(file: Arc<HostFile>, range: Range<u64>) -> Self {
        let len = range.end - range.start;
        Content { len, location: Location::Part(file, range.start) }
    }

    /// The `len` bytes of `device` from the position `pos` on. They stay there.
    #[cfg(any(feature = "image", feature = "tar"))]
    pub(crate) fn on_device(device: Arc<Device>, pos: u64, len: u64) -> Self {
        Content { len, location: Location::OnDevice(device, pos) }
    }

    /// Contents of `len` bytes of which a device has only some runs. They stay there.
    #[cfg(any(feature = "image", feature = "tar"))]
    pub(crate) fn scattered(len: u64, scattered: Scattered) -> Self {
        Content { len, location: Location::Scattered(Arc::new(scattered)) }
    }

    /// The contents of a file of an image.
    #[cfg(feature = "image")]
    pub(crate) fn from_image(file: impl StoredFile + 'static) -> Self {
        Content { len: file.reader().len(), location: Location::Stored(Arc::new(file)) }
    }

    /// The file of an image that can be taken over as it is stored, if these are its
    /// contents.
    pub(crate) fn stored(&self) -> Option<&dyn StoredFile> {
        match &self.location {
            Location::Stored(file) => Some(&**file),
            _ => None,
        }
    }

    /// The device on which the bytes stay, plain or not.
    pub(crate) fn stays_on(&self) -> Option<&Arc<Device>> {
        match &self.location {
            Location::OnDevice(device, _) => Some(device),
            Location::Scattered(all) => Some(&all.device),
            Location::Stored(file) => file.device(),
            _ => None,
        }
    }

    /// The device on which the bytes stay as they are, and their runs on it. None if the bytes go
    /// into the image, or stay where they are, but compressed.
    pub(crate) fn device(&self) -> Option<(&Arc<Device>, Cow<'_, [DeviceRun]>)> {
        match &self.location {
            Location::OnDevice(device, pos) => {
                let run = DeviceRun { offset: 0, len: self.len, pos: *pos };
                Some((device, Cow::Owned(vec![run])))
            }
            Location::Scattered(all) => Some((&all.device, Cow::Borrowed(&all.runs))),
            _ => None,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The path of the host file whose bytes these are. None if they do not come from a
    /// whole file.
    pub fn host_path(&self) -> Option<PathBuf> {
        match &self.location {
            Location::Path(path) => Some(path.to_path_buf()),
            Location::InDirectory(dir, name, _) => Some(join(dir, name)),
            _ => None,
        }
    }

    /// The mark of the scanned file that the bytes come from. None if they come from
    /// elsewhere.
    pub(super) fn host_mark(&self) -> Option<u32> {
        match self.location {
            Location::InDirectory(_, _, mark) => Some(mark),
            _ => None,
        }
    }

    /// The open file of which the bytes are a range. None if they come from elsewhere.
    pub(crate) fn shared_file(&self) -> Option<&Arc<File>> {
        match &self.location {
            Location::FileRange(file, _) => Some(file),
            _ => None,
        }
    }

    /// Whether a reader of the caller reads the bytes.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.location, Location::Reader(_) | Location::Stored(_))
    }

    /// Whether the contents have the length 0 only because the caller or its reader has
    /// said so, and nothing has checked it.
    pub(crate) fn is_said_to_be_empty(&self) -> bool {
        self.len == 0 && matches!(self.location, Location::Path(_) | Location::Reader(_))
    }

    /// A key that is equal for two contents only if they are the same memory or the
    /// same file, and so have the same bytes.
    pub(crate) fn identity(&self) -> Identity {
        fn address<T: ?Sized>(arc: &Arc<T>) -> usize {
            Arc::as_ptr(arc).addr()
        }
        match &self.location {
            Location::Bytes(bytes) => Identity(0, address(bytes), 0),
            Location::Path(path) => Identity(1, address(path), 0),
            Location::InDirectory(dir, name, _) => Identity(2, address(dir), to_u64(address(name))),
            Location::FileRange(file, start) => Identity(3, address(file), *start),
            Location::Reader(reader) => Identity(4, address(reader), 0),
            Location::OnDevice(device, pos) => Identity(5, address(device), *pos),
            Location::Scattered(all) => Identity(6, address(all), 0),
            Location::Stored(file) => Identity(7, address(file), 0),
            Location::Part(file, start) => Identity(8, address(file), *start),
        }
    }

    /// Opens the contents for reading. Files of one directory are opened faster one
    /// after the other, with the same `dirs`.
    pub(crate) fn open(&self, dirs: &OpenDirs) -> io::Result<OpenContent<'_>> {
        let opened = match &self.location {
            Location::Bytes(bytes) => Opened::Bytes(bytes),
            Location::Path(path) => Opened::Owned(dirs::open_named(path)?),
            Location::InDirectory(dir, name, mark) => Opened::Owned(dirs.open(dir, name, *mark)?),
            Location::FileRange(file, start) => Opened::Range(file, *start),
            Location::Part(file, start) => Opened::Part(file.open(dirs)?, *start),
            Location::Reader(reader) => Opened::Custom(&***reader),
            Location::Stored(file) => Opened::Custom(file.reader()),
            Location::OnDevice(device, pos) => {
                let (file, start) = device.readable().ok_or_else(not_kept)?;
                Opened::Range(file, start + pos)
            }
            Location::Scattered(all) => {
                Opened::Custom(&**all.reader.as_ref().ok_or_else(not_kept)?)
            }
        };
        Ok(OpenContent { len: self.len, opened })
    }
}

/// Implements `From` for types with bytes in memory.
macro_rules! from_bytes {
    ($([$($const:tt)*] $type:ty),+) => {$(
        impl<$($const)*> From<$type> for Content {
            fn from(bytes: $type) -> Self {
                Content::from_bytes(AsRef::<[u8]>::as_ref(&bytes))
            }
        }
    )+};
}

from_bytes!(
    [] &[u8],
    [] Vec<u8>,
    [] Box<[u8]>,
    [] &str,
    [] String,
    [const N: usize] [u8; N],
    [const N: usize] &[u8; N]
);

impl From<Arc<[u8]>> for Content {
    fn from(bytes: Arc<[u8]>) -> Self {
        Content::from_bytes(bytes)
    }
}

fn not_kept() -> io::Error {
    let why = "an index of a stream was made, and its contents were not kept";
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// Opens the contents for each read. This is for looking at contents, and is slow.
impl ReadAt for Content {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.len.saturating_sub(offset);
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.open(&OpenDirs::default())?.read_at(&mut buf[..len], offset)
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        self.open(&OpenDirs::default())?.next_data(offset)
    }
}

/// See [`Content::identity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity(u8, usize, u64);
