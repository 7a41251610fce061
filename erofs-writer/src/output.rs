//! Where [`write_path`](crate::ImageWriter::write_path) writes: a temporary
//! file that becomes the output, or a device or file that is written in place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{SeekFrom, seek};

use crate::error::{Error, OutputErrorKind, Result};
use crate::format::superblock::SUPER_OFFSET;
use crate::meta::place::Placement;
use crate::options::BlockSize;
use crate::sink::WriteAt;

/// An output that is being written.
pub(crate) struct Target {
    file: File,
    path: PathBuf,
    kind: TargetKind,
}

enum TargetKind {
    /// A file that gets the final name when it is complete.
    Temporary { path: PathBuf, committed: bool },
    /// An existing file, of which the part before the image stays.
    InPlace,
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
            Ok(stat) if stat.file_type().is_block_device() => return Self::device(path, offset),
            Ok(stat) if !stat.is_file() => return Err(output_error(OutputErrorKind::NotAFile)),
            Ok(stat) if offset > 0 && stat.len() < offset => {
                return Err(output_error(OutputErrorKind::OffsetBeyondEnd));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(write_error(error));
            }
            Err(_) if offset > 0 => return Err(output_error(OutputErrorKind::OffsetBeyondEnd)),
            _ => {}
        }
        if sources.iter().any(|source| path.starts_with(source)) {
            return Err(output_error(OutputErrorKind::InsideSource));
        }
        if offset > 0 { Self::in_place(path, offset) } else { Self::temporary(path) }
    }

    fn device(path: &Path, offset: u64) -> Result<Self> {
        let open = || {
            // Exclusive, so that a mounted device is refused.
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(rustix_flag(rustix::fs::OFlags::EXCL))
                .open(path)?;
            let len = seek(&file, SeekFrom::End(0))?;
            invalidate(&file, offset)?;
            Ok((file, len))
        };
        let (file, len) = open()
            .map_err(|source: io::Error| Error::Write { path: Some(path.to_path_buf()), source })?;
        Ok(Target { file, path: path.to_path_buf(), kind: TargetKind::Device { len } })
    }

    fn in_place(path: &Path, offset: u64) -> Result<Self> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            invalidate(&file, offset)?;
            Ok(file)
        };
        let file = open()
            .map_err(|source: io::Error| Error::Write { path: Some(path.to_path_buf()), source })?;
        Ok(Target { file, path: path.to_path_buf(), kind: TargetKind::InPlace })
    }

    fn temporary(path: &Path) -> Result<Self> {
        let (temporary, file) = create_beside(path)
            .map_err(|source| Error::Write { path: Some(path.to_path_buf()), source })?;
        Ok(Target {
            file,
            path: path.to_path_buf(),
            kind: TargetKind::Temporary { path: temporary, committed: false },
        })
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
            TargetKind::InPlace => self.file.set_len(len),
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
            let name = path.file_name().ok_or(error)?;
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
    let name_is_too_long = name.len() > 255;
    if name_is_too_long {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    for attempt in 0..1000 {
        let temporary =
            parent(path).join(format!(".mkfs-erofs-{}-{attempt}.tmp", process::id()));
        // Readable so that the kernel can copy within it.
        let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).clone();
        match options.open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((temporary, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes sure that what was an image before is none while it is rewritten.
fn invalidate(file: &File, offset: u64) -> io::Result<()> {
    file.write_all_at(&[0; 128], offset + SUPER_OFFSET)?;
    file.sync_data()
}

fn rustix_flag(flags: rustix::fs::OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// Whether the image fits where it is to be written.
pub(crate) fn check_capacity(
    capacity: Option<u64>,
    offset: u64,
    placement: &Placement<'_>,
    block_size: BlockSize,
) -> Result<()> {
    let needed = offset + placement.blocks * block_size.len();
    match capacity {
        Some(available) if available < needed => Err(Error::Output {
            path: PathBuf::new(),
            kind: OutputErrorKind::TooSmall { needed, available },
        }),
        _ => Ok(()),
    }
}
