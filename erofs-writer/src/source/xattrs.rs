//! Reading the extended attributes of host files, ACLs among them.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags, fgetxattr, flistxattr, fstat, lgetxattr, llistxattr};
use rustix::fs::{openat, stat};
use rustix::io::{Errno, retry_on_intr};

use crate::tree::{FileId, HostDir, Xattrs};

/// The error for a name of which a file has no attribute.
#[cfg(not(target_vendor = "apple"))]
const MISSING: Errno = Errno::NODATA;
#[cfg(target_vendor = "apple")]
const MISSING: Errno = Errno::NOATTR;

/// The way in which attributes of a file in an open directory are read, since no
/// function of libc takes a directory and a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways {
    /// Whether `/proc/self/fd` leads to open directories. If it does, attributes of any
    /// file can be read, also of a symlink, a device, or a file that cannot be opened.
    has_proc: bool,
}

impl Ways {
    /// Finds the way that works on this host, by a try with the open directory `dir`.
    pub(crate) fn find(dir: BorrowedFd<'_>) -> Self {
        let by_proc = stat(path_by_proc(dir, b".").as_slice()).map(|stat| FileId::of(&stat));
        let direct = fstat(dir).map(|stat| FileId::of(&stat));
        Ways { has_proc: by_proc.is_ok_and(|id| direct == Ok(id)) }
    }

    /// The attributes of `name` in `dir`, which is open as `fd`.
    pub(crate) fn read(
        self,
        dir: &HostDir,
        fd: BorrowedFd<'_>,
        name: &[u8],
        kind: FileType,
    ) -> io::Result<Xattrs> {
        if self.has_proc {
            return read(Target::Path(&path_by_proc(fd, name)));
        }
        if matches!(kind, FileType::RegularFile | FileType::Directory) {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
            return of_open(retry_on_intr(|| openat(fd, name, flags, Mode::empty()))?.as_fd());
        }
        // Other kinds hardly ever have attributes.
        let path = dir.path().join(OsStr::from_bytes(name));
        read(Target::Path(path.as_os_str().as_bytes()))
    }
}

fn path_by_proc(dir: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}

/// The attributes of an open file.
pub(super) fn of_open(file: BorrowedFd<'_>) -> io::Result<Xattrs> {
    read(Target::Open(file))
}

/// The file of which attributes are read.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// The file at this path. A symlink is not followed.
    Path(&'a [u8]),
    Open(BorrowedFd<'a>),
}

impl Target<'_> {
    fn list(self, buf: &mut [u8]) -> Result<usize, Errno> {
        retry_on_intr(|| match self {
            Target::Path(path) => llistxattr(path, &mut *buf),
            Target::Open(file) => flistxattr(file, &mut *buf),
        })
    }

    fn get(self, name: &[u8], buf: &mut [u8]) -> Result<usize, Errno> {
        retry_on_intr(|| match self {
            Target::Path(path) => lgetxattr(path, name, &mut *buf),
            Target::Open(file) => fgetxattr(file, name, &mut *buf),
        })
    }
}

/// The attributes of `target`. None if its file system does not support attributes.
fn read(target: Target<'_>) -> io::Result<Xattrs> {
    // Most files have no attributes, and few have a list of names longer than this.
    let mut buf = [0_u8; 512];
    let names = match target.list(&mut buf) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
        Ok(len) => buf[..len].to_vec(),
        Err(Errno::RANGE) => grow(|buf| target.list(buf))?,
        Err(error) => return Err(error.into()),
    };
    names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| match grow(|buf| target.get(name, buf)) {
            Ok(value) => Some(Ok((name.to_vec(), value))),
            // The attribute was removed since it was listed, or is hidden from this
            // user.
            Err(MISSING) => None,
            Err(error) => Some(Err(error.into())),
        })
        .collect()
}

/// The longest value or list of names, in bytes, for which a buffer grows. No system
/// has longer ones.
const LEN_MAX: usize = 1 << 24;

/// Calls `get` with larger and larger buffers, as a value may grow between calls.
fn grow(mut get: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // The buffer is never empty, since with an empty one the system returns the size,
    // which rustix turns into 0.
    let mut len = 512;
    loop {
        let mut buf = vec![0; len];
        match get(&mut buf) {
            Ok(used) => {
                buf.truncate(used);
                return Ok(buf);
            }
            Err(Errno::RANGE) if len < LEN_MAX => len *= 4,
            Err(error) => return Err(error),
        }
    }
}
