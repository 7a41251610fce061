//! The owner, mode and xattrs that an output takes over from the file it replaces.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{XattrFlags, flistxattr, fremovexattr, fsetxattr, lgetxattr, llistxattr};
use rustix::io::{Errno, retry_on_intr};

/// The most bytes in a list of names or in a value (`XATTR_LIST_MAX` and
/// `XATTR_SIZE_MAX` of Linux).
const LEN_MAX: usize = 65_536;

/// An access control list.
const ACL: &[u8] = b"system.posix_acl_access";

/// Xattrs that are wrong for other bytes than those for which they were made.
const OF_THE_BYTES: [&[u8]; 3] = [b"security.capability", b"security.ima", b"security.evm"];

/// Gives `file` the attributes of `old`, as far as this process may.
///
/// Where the owner cannot be kept, as for users other than root, the file stays the
/// caller's, as with cp and rsync. Where the group cannot be kept, the group gets no
/// more rights than others have.
pub(super) fn keep(old: &Path, found: &Metadata, file: &File) -> io::Result<()> {
    let (owner, group) = keep_owner(found, file)?;
    let names = list(|buf| llistxattr(old, buf))?;
    // The new file may have inherited a list from its directory that the old file does not have.
    let inherited = list(|buf| flistxattr(file, buf))?;
    if inherited.iter().any(|name| name.to_bytes() == ACL) {
        allow_refusal(retry_on_intr(|| fremovexattr(file, c"system.posix_acl_access")))?;
    }
    let mut mode = found.mode() & 0o7777;
    if !(owner && group) {
        mode &= 0o1777;
    }
    if !group {
        mode = (mode & 0o1707) | (mode & (mode << 3) & 0o070);
    }
    set_mode(file, mode)?;
    for name in names {
        let bytes = name.to_bytes();
        // Where the group was not kept, a list would give its rights to another group.
        if !OF_THE_BYTES.contains(&bytes) && (group || bytes != ACL) {
            keep_xattr(old, &name, file)?;
        }
    }
    Ok(())
}

/// Whether the owner could be kept, and the group.
fn keep_owner(found: &Metadata, file: &File) -> io::Result<(bool, bool)> {
    let new = file.metadata()?;
    let (uid, gid) = (found.uid(), found.gid());
    if (new.uid(), new.gid()) == (uid, gid) || fchown(file, Some(uid), Some(gid)).is_ok() {
        return Ok((true, true));
    }
    let group = new.gid() == gid || fchown(file, None, Some(gid)).is_ok();
    Ok((new.uid() == uid, group))
}

/// Some file systems without modes refuse to change one. That is fine if the mode of
/// the file gives others no more rights.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match file.set_permissions(Permissions::from_mode(mode)) {
        Err(_) if file.metadata()?.mode() & 0o7077 & !mode == 0 => Ok(()),
        other => other,
    }
}

fn keep_xattr(old: &Path, name: &CStr, file: &File) -> io::Result<()> {
    let mut value = vec![0; LEN_MAX];
    match retry_on_intr(|| lgetxattr(old, name, &mut value[..])) {
        Ok(len) => {
            let set = || fsetxattr(file, name, &value[..len], XattrFlags::empty());
            allow_refusal(retry_on_intr(set))
        }
        // This process may not read it, or it is gone, perhaps with its file.
        Err(Errno::PERM | Errno::ACCESS | Errno::NODATA | Errno::NOENT) => Ok(()),
        Err(error) => allow_refusal(Err(error)),
    }
}

/// Ignores that this process or this file system may not do something.
fn allow_refusal(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL | Errno::NODATA) => {
            Ok(())
        }
        other => Ok(other?),
    }
}

/// The names in a list that `read` gives.
fn list(mut read: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<CString>> {
    let mut buf = vec![0; LEN_MAX];
    match retry_on_intr(|| read(&mut buf)) {
        Ok(len) => {
            let names = buf[..len].split_inclusive(|byte| *byte == 0);
            Ok(names
                .filter_map(|name| Some(CStr::from_bytes_with_nul(name).ok()?.into()))
                .collect())
        }
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::NOENT) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
