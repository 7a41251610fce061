//! Copies by the host's kernel, where it can make them.

use std::fs::File;

use rustix::io::Errno;

/// File systems on which a copy of whole blocks by the kernel shares them:
/// btrfs, XFS and bcachefs.
#[cfg(target_os = "linux")]
const SHARING_FILE_SYSTEMS: [i64; 3] = [0x9123_683E, 0x5846_5342, 0xCA45_1A4E];

/// Whether a copy by the kernel shares whole blocks of `file`'s file system.
#[cfg(target_os = "linux")]
pub(super) fn copies_share(file: &File) -> bool {
    let stat = rustix::fs::fstatfs(file);
    stat.is_ok_and(|stat| SHARING_FILE_SYSTEMS.contains(&stat.f_type))
}

/// Copies up to `len` bytes and returns how many.
#[cfg(target_os = "linux")]
pub(super) fn copy(
    source: &File,
    mut from: u64,
    output: &File,
    mut to: u64,
    len: usize,
) -> Result<usize, Errno> {
    rustix::fs::copy_file_range(source, Some(&mut from), output, Some(&mut to), len)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copies_share(_: &File) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy(_: &File, _: u64, _: &File, _: u64, _: usize) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}
