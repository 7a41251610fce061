//! The one reader of the contents of a tree. Its errors name the path, and it stops
//! when it is told to.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::cancel::Stop;
use crate::error::{Change, Error, Result, Unreadable};
use crate::format::{to_u64, to_usize};
use crate::tree::arena::{Kind, Tree};
use crate::tree::content::Content;
use crate::tree::dirs::OpenDirs;
use crate::tree::id::InodeId;
use crate::tree::open::OpenContent;

/// The path that an error about the contents of `id` names: the host path, or the image
/// path of contents that have none.
fn shown_path(tree: &Tree, id: InodeId) -> PathBuf {
    let host_path = match &tree.inode(id).kind {
        Kind::File(content) => content.host_path(),
        _ => None,
    };
    host_path.unwrap_or_else(|| OsString::from_vec(tree.path_of(id)).into())
}

/// Reads contents until it is told to stop.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) stop: &'a dyn Stop,
    pub(crate) dirs: &'a OpenDirs,
}

impl Reader<'_> {
    /// Opens the contents of `id` and calls `read` with them. Errors of `read` get
    /// their path.
    pub(crate) fn with_open<T>(
        self,
        id: InodeId,
        content: &Content,
        read: impl FnOnce(&OpenContent<'_>) -> io::Result<T>,
    ) -> Result<T> {
        self.go_on()?;
        let result = content.open(self.dirs).and_then(|open| read(&open));
        // After a stop the bytes may be incomplete, so the result is not used.
        self.go_on()?;
        self.named(id, result)
    }

    /// Opens the contents of `id`.
    pub(crate) fn open<'c>(self, id: InodeId, content: &'c Content) -> Result<OpenContent<'c>> {
        self.named(id, content.open(self.dirs))
    }

    /// Adds the path to the error of a failed read of `id`.
    pub(crate) fn named<T>(self, id: InodeId, result: io::Result<T>) -> Result<T> {
        result.map_err(|error| Error::read(shown_path(self.tree, id), error))
    }

    /// The error that the bytes of `id` from `offset` on are not those that were known.
    pub(crate) fn changed<T>(self, id: InodeId, offset: u64) -> Result<T> {
        self.named(id, Err(Unreadable::Changed(Change::Bytes { offset }).into()))
    }

    fn go_on(self) -> Result<()> {
        if self.stop.is_set() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Reads the range `bytes` of `id` in steps of `step_len` bytes, and calls `see`
    /// with the offset and the bytes of each. If `skips`, steps that lie in holes are
    /// left out.
    pub(crate) fn steps(
        self,
        id: InodeId,
        content: &Content,
        bytes: Range<u64>,
        step_len: u64,
        skips: bool,
        mut see: impl FnMut(u64, &[u8]),
    ) -> Result<()> {
        self.with_open(id, content, |open| {
            let Range { start: mut offset, end } = bytes;
            let mut holes = Holes::of(open, content.len());
            let mut buf = vec![0; to_usize(step_len.min(end - offset)) + 1];
            while offset < end && !self.stop.is_set() {
                if skips {
                    let data = holes.data_from(offset)?.min(end);
                    offset += (data - offset) / step_len * step_len;
                    if data == end {
                        return if end < content.len() { Ok(()) } else { open.check_end() };
                    }
                }
                let step = to_usize(step_len.min(end - offset));
                // At the end of the file this read also checks its length. A file that
                // is stored as a copy of another one is not read again.
                open.read_range(&mut buf[..=step], offset)?;
                self.stop.has_read(to_u64(step));
                see(offset, &buf[..step]);
                offset += to_u64(step);
            }
            Ok(())
        })
    }
}

/// Files shorter than this are not searched for holes.
const HOLES_MIN: u64 = 1024 * 1024;

/// Finds the holes of contents that are read from start to end.
pub(crate) struct Holes<'a> {
    pub(crate) open: &'a OpenContent<'a>,
    /// From this offset on, the next data is known to be `data`.
    from: u64,
    data: Range<u64>,
}

impl<'a> Holes<'a> {
    /// The holes of `open`, which has `len` bytes.
    pub(crate) fn of(open: &'a OpenContent<'a>, len: u64) -> Self {
        let data = if len < HOLES_MIN { 0..len } else { 0..0 };
        Holes { open, from: 0, data }
    }

    /// The offset of the next data at or after `offset`, or the end of the contents if
    /// there is no more.
    pub(crate) fn data_from(&mut self, offset: u64) -> io::Result<u64> {
        if offset < self.from || offset >= self.data.end {
            self.data = self.open.next_data(offset)?;
            self.from = offset;
        }
        Ok(self.data.start.max(offset))
    }

    /// The end of the data that was found last.
    pub(crate) fn data_end(&self) -> u64 {
        self.data.end
    }
}
