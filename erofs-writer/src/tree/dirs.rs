//! Directories of the host that a tree was read from. Files are opened relative to
//! their directory, never through a symlink, and the directory must be the one that was
//! scanned.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Change, Unreadable};
use crate::tree::file_id::FileId;
use crate::tree::path::Name;

/// Another file or directory has taken the place of the one that was found.
const REPLACED: Unreadable = Unreadable::Changed(Change::Replaced);

/// The longest path, in bytes, that is passed to one system call: 4,095 on Linux, 1,023
/// on macOS.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 4095 } else { 1023 };
/// The initial capacity for a path, in bytes. Most paths fit.
const SHORT: usize = 256;

/// A directory of the host, with the identity that it had when it was found.
///
/// It has its name in its parent and not its whole path, so that deep trees store each
/// name once.
#[derive(Debug)]
pub(crate) struct HostDir {
    id: FileId,
    /// None for a directory that the caller named. Symlinks in that name are followed.
    parent: Option<Arc<HostDir>>,
    name: Name,
    path_len: usize,
}

impl HostDir {
    /// Opens a directory that the caller named. If it will not be listed, search
    /// permission is enough.
    pub(crate) fn named(path: &Path, is_listed: bool) -> io::Result<(Arc<Self>, OwnedFd)> {
        let name = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let name: Name = name.as_os_str().as_bytes().into();
        let fd = open_named_dir(&name, is_listed)?;
        let id = FileId::of(&retry_on_intr(|| fstat(&fd))?);
        let path_len = name.len();
        Ok((Arc::new(HostDir { id, parent: None, name, path_len }), fd))
    }

    /// The directory `name` in this one, which was found to be `id`.
    pub(crate) fn child(self: &Arc<Self>, name: Name, id: FileId) -> Arc<Self> {
        let path_len = self.path_len + 1 + name.len();
        Arc::new(HostDir { id, parent: Some(Arc::clone(self)), name, path_len })
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// This directory and its parents. The directory that the caller named comes last.
    fn upwards(&self) -> impl Iterator<Item = &HostDir> {
        std::iter::successors(Some(self), |dir| dir.parent.as_deref())
    }

    /// The path of this directory. It begins with the name that the caller gave.
    pub(crate) fn path(&self) -> PathBuf {
        let mut dirs: Vec<&HostDir> = self.upwards().collect();
        dirs.reverse();
        dirs.into_iter().map(|dir| OsStr::from_bytes(&dir.name)).collect()
    }

    /// The path of this directory relative to the one that the caller named.
    pub(crate) fn relative_path(&self) -> Vec<u8> {
        let mut names: Vec<&[u8]> =
            self.upwards().filter(|dir| dir.parent.is_some()).map(|dir| &*dir.name).collect();
        names.reverse();
        names.join(&b'/')
    }

    fn check(&self, fd: &OwnedFd) -> io::Result<()> {
        match FileId::of(&retry_on_intr(|| fstat(fd))?) == self.id {
            true => Ok(()),
            false => Err(REPLACED.into()),
        }
    }
}

/// Drops the parents in a loop, since a chain of them may be longer than the stack.
impl Drop for HostDir {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            next = dir.parent.take();
        }
    }
}

/// Opens directories that were found before.
///
/// Most paths are opened by one call, and the result must be the directory that was
/// scanned. So it does not matter if a name on the way leads elsewhere. Paths that are
/// too long for one call are opened in steps. The first step starts from a parent that
/// is still open, if there is one.
#[derive(Debug, Default)]
pub(crate) struct DirOpener {
    deep: Mutex<Vec<OpenDir>>,
}

/// A directory that is open.
type OpenDir = (Arc<HostDir>, OwnedFd);

/// The number of directories with long paths that are kept open.
const DEEP_DIRS: usize = 4;

impl DirOpener {
    /// Opens `dir`. It is an error if another directory has its place.
    pub(crate) fn open(&self, dir: &Arc<HostDir>) -> io::Result<OwnedFd> {
        if dir.path_len > PATH_MAX {
            return self.open_deep(dir);
        }
        let mut dirs: Vec<&HostDir> = dir.upwards().collect();
        dirs.reverse();
        open_in_steps(None, &dirs)
    }

    fn open_deep(&self, dir: &Arc<HostDir>) -> io::Result<OwnedFd> {
        let start = |deep: &[OpenDir]| {
            let mut below = Vec::new();
            for at in dir.upwards() {
                if let Some((_, fd)) = deep.iter().find(|(known, _)| std::ptr::eq(&**known, at)) {
                    return Ok((Some(fd.try_clone()?), below));
                }
                below.push(at);
            }
            io::Result::Ok((None, below))
        };
        let (fd, mut below) = start(&self.deep.lock().unwrap_or_else(PoisonError::into_inner))?;
        below.reverse();
        let fd = open_in_steps(fd, &below)?;
        let kept = (Arc::clone(dir), fd.try_clone()?);
        let mut deep = self.deep.lock().unwrap_or_else(PoisonError::into_inner);
        if deep.len() == DEEP_DIRS {
            deep.remove(0);
        }
        deep.push(kept);
        Ok(fd)
    }
}

