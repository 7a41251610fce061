//! Reading the extended attributes of host files, ACLs among them.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags, fgetxattr, flistxattr, fstat, lgetxattr, llistxattr};
use rustix::fs::{openat, stat};
use rustix::io::{Errno, retry_on_intr};

use crate::tree::{FileId, HostDir, Xattrs};

/// There is no attribute of this name.
#[cfg(not(target_vendor = "apple"))]
const MISSING: Errno = Errno::NODATA;
#[cfg(target_vendor = "apple")]
const MISSING: Errno = Errno::NOATTR;

/// How the attributes of a file in an open directory are asked for: no function
/// of libc takes the directory and a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    /// Whether `/proc/self/fd` leads to open directories. Then any file can be
    /// asked, also a symlink, a device, or one that we may not open.
    has_proc: bool,
}

impl Ways {
    /// What works here, tried with the open directory `dir`.
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
        // These have hardly ever any.
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
pub(crate) fn of_open(file: BorrowedFd<'_>) -> io::Result<Xattrs> {
    read(Target::Open(file))
}

/// Whose attributes are read.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// What is there itself, not what a symlink points at.
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

/// The attributes of `target`. A file system without attributes has none.
fn read(target: Target<'_>) -> io::Result<Xattrs> {
    // Most files have no attribute, and few have more than this holds.
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
            // Removed since it was listed, or listed but kept from us.
            Err(MISSING) => None,
            Err(error) => Some(Err(error.into())),
        })
        .collect()
}

/// No system has longer values or lists of names.
const LEN_MAX: usize = 1 << 24;

/// Calls `get` with ever larger buffers, as what it reads may grow.
fn grow(mut get: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // Never an empty buffer: that would ask for a size, and rustix then says 0.
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
