//! Reading contents to compare them.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::format::{to_u64, to_usize};
use crate::tree::{Content, InodeId, Kind, LengthChanged, OpenContent, OpenDirs, Tree};

/// A collision-resistant hash, so that equal digests mean equal bytes.
pub(crate) type Digest = [u8; 32];

/// The path to name in an error about the contents of `id`: that on the host,
/// or if there is none, that in the image.
pub(crate) fn shown_path(tree: &Tree, id: InodeId) -> PathBuf {
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
    pub(crate) stop: &'a AtomicBool,
    pub(crate) dirs: &'a OpenDirs,
}

impl Reader<'_> {
    /// Opens the contents of `id` and hands them to `read`, whose failures get
    /// their path.
    pub(crate) fn with_open<T>(
        self,
        id: InodeId,
        content: &Content,
        read: impl FnOnce(&OpenContent<'_>) -> io::Result<Result<T, LengthChanged>>,
    ) -> Result<T> {
        self.go_on()?;
        let result = content.open(self.dirs).and_then(|open| read(&open));
        // What was read may be cut short now.
        self.go_on()?;
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(LengthChanged)) => Err(Error::Changed { path: shown_path(self.tree, id) }),
            Err(error) => Err(Error::read(shown_path(self.tree, id), error)),
        }
    }

    fn go_on(self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Reads these bytes of `id`, `step_len` at a time.
    pub(crate) fn steps(
        self,
        id: InodeId,
        content: &Content,
        bytes: Range<u64>,
        step_len: u64,
        mut see: impl FnMut(&[u8]),
    ) -> Result<()> {
        self.with_open(id, content, |open| {
            let Range { start: mut offset, end } = bytes;
            let mut buf = vec![0; to_usize(step_len.min(end - offset)) + 1];
            while offset < end && !self.stop.load(Ordering::Relaxed) {
                let step = to_usize(step_len.min(end - offset));
                // A copy of another file may not be read again to its end.
                if let Err(changed) = open.read_range(&mut buf[..=step], offset)? {
                    return Ok(Err(changed));
                }
                see(&buf[..step]);
                offset += to_u64(step);
            }
            Ok(Ok(()))
        })
    }
}
