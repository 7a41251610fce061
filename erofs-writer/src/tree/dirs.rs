//! Directories kept open, so that the files of one are found by their names and
//! not by the whole path of each.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, Mode, OFlags};

/// For each of some threads the directory in which it opened a file last.
///
/// They belong to one build, and not to threads: these may outlive it, and
/// would keep somebody from unmounting what was read.
#[derive(Debug, Default)]
pub(crate) struct OpenDirs(Vec<Mutex<Option<LastDir>>>);

#[derive(Debug)]
struct LastDir {
    path: Arc<PathBuf>,
    /// Nothing for the first file: most often the next one lies elsewhere.
    fd: Option<OwnedFd>,
}

impl OpenDirs {
    /// For so many threads. The others do without.
    pub(crate) fn new(threads: usize) -> Self {
        OpenDirs(std::iter::repeat_with(Mutex::default).take(threads).collect())
    }

    /// Opens the file `name` in the directory `dir`, but no symlink.
    pub(super) fn open(&self, dir: &Arc<PathBuf>, name: &[u8]) -> io::Result<File> {
        let by_path = || open(CWD, &join(dir, name), OFlags::NOFOLLOW);
        let slot = rayon::current_thread_index().and_then(|thread| self.0.get(thread));
        let Some(Ok(mut last)) = slot.map(Mutex::try_lock) else { return by_path() };
        match &mut *last {
            Some(LastDir { path, fd }) if Arc::ptr_eq(path, dir) => {
                if fd.is_none() {
                    *fd = open_dir(dir);
                }
                match fd {
                    Some(fd) => open(fd, Path::new(OsStr::from_bytes(name)), OFlags::NOFOLLOW),
                    None => by_path(),
                }
            }
            last => {
                *last = Some(LastDir { path: Arc::clone(dir), fd: None });
                by_path()
            }
        }
    }
}

/// A directory, if it may be read, which those who look for a path in it need
/// not be allowed to.
fn open_dir(path: &Path) -> Option<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

pub(super) fn join(dir: &Path, name: &[u8]) -> PathBuf {
    dir.join(OsStr::from_bytes(name))
}

/// Opens a file that is meant to be regular. Should it have become a fifo
/// since, opening must not wait for a writer.
pub(super) fn open(dir: impl AsFd, path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::openat(dir, path, flags, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    #[test]
    fn files_are_found_in_the_directory_that_is_open() {
        let root = tempfile::tempdir().expect("there is room");
        let [a, b] = ["a", "b"].map(|name| Arc::new(root.path().join(name)));
        for dir in [&a, &b] {
            fs::create_dir(&**dir).expect("nothing is there");
            fs::write(dir.join("file"), dir.as_os_str().as_bytes()).expect("there is room");
            std::os::unix::fs::symlink("file", dir.join("link")).expect("nothing is there");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        let dirs = &OpenDirs::new(1);
        let read = |dir: &Arc<PathBuf>, name: &[u8]| {
            pool.install(|| {
                let mut text = String::new();
                dirs.open(dir, name)?.read_to_string(&mut text).map(|_| text)
            })
        };
        for dir in [&a, &a, &a, &b, &a, &b, &b] {
            let text = read(dir, b"file").expect("it is there");
            assert_eq!(Path::new(&text), dir.as_path());
            let error = read(dir, b"none").expect_err("it is not there");
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(read(dir, b"link").is_err(), "a symlink was followed");
        }
        // It has another name now, but is the one that was open.
        fs::rename(&*b, root.path().join("c")).expect("nothing is there");
        read(&b, b"file").expect("it is open");
        assert!(
            dirs.0[0].lock().is_ok_and(|last| last.as_ref().is_some_and(|last| last.fd.is_some()))
        );
        // Out of a pool, and for a thread without a place: by its path.
        assert!(dirs.open(&b, b"file").is_err());
        dirs.open(&a, b"file").expect("it is there");
        OpenDirs::default().open(&a, b"file").expect("it is there");
    }
}
