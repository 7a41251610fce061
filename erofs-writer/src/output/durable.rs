//! Getting bytes onto the disk, and hearing of it when they do not get there.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::path::Path;

use rustix::io::Errno;

use crate::cancel::Stop;
use crate::error::Error;

/// How much is begun to be written at once.
const STEP: NonZeroU64 = NonZeroU64::new(32 << 20).expect("not 0");

/// Writes the first `len` bytes of `file` to the disk. Ends early, without an
/// error, if it is told to stop.
///
/// A sync cannot be interrupted, and may take minutes. So the kernel is first
/// made to begin with the bytes, in steps: each waits until the disk has taken
/// most of it. That is what this advice does, which otherwise tells that what
/// is on the disk already need not be kept in memory.
pub(super) fn sync(file: &File, len: u64, stop: &dyn Stop) -> io::Result<()> {
    let mut pos = 0;
    while pos < len {
        if stop.is_set() {
            return Ok(());
        }
        begin(file, pos);
        pos += STEP.get();
    }
    file.sync_data()
}

/// Lets the kernel begin to write a step from `pos` on. Where it does not know
/// that, the sync does it all.
#[cfg(target_os = "linux")]
fn begin(file: &File, pos: u64) {
    let _ = rustix::fs::fadvise(file, pos, Some(STEP), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin(_: &File, _: u64) {}

/// Hears of errors that the file system tells of when a file is closed, as NFS
/// does: another descriptor of the file is closed for it.
pub(super) fn flush(file: &File) -> io::Result<()> {
    let other = file.try_clone()?;
    match nix::unistd::close(other) {
        // It is closed all the same.
        Err(nix::errno::Errno::EINTR) => Ok(()),
        other => other.map_err(io::Error::from),
    }
}

/// Writes to the disk which names are in `folder`. Who may not open it cannot.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        other => other?,
    };
    match folder.sync_all() {
        // Not all file systems know it of directories.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        other => other,
    }
}

/// The error of an output that cannot be written.
pub(super) fn write_error(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Write { path: Some(path.to_path_buf()), source }
}
