//! The contents of regular files: where the bytes are, and how they are read.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Change, Error, ReaderErrorKind, Result, Unreadable};
use crate::format::to_u64;
use crate::tree::device::{Device, DeviceRun, Scattered};
use crate::tree::dirs::{self, HostDir, OpenDirs, join};
use crate::tree::file_id::FileId;
use crate::tree::path::Name;
use crate::tree::read_at::{ReadAt, host_data};
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
    not(all(feature = "image", feature = "tar")),
    allow(dead_code, reason = "only archives and images are devices")
)]
pub(super) enum Location {
    Bytes(Arc<[u8]>),
    Path(Arc<PathBuf>),
    /// A file in a scanned directory: the directory, which all of its files share; the
    /// name, which is shared with the tree; and the mark of the file.
    InDirectory(Arc<HostDir>, Name, u32),
    FileRange(Arc<File>, u64),
    Reader(Arc<Box<dyn ReadAt>>),
    /// Bytes that stay on a device, from this position on.
    OnDevice(Arc<Device>, u64),
    Scattered(Arc<Scattered>),
    /// A file of an image, which can be taken over as it is stored.
    Stored(Arc<dyn StoredFile>),
}

/// Reads of fewer bytes than this do not look for a hole first, since reading takes
/// less time.
const HOLE_MIN: usize = 256 * 1024;

// A tree may have millions of these.
const _: () = assert!(size_of::<Content>() <= 40);

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Location::Path(path) => path.fmt(f),
            Location::InDirectory(dir, name, _) => join(dir, name).fmt(f),
            Location::FileRange(file, start) => write!(f, "{file:?} from {start}"),
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

    /// The device on which the bytes stay, and their runs on it. None if the bytes go
    /// into the image.
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

/// Contents that are open.
pub(crate) struct OpenContent<'a> {
    len: u64,
    opened: Opened<'a>,
}