/// Opens the last of `dirs`. The first one is in `start`, and each other one in the one
/// before.
fn open_in_steps(start: Option<OwnedFd>, dirs: &[&HostDir]) -> io::Result<OwnedFd> {
    let mut fd = start;
    let mut path = Vec::with_capacity(SHORT);
    for (index, dir) in dirs.iter().enumerate() {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&dir.name);
        let fits = |next: &&HostDir| path.len() + 1 + next.name.len() <= PATH_MAX;
        if dirs.get(index + 1).is_some_and(fits) {
            continue;
        }
        let opened = match (&fd, &dir.parent) {
            (_, None) => open_named_dir(&path, false)?,
            (Some(fd), _) => open_dir(fd, &path)?,
            (None, _) => open_dir(CWD, &path)?,
        };
        dir.check(&opened)?;
        fd = Some(opened);
        path.clear();
    }
    fd.ok_or_else(|| Errno::NOENT.into())
}

const DIR_FLAGS: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Opens a directory below one that the caller named. Symlinks at its end are not
/// followed.
fn open_dir(from: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let flags = DIR_FLAGS | OFlags::RDONLY | OFlags::NOFOLLOW;
    match retry_on_intr(|| openat(&from, path, flags, Mode::empty())) {
        // It was a directory when it was found.
        Err(Errno::NOTDIR | Errno::LOOP) => Err(REPLACED.into()),
        other => Ok(other?),
    }
}

/// Opens a directory that the caller named.
fn open_named_dir(path: &[u8], is_listed: bool) -> io::Result<OwnedFd> {
    let open = |flags| retry_on_intr(|| openat(CWD, path, DIR_FLAGS | flags, Mode::empty()));
    Ok(match open(OFlags::RDONLY) {
        #[cfg(target_os = "linux")]
        Err(Errno::ACCESS) if !is_listed => open(OFlags::PATH)?,
        other => other?,
    })
}

/// The directories in which each thread has opened files last. Files that are
/// neighbours in the image are in a few directories, in turn.
///
/// They belong to a build and not to the threads, which may outlive it. An open
/// directory would keep the file system from being unmounted.
#[derive(Debug, Default)]
pub(crate) struct OpenDirs {
    last: Vec<Mutex<Vec<OpenDir>>>,
    opener: DirOpener,
}

/// The number of directories that each thread keeps open.
const LAST_DIRS: usize = 4;

impl OpenDirs {
    /// Directories for `threads` threads. Further threads keep none open.
    pub(crate) fn new(threads: usize) -> Self {
        let last = std::iter::repeat_with(Mutex::default).take(threads).collect();
        OpenDirs { last, opener: DirOpener::default() }
    }

    /// Opens the regular file `name` in `dir`. It is an error if its mark is not
    /// `mark`.
    pub(super) fn open(&self, dir: &Arc<HostDir>, name: &[u8], mark: u32) -> io::Result<File> {
        let slot = self.last.get(rayon::current_thread_index().unwrap_or_default());
        let file = match slot.map(Mutex::try_lock) {
            Some(Ok(mut last)) => {
                // The directory that was used last comes first.
                match last.iter().position(|(known, _)| Arc::ptr_eq(known, dir)) {
                    Some(at) => last[..=at].rotate_right(1),
                    None => {
                        // Closes a directory before it opens another one, as
                        // descriptors may be few.
                        last.truncate(LAST_DIRS - 1);
                        last.insert(0, (Arc::clone(dir), self.opener.open(dir)?));
                    }
                }
                open(&last[0].1, name, OFlags::NOFOLLOW)?
            }
            _ => open(self.opener.open(dir)?, name, OFlags::NOFOLLOW)?,
        };
        match FileId::of(&regular(&file)?.ok_or(REPLACED)?).mark() == mark {
            true => Ok(file),
            false => Err(REPLACED.into()),
        }
    }
}

/// Opens the regular file `path`. Symlinks are followed.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    let file = open(CWD, path.as_os_str().as_bytes(), OFlags::empty())?;
    match regular(&file)? {
        Some(_) => Ok(file),
        None => Err(not_regular()),
    }
}

/// The error for contents that do not come from a regular file.
pub(super) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// The metadata of `file`, if it is a regular file.
fn regular(file: &File) -> io::Result<Option<Stat>> {
    let stat = retry_on_intr(|| fstat(file))?;
    Ok(Some(stat).filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile))
}

/// Opens a file that should be regular. If it has become a fifo, opening must not wait
/// for a writer.
fn open(dir: impl AsFd, path: &[u8], flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(retry_on_intr(|| openat(&dir, path, flags, Mode::empty()))?.into())
}

pub(super) fn join(dir: &HostDir, name: &[u8]) -> PathBuf {
    dir.path().join(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests;
