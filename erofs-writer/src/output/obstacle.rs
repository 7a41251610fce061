//! Reasons why a file cannot be replaced by another one of its name.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use super::place::parent;

/// The bit of a directory in which names belong to the owners of their files.
const STICKY: u32 = 0o1000;

/// Why nothing can be renamed over a file, which then is written in place.
pub(super) enum Obstacle {
    /// It is reached without its name, as through `/dev/stdout`.
    Name,
    /// Something is mounted at its name.
    Mount,
    /// Its directory does not let this process take the name away.
    Folder,
}

/// The reason why the file `path` cannot be replaced, as far as it can be known before.
/// An error if it cannot be written in place either.
pub(super) fn of(path: &Path, found: &Metadata) -> io::Result<Option<Obstacle>> {
    let folder = fs::metadata(parent(path))?;
    let file_flags = flags(path);
    if file_flags.is_fixed {
        return Err(Errno::PERM.into());
    }
    if file_flags.is_mount.unwrap_or(found.dev() != folder.dev()) {
        return Ok(Some(Obstacle::Mount));
    }
    let me = rustix::process::geteuid().as_raw();
    let is_anothers = ![found.uid(), folder.uid()].contains(&me) && !owns_everything();
    if flags(parent(path)).is_fixed || (folder.mode() & STICKY != 0 && is_anothers) {
        return Ok(Some(Obstacle::Folder));
    }
    Ok(None)
}

/// Whether an error of creating a file says that its directory takes none.
pub(super) fn is_of_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Attributes of a file besides its mode (`statx`).
#[derive(Default)]
struct Flags {
    /// Whether it may not be changed, or only made longer.
    is_fixed: bool,
    /// Whether something is mounted here, if the kernel can tell.
    is_mount: Option<bool>,
}

#[cfg(target_os = "linux")]
fn flags(path: &Path) -> Flags {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let Ok(found) = statx(CWD, path, AtFlags::empty(), StatxFlags::empty()) else {
        return Flags::default();
    };
    let attributes = found.stx_attributes;
    let knows_mounts = found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    Flags {
        is_fixed: attributes.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND),
        is_mount: knows_mounts.then(|| attributes.contains(StatxAttributes::MOUNT_ROOT)),
    }
}

#[cfg(not(target_os = "linux"))]
fn flags(_: &Path) -> Flags {
    Flags::default()
}

/// Whether this process may act as the owner of every file.
#[cfg(target_os = "linux")]
fn owns_everything() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::FOWNER))
}

#[cfg(not(target_os = "linux"))]
fn owns_everything() -> bool {
    rustix::process::geteuid().is_root()
}