enum Opened<'a> {
    Bytes(&'a [u8]),
    Owned(File),
    Range(&'a File, u64),
    Custom(&'a dyn ReadAt),
}

impl OpenContent<'_> {
    /// The file that has the bytes, and the position in it at which they start. None if
    /// they are not in a file.
    pub(crate) fn as_file(&self) -> Option<(&File, u64)> {
        match &self.opened {
            Opened::Owned(file) => Some((file, 0)),
            Opened::Range(file, start) => Some((file, *start)),
            _ => None,
        }
    }

    /// Whether the source can be longer than expected. A range of a file cannot, since
    /// the bytes after it do not belong to it.
    fn can_grow(&self) -> bool {
        matches!(self.opened, Opened::Owned(_) | Opened::Custom(_))
    }

    /// The next range of data at or after `offset`, as far as the source knows. An
    /// empty range at the end if there is no more. See [`ReadAt::next_data`].
    pub(crate) fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let len = self.len;
        let found = match &self.opened {
            Opened::Bytes(_) => offset..len,
            Opened::Owned(file) => host_data(file, 0, offset, len)?,
            Opened::Range(file, start) => host_data(file, *start, offset, len)?,
            Opened::Custom(reader) => retry(|| reader.next_data(offset))?,
        };
        if offset >= len || found.start == found.end {
            return Ok(len..len);
        }
        if found.end <= found.start.max(offset) {
            return Err(Unreadable::Reader(ReaderErrorKind::DataRange).into());
        }
        let start = found.start.clamp(offset, len);
        Ok(start..found.end.min(len))
    }

    /// Whether all of `bytes` are in a hole, so that they are zeros and need not be
    /// read.
    pub(crate) fn is_hole(&self, bytes: &Range<u64>) -> io::Result<bool> {
        Ok(self.next_data(bytes.start)?.start >= bytes.end && self.reaches(bytes.end)?)
    }

    /// Whether the source has at least `end` bytes. This is checked since a file has no
    /// data after its end, either.
    fn reaches(&self, end: u64) -> io::Result<bool> {
        match &self.opened {
            Opened::Owned(file) => Ok(file.metadata()?.len() >= end),
            Opened::Range(file, start) => Ok(file.metadata()?.len() >= start.saturating_add(end)),
            Opened::Bytes(_) | Opened::Custom(_) => Ok(true),
        }
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.opened {
            Opened::Bytes(bytes) => bytes.read_at(buf, offset),
            Opened::Owned(file) => ReadAt::read_at(file, buf, offset),
            Opened::Range(file, start) => ReadAt::read_at(*file, buf, start + offset),
            Opened::Custom(reader) => match reader.read_at(buf, offset)? {
                len if len <= buf.len() => Ok(len),
                _ => Err(Unreadable::Reader(ReaderErrorKind::Overfull).into()),
            },
        }
    }

    /// Reads until `buf` is full or the source ends. Returns how many bytes were read.
    fn read_up_to(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match retry(|| self.read_at(&mut buf[filled..], offset + to_u64(filled)))? {
                0 => break,
                len => filled += len,
            }
        }
        Ok(filled)
    }

    /// The error for a source that has `found` bytes, or if that is more than it should
    /// have, at least so many.
    fn wrong_length(&self, found: u64) -> io::Error {
        let len = self.len;
        // A file may have changed again since it was read. Its length now is reported,
        // if that is wrong, too.
        let found = match &self.opened {
            Opened::Owned(file) => {
                let now = file.metadata().map(|stat| stat.len());
                now.ok().filter(|now| *now != len).unwrap_or(found)
            }
            // The file may have more bytes after the range.
            Opened::Range(file, start) if found < len => {
                let now = file.metadata().map(|stat| stat.len().saturating_sub(*start));
                now.map_or(found, |now| now.min(found))
            }
            _ => found,
        };
        let why = match &self.opened {
            Opened::Custom(_) if found < len => {
                Unreadable::Reader(ReaderErrorKind::Short { len, read: found })
            }
            Opened::Custom(_) => Unreadable::Reader(ReaderErrorKind::Long { len }),
            _ => Unreadable::Changed(Change::Length { before: len, now: found }),
        };
        why.into()
    }

    /// Fills `buf` with the bytes from `offset` on. It is an error if there are fewer.
    pub(crate) fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match self.fill_hole(buf, offset)? {
            true => Ok(()),
            false => self.read_data_at(buf, offset),
        }
    }

    /// The same where it is known that not all of them are a hole.
    pub(crate) fn read_data_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match self.read_up_to(buf, offset)? {
            filled if filled == buf.len() => Ok(()),
            filled => Err(self.wrong_length(offset + to_u64(filled))),
        }
    }

    /// If `buf` is long enough to look for a hole, and the bytes are in one, fills
    /// `buf` with zeros and returns true.
    fn fill_hole(&self, buf: &mut [u8], offset: u64) -> io::Result<bool> {
        let bytes = offset..offset.saturating_add(to_u64(buf.len()));
        let is_hole = buf.len() >= HOLE_MIN && bytes.end <= self.len && self.is_hole(&bytes)?;
        if is_hole {
            buf.fill(0);
        }
        Ok(is_hole)
    }

    /// Fills all but the last byte of `buf` with the bytes from `offset` on. If the
    /// contents should end there, the last byte is room for one byte too many. So a
    /// single read shows that all bytes are there and that there are no more.
    pub(crate) fn read_range(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let expected = buf.len() - 1;
        let is_end = offset + to_u64(expected) == self.len;
        if !is_end && self.fill_hole(&mut buf[..expected], offset)? {
            return Ok(());
        }
        let wanted = if is_end && self.can_grow() { &mut *buf } else { &mut buf[..expected] };
        // A read of a regular file is short only at its end, so one call is
        // enough in the usual case.
        let mut filled = retry(|| self.read_at(wanted, offset))?;
        if filled < expected {
            filled += self.read_up_to(&mut wanted[filled..], offset + to_u64(filled))?;
        }
        match filled == expected {
            true => Ok(()),
            false => Err(self.wrong_length(offset + to_u64(filled))),
        }
    }

    /// Checks that the source still has the expected length.
    pub(crate) fn check_end(&self) -> io::Result<()> {
        let found = match &self.opened {
            Opened::Owned(file) => file.metadata()?.len(),
            // Bytes in memory cannot change.
            Opened::Bytes(_) => self.len,
            // The file may have more bytes after the range.
            Opened::Range(file, start) => {
                file.metadata()?.len().saturating_sub(*start).min(self.len)
            }
            Opened::Custom(reader) => match reader.len() {
                len if len == self.len => len + to_u64(self.read_up_to(&mut [0], len)?),
                len => len,
            },
        };
        if found == self.len { Ok(()) } else { Err(self.wrong_length(found)) }
    }
}

/// Repeats `work` as long as it is interrupted.
fn retry<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
