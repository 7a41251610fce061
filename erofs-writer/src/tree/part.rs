//! A file of the host of which many contents are parts.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use crate::error::{Change, Unreadable};
use crate::tree::dirs::{HostDir, OpenDirs};
use crate::tree::file_id::FileId;
use crate::tree::path::Name;

/// A file of the host that was read before, and is opened again for each content that is a
/// part of it. So thousands of such files need no descriptors.
#[derive(Debug)]
pub(crate) struct HostFile {
    dir: Arc<HostDir>,
    name: Name,
    mark: u32,
    state: State,
}

/// What changes with the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    len: u64,
    mtime: (i64, i64),
}

impl State {
    fn of(file: &File) -> io::Result<(FileId, Self)> {
        let stat = file.metadata()?;
        let state = State { len: stat.len(), mtime: (stat.mtime(), stat.mtime_nsec()) };
        Ok((FileId::of_metadata(&stat), state))
    }
}

impl HostFile {
    /// The file `name` in `dir`, which is open as `file`.
    #[cfg(feature = "nar")]
    pub(crate) fn new(dir: &Arc<HostDir>, name: Name, file: &File) -> io::Result<Self> {
        let (id, state) = State::of(file)?;
        Ok(HostFile { dir: Arc::clone(dir), name, mark: id.mark(), state })
    }

    /// Opens the file. It is an error if it is another one now, or has been written to.
    pub(super) fn open(&self, dirs: &OpenDirs) -> io::Result<File> {
        let file = dirs.open(&self.dir, &self.name, self.mark)?;
        match State::of(&file)?.1 == self.state {
            true => Ok(file),
            false => Err(Unreadable::Changed(Change::Replaced).into()),
        }
    }
}
