//! Where [`write_path`](crate::ImageWriter::write_path) writes: a temporary
//! file that becomes the output, or a block device.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{Mode, OFlags, SeekFrom, seek};
use rustix::io::Errno;

use crate::error::{Error, OutputErrorKind, Result};

/// An output that is being written.
pub(crate) struct Target {
    file: File,
    path: PathBuf,
    kind: TargetKind,
}

enum TargetKind {
    /// A file that gets the final name when it is complete.
    Temporary { path: PathBuf, committed: bool },
    /// A block device of so many bytes.
    Device { len: u64 },
}

impl Target {
    /// Opens the output `path` of an image at `offset`.
    ///
    /// No part of the image may lie in `sources`, the host directories that
    /// its contents come from.
    pub(crate) fn open(path: &Path, sources: &[PathBuf], offset: u64) -> Result<Self> {
        let write_error = |source| Error::Write { path: Some(path.to_path_buf()), source };
        let output_error = |kind| Error::Output { path: path.to_path_buf(), kind };
        // A symlink stands for what it points at, even if that is missing.
        let path = &resolve(path).map_err(write_error)?;
        match fs::metadata(path) {
            Ok(stat) if stat.file_type().is_block_device() => return Self::device(path),
            Ok(stat) if !stat.is_file() => return Err(output_error(OutputErrorKind::NotAFile)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(write_error(error));
            }
            _ => {}
        }
        if sources.iter().any(|source| path.starts_with(source)) {
            return Err(output_error(OutputErrorKind::InsideSource));
        }
        Self::temporary(path, offset)
    }

    fn device(path: &Path) -> Result<Self> {
        let open = || {
            // Exclusive, so that a mounted device is refused.
            let flags = OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
            let len = seek(&file, SeekFrom::End(0))?;
            Ok((file, len))
        };
        let (file, len) = open()
            .map_err(|source: io::Error| Error::Write { path: Some(path.to_path_buf()), source })?;
        Ok(Target { file, path: path.to_path_buf(), kind: TargetKind::Device { len } })
    }

    fn temporary(path: &Path, offset: u64) -> Result<Self> {
        let create = || {
            let (temporary, file) = create_beside(path)?;
            let target = Target {
                file,
                path: path.to_path_buf(),
                kind: TargetKind::Temporary { path: temporary, committed: false },
            };
            if offset > 0 {
                target.keep_start(offset)?;
            }
            Ok(target)
        };
        create()
            .map_err(|source: io::Error| Error::Write { path: Some(path.to_path_buf()), source })
    }

    /// Copies what the output has before `offset`.
    fn keep_start(&self, offset: u64) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(existing) => io::copy(&mut existing.take(offset), &mut &self.file).map(drop),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes there is room for, where that is known.
    pub(crate) fn capacity(&self) -> Option<u64> {
        match self.kind {
            TargetKind::Device { len } => Some(len),
            _ => None,
        }
    }

    /// Makes the image, which ends at `len`, the output.
    pub(crate) fn commit(mut self, len: u64) -> Result<()> {
        let result = match &mut self.kind {
            TargetKind::Device { .. } => self.file.sync_all(),
            TargetKind::Temporary { path, committed } => self
                .file
                .set_len(len)
                .and_then(|()| fs::rename(&*path, &self.path))
                .map(|()| *committed = true),
        };
        result.map_err(|source| Error::Write { path: Some(self.path.clone()), source })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let TargetKind::Temporary { path, committed: false } = &self.kind {
            // The build has failed already; there is no one to tell.
            drop(fs::remove_file(path));
        }
    }
}

/// `path` with its directory and a final symlink resolved. The file itself
/// need not exist.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // With a slash behind its name, a directory is meant that is not there.
            let is_last = |name: &&OsStr| path.as_os_str().as_bytes().ends_with(name.as_bytes());
            let name = path.file_name().filter(is_last).ok_or(error)?;
            let target = match fs::read_link(path) {
                // Joining replaces all of it if the target is absolute.
                Ok(target) => return resolve(&parent(path).join(target)),
                Err(_) => fs::canonicalize(parent(path))?,
            };
            Ok(target.join(name))
        }
        other => other,
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Creates a file beside `path` that no one else has.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    // Too long a name is refused now, not after all the work.
    if name.len() > 255 {
        return Err(Errno::NAMETOOLONG.into());
    }
    for attempt in 0..1000 {
        let temporary = parent(path).join(format!(".mkfs-erofs-{}-{attempt}.tmp", process::id()));
        // Readable so that the kernel can copy within it.
        let created =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(&temporary);
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((temporary, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
