//! Directories of the host that a tree was read from. What is in one is found
//! relative to it and never through a symlink, and the directory must be the
//! one that was scanned.

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

/// What is at a path is not what was found there before.
const REPLACED: Unreadable = Unreadable::Changed(Change::Replaced);

/// The longest path that is given to the system at once; Linux takes 4,095
/// bytes, macOS 1,023.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 4095 } else { 1023 };
/// Room for a path of usual length.
const SHORT: usize = 256;

/// A directory of the host as it was found.
///
/// It knows its name in its parent and not its path, so that deep trees take
/// memory for each name once.
#[derive(Debug)]
pub(crate) struct HostDir {
    id: FileId,
    /// None for one that the caller named, by a path in which symlinks count.
    parent: Option<Arc<HostDir>>,
    name: Name,
    path_len: usize,
}

impl HostDir {
    /// Opens a directory that the caller named. If nobody lists it, it is enough
    /// that it may be entered.
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

    /// This directory and those above it, the one that was named last.
    fn upwards(&self) -> impl Iterator<Item = &HostDir> {
        std::iter::successors(Some(self), |dir| dir.parent.as_deref())
    }

    /// Its path, as far as the caller named it so.
    pub(crate) fn path(&self) -> PathBuf {
        let mut dirs: Vec<&HostDir> = self.upwards().collect();
        dirs.reverse();
        dirs.into_iter().map(|dir| OsStr::from_bytes(&dir.name)).collect()
    }

    /// Its path relative to the one that was named.
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

/// One after the other: a chain of parents may be longer than the stack.
impl Drop for HostDir {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            next = dir.parent.take();
        }
    }
}

/// Opens directories again that were found before.
///
/// A path of several names is opened at once, and what is found there must be
/// the directory that was scanned: then it does not matter what the names on
/// the way lead through. Paths too long for that are opened in steps, from
/// a directory that is still open from the last time if there is one.
#[derive(Debug, Default)]
pub(crate) struct DirOpener {
    deep: Mutex<Vec<OpenDir>>,
}

/// A directory that is open.
type OpenDir = (Arc<HostDir>, OwnedFd);

/// How many directories of long paths are kept open.
const DEEP_DIRS: usize = 4;

impl DirOpener {
    /// Opens `dir`, which must still be what it was.
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

/// Opens the last of `dirs`, each of which is in the one before it, and the
/// first of them in `start`.
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

/// Opens a directory below one that was named.
fn open_dir(from: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let flags = DIR_FLAGS | OFlags::RDONLY | OFlags::NOFOLLOW;
    match retry_on_intr(|| openat(&from, path, flags, Mode::empty())) {
        // It was a directory.
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

/// For each of some threads the directories in which it opened files last. Files
/// that lie side by side in the image are of few directories, by turns.
///
/// They belong to one build, and not to threads: these may outlive it, and
/// would keep somebody from unmounting what was read.
#[derive(Debug, Default)]
pub(crate) struct OpenDirs {
    last: Vec<Mutex<Vec<OpenDir>>>,
    opener: DirOpener,
}

/// How many directories each thread keeps open.
const LAST_DIRS: usize = 4;

impl OpenDirs {
    /// For so many threads. The others do without.
    pub(crate) fn new(threads: usize) -> Self {
        let last = std::iter::repeat_with(Mutex::default).take(threads).collect();
        OpenDirs { last, opener: DirOpener::default() }
    }

    /// Opens the regular file `name` in `dir`, which must still be the one that
    /// has this mark.
    pub(super) fn open(&self, dir: &Arc<HostDir>, name: &[u8], mark: u32) -> io::Result<File> {
        let slot = self.last.get(rayon::current_thread_index().unwrap_or_default());
        let file = match slot.map(Mutex::try_lock) {
            Some(Ok(mut last)) => {
                // The one that was used last comes first.
                match last.iter().position(|(known, _)| Arc::ptr_eq(known, dir)) {
                    Some(at) => last[..=at].rotate_right(1),
                    None => {
                        // Closed first: there may be few descriptors.
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

/// Opens the regular file `path`, as the caller named it.
pub(super) fn open_named(path: &Path) -> io::Result<File> {
    let file = open(CWD, path.as_os_str().as_bytes(), OFlags::empty())?;
    match regular(&file)? {
        Some(_) => Ok(file),
        None => Err(not_regular()),
    }
}

/// The error if contents are to come from something else.
pub(super) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// What the system tells of `file`, if it is a regular one.
fn regular(file: &File) -> io::Result<Option<Stat>> {
    let stat = retry_on_intr(|| fstat(file))?;
    Ok(Some(stat).filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile))
}

/// Opens a file that is meant to be regular. Should it have become a fifo
/// since, opening must not wait for a writer.
fn open(dir: impl AsFd, path: &[u8], flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(retry_on_intr(|| openat(&dir, path, flags, Mode::empty()))?.into())
}

pub(super) fn join(dir: &HostDir, name: &[u8]) -> PathBuf {
    dir.path().join(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests;
