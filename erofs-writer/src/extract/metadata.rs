//! Giving files of the host the metadata of inodes.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid, XattrFlags,
    chmod, chmodat, chownat, fchmod, fchown, fremovexattr, fsetxattr, fstat, futimens, lsetxattr,
    openat, statat, utimensat,
};
use rustix::io::{Errno, retry_on_intr};

use super::left_out::LeftOutKind;
use crate::tree::Metadata;

/// What is kept of metadata.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) owners: bool,
    /// Whether owners that are not kept are told.
    pub(super) tells_owners: bool,
    pub(super) xattrs: bool,
    /// Whether new files inherit ACLs, which have to go.
    pub(super) inherits_acls: bool,
}

/// A file of the host.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    Open(BorrowedFd<'a>),
    /// In an open directory. It is not followed.
    Named(BorrowedFd<'a>, &'a [u8]),
}

/// The ACLs of POSIX.
const ACLS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

/// A time has fewer nanoseconds. The system gives more another meaning.
pub(super) const NSEC_END: u32 = 1_000_000_000;

impl Keeping {
    /// Gives `target` these metadata, and returns what of them was left out.
    pub(super) fn apply(
        &self,
        metadata: &Metadata,
        target: Target<'_>,
    ) -> io::Result<Vec<LeftOutKind>> {
        let mut left_out = Vec::new();
        let stat = target.stat()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_symlink = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let chowned = self.set_owner(metadata, &stat, target, &mut left_out)?;
        if self.inherits_acls && !is_symlink {
            target.remove_acls()?;
        }
        let has_xattrs = self.xattrs && !metadata.xattrs.is_empty();
        if has_xattrs {
            for (name, value) in metadata.xattrs.iter() {
                match target.set_xattr(name, value) {
                    Ok(()) => {}
                    Err(error) if is_beyond(error) => left_out.push(LeftOutKind::Xattr),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let mode = RawMode::from(metadata.mode & 0o7777);
        let lost = if is_file { self.lost_ids(mode, metadata, &stat) } else { 0 };
        if lost != 0 {
            left_out.push(LeftOutKind::SetId);
        }
        let wanted = mode & !lost;
        let changed = chowned || has_xattrs || self.inherits_acls;
        if !is_symlink && (changed || stat.st_mode & 0o7777 != wanted) {
            target.set_mode(Mode::from_raw_mode(wanted))?;
        }
        target.set_times(metadata)?;
        Ok(left_out)
    }

    /// Returns whether the owner was changed.
    fn set_owner(
        &self,
        metadata: &Metadata,
        stat: &Stat,
        target: Target<'_>,
        left_out: &mut Vec<LeftOutKind>,
    ) -> io::Result<bool> {
        let Metadata { uid, gid, .. } = *metadata;
        if (stat.st_uid, stat.st_gid) == (uid, gid) {
            return Ok(false);
        }
        // The greatest number means that nothing changes.
        let is_number = uid != u32::MAX && gid != u32::MAX;
        if !is_number || (!self.owners && self.tells_owners) {
            left_out.push(LeftOutKind::Owner);
        }
        if self.owners {
            let uid = Some(uid).filter(|id| *id != u32::MAX).map(Uid::from_raw);
            let gid = Some(gid).filter(|id| *id != u32::MAX).map(Gid::from_raw);
            target.set_owner(uid, gid)?;
        }
        Ok(self.owners)
    }

    /// The bits by which a file would run as another user or group than in the image,
    /// where `stat` is that of the new file.
    fn lost_ids(&self, mode: RawMode, metadata: &Metadata, stat: &Stat) -> RawMode {
        let kept = |wanted: u32, found: u32| wanted == found || (self.owners && wanted != u32::MAX);
        let of_user = if kept(metadata.uid, stat.st_uid) { 0 } else { 0o4000 };
        let of_group = if kept(metadata.gid, stat.st_gid) { 0 } else { 0o2000 };
        mode & (of_user | of_group)
    }
}

/// Whether an attribute cannot be set because of who asks, or because of the file system
/// or the kind of file.
fn is_beyond(error: Errno) -> bool {
    matches!(error, Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::INVAL)
}

impl Target<'_> {
    fn stat(self) -> Result<Stat, Errno> {
        retry_on_intr(|| match self {
            Target::Open(file) => fstat(file),
            Target::Named(dir, name) => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW),
        })
    }

    fn set_owner(self, uid: Option<Uid>, gid: Option<Gid>) -> Result<(), Errno> {
        retry_on_intr(|| match self {
            Target::Open(file) => fchown(file, uid, gid),
            Target::Named(dir, name) => chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
        })
    }

    fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        let none = XattrFlags::empty();
        retry_on_intr(|| match self {
            Target::Open(file) => fsetxattr(file, name, value, none),
            // No function takes a directory and a name.
            Target::Named(dir, file) => match lsetxattr(by_proc(dir, file), name, value, none) {
                Err(Errno::NOENT | Errno::NOTDIR) => Err(Errno::NOTSUP),
                other => other,
            },
        })
    }

    /// Only regular files and directories are opened, and what is not open has no
    /// attributes of its own that it could inherit but these; its mode is set anyway.
    fn remove_acls(self) -> Result<(), Errno> {
        let Target::Open(file) = self else { return Ok(()) };
        for name in ACLS {
            match retry_on_intr(|| fremovexattr(file, name)) {
                Ok(()) | Err(MISSING | Errno::NOTSUP | Errno::ACCESS) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn set_mode(self, mode: Mode) -> Result<(), Errno> {
        match self {
            Target::Open(file) => retry_on_intr(|| fchmod(file, mode)),
            Target::Named(dir, name) => set_mode_of(dir, name, mode),
        }
    }

    fn set_times(self, metadata: &Metadata) -> Result<(), Errno> {
        let mtime = metadata.mtime;
        let time = Timespec { tv_sec: mtime.sec, tv_nsec: mtime.nsec.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        retry_on_intr(|| match self {
            Target::Open(file) => futimens(file, &times),
            Target::Named(dir, name) => utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW),
        })
    }
}

/// The error for a name of which a file has no attribute.
#[cfg(not(target_vendor = "apple"))]
const MISSING: Errno = Errno::NODATA;
#[cfg(target_vendor = "apple")]
const MISSING: Errno = Errno::NOATTR;

/// A path that leads to a name in an open directory.
fn by_proc(dir: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}

/// Sets the mode of something that is no symlink and cannot be opened, such as a device.
#[cfg(target_os = "linux")]
fn set_mode_of(dir: BorrowedFd<'_>, name: &[u8], mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = retry_on_intr(|| openat(dir, name, flags, Mode::empty()))?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    match retry_on_intr(|| chmod(path.as_str(), mode)) {
        Err(Errno::NOENT | Errno::NOTDIR) => {
            retry_on_intr(|| chmodat(dir, name, mode, AtFlags::empty()))
        }
        other => other,
    }
}

#[cfg(not(target_os = "linux"))]
fn set_mode_of(dir: BorrowedFd<'_>, name: &[u8], mode: Mode) -> Result<(), Errno> {
    retry_on_intr(|| chmodat(dir, name, mode, AtFlags::empty()))
}
