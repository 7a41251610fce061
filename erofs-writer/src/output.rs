//! Where [`write_path`](crate::ImageWriter::write_path) writes: a file without
//! a name that becomes the output, or the output itself where that is a block
//! device or nothing can be renamed over it.

mod attributes;
mod durable;
mod obstacle;
mod place;
mod signatures;
mod temporary;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, SeekFrom, seek};
use rustix::io::{Errno, retry_on_intr};

use crate::cancel::{Canceller, Stop};
use crate::error::{Error, OutputErrorKind, Result};
use crate::tree::Tree;

use durable::write_error;
use obstacle::Obstacle;
use place::{Place, parent};
use temporary::Draft;

/// An output that is being written.
pub(crate) struct Target {
    path: PathBuf,
    kind: Kind,
    /// Whether the image has to be on the disk when the build is done.
    syncs: bool,
}

enum Kind {
    /// A file that gets its name when it is complete. A file that is replaced, and is
    /// not empty, has to be kept until then.
    Draft { draft: Draft, keeps_old: bool },
    /// A file that is written in place.
    InPlace { file: File },
    /// A block device of so many bytes.
    Device { file: File, len: u64 },
}

/// Checks whether [`Target::open`] would succeed for `path`, and removes files that
/// dead builds left beside it.
pub(crate) fn check(path: &Path, canceller: &Canceller) -> Result<()> {
    let (place, found) = find(path)?;
    match found {
        // If it was opened for writing, udev would take it for changed.
        Some(found) if found.file_type().is_block_device() => {
            open_device(&place.path, OFlags::RDONLY).map(drop).map_err(write_error(path))
        }
        found => Target::open_file(&place, found, canceller).map(drop),
    }
}

/// The place that `path` leads to, and the file that is there.
fn find(path: &Path) -> Result<(Place, Option<Metadata>)> {
    let place = place::resolve(path).map_err(write_error(path))?;
    let output_error = |kind| Err(Error::Output { path: path.to_path_buf(), kind });
    let found = match fs::metadata(&place.path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !place.is_descriptor => {
            return Ok((place, None));
        }
        Err(error) => return Err(write_error(path)(error)),
    };
    let file_type = found.file_type();
    if !file_type.is_file() && !file_type.is_block_device() {
        return output_error(OutputErrorKind::NotAFile);
    }
    if place.appends() {
        return output_error(OutputErrorKind::Appends);
    }
    Ok((place, Some(found)))
}

impl Target {
    /// Opens the output `path` of an image at `offset`.
    ///
    /// It must not be part of the source of `tree`.
    pub(crate) fn open(
        path: &Path,
        tree: &Tree,
        offset: u64,
        syncs: bool,
        canceller: &Canceller,
    ) -> Result<Self> {
        let (place, found) = find(path)?;
        if found.as_ref().is_some_and(|found| found.file_type().is_block_device()) {
            let (file, len) = open_device(&place.path, OFlags::RDWR).map_err(write_error(path))?;
            return Ok(Target { path: place.path, kind: Kind::Device { file, len }, syncs: true });
        }
        let inside = || {
            let kind = OutputErrorKind::InsideSource;
            Err(Error::Output { path: path.to_path_buf(), kind })
        };
        if tree.has_host_path(&place.real_path()).map_err(write_error(path))? {
            return inside();
        }
        let mut target = Self::open_file(&place, found, canceller)?;
        // A file that is replaced keeps its bytes under its other names; one written in
        // place does not.
        if let Kind::InPlace { file } = &target.kind {
            let stat = file.metadata().map_err(write_error(path))?;
            if tree.reads_host_file(&stat) {
                return inside();
            }
        }
        target.syncs |= syncs;
        if let (Kind::Draft { draft, .. }, 1..) = (&target.kind, offset) {
            keep_start(&target.path, offset, &draft.file).map_err(write_error(path))?;
        }
        Ok(target)
    }

    /// Opens an output that is not a device.
    fn open_file(place: &Place, found: Option<Metadata>, canceller: &Canceller) -> Result<Self> {
        let path = &place.path;
        let obstacle = match &found {
            _ if place.is_descriptor => Some(Obstacle::Name),
            Some(found) => obstacle::of(path, found).map_err(write_error(path))?,
            None => None,
        };
        if obstacle.is_some() {
            return Self::in_place(path);
        }
        // A name that is too long is refused now, not after all the work.
        if path.file_name().is_some_and(|name| name.len() > 255) {
            return Err(write_error(path)(Errno::NAMETOOLONG.into()));
        }
        // Until the mode of the replaced file is set, nobody else may read the new one.
        let mode = if found.is_some() { 0o600 } else { 0o644 };
        let draft = match Draft::create(parent(path), mode, canceller)? {
            Ok(draft) => draft,
            Err(error) if found.is_some() && obstacle::is_of_folder(&error) => {
                return Self::in_place(path);
            }
            Err(error) => return Err(write_error(path)(error)),
        };
        if let Some(found) = &found {
            attributes::keep(path, found, &draft.file).map_err(write_error(path))?;
        }
        let keeps_old = found.is_some_and(|found| found.len() > 0);
        let kind = Kind::Draft { draft, keeps_old };
        Ok(Target { path: path.clone(), kind, syncs: keeps_old })
    }

    fn in_place(path: &Path) -> Result<Self> {
        let open = |read| OpenOptions::new().read(read).write(true).open(path);
        // Readable so that the kernel can copy within it, where that may be.
        let file = open(true).or_else(|_| open(false)).map_err(write_error(path))?;
        Ok(Target { path: path.to_path_buf(), kind: Kind::InPlace { file }, syncs: true })
    }

    /// Whether both get the same name.
    pub(crate) fn has_place_of(&self, other: &Target) -> bool {
        self.path == other.path
    }

    /// Whether it is no file yet that anybody needs.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.kind, Kind::Draft { keeps_old: false, .. })
    }

    pub(crate) fn file(&self) -> &File {
        match &self.kind {
            Kind::Draft { draft, .. } => &draft.file,
            Kind::InPlace { file } | Kind::Device { file, .. } => file,
        }
    }

    /// How many bytes there is room for, where that is known.
    pub(crate) fn capacity(&self) -> Option<u64> {
        match self.kind {
            Kind::Device { len, .. } => Some(len),
            _ => None,
        }
    }

    /// Whether nothing that is written can be seen before the image is complete.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.kind, Kind::Draft { .. })
    }

    /// Does what has to be done before the superblock makes the image valid. The image
    /// lies from `start` to `end`.
    pub(crate) fn settle(&self, start: u64, end: u64, stop: &dyn Stop) -> io::Result<()> {
        match &self.kind {
            Kind::Draft { draft, .. } => draft.file.set_len(end)?,
            Kind::InPlace { file } => file.set_len(end)?,
            Kind::Device { file, len } => signatures::clear(file, start..end, *len, stop)?,
        }
        match self.syncs {
            true => durable::sync(self.file(), end, stop),
            false => Ok(()),
        }
    }

    /// Makes the image the output.
    pub(crate) fn commit(self) -> Result<()> {
        let Target { path, kind, syncs } = self;
        let error = write_error(&path);
        let Kind::Draft { mut draft, keeps_old } = kind else {
            let (Kind::InPlace { file } | Kind::Device { file, .. }) = kind else {
                unreachable!("drafts are dealt with above")
            };
            return file.sync_all().and_then(|()| durable::flush(&file)).map_err(error);
        };
        if syncs {
            draft.file.sync_all().map_err(&error)?;
        }
        durable::flush(&draft.file).map_err(&error)?;
        let has_name = !keeps_old && draft.take_free(&path)?.map_err(&error)?;
        if !has_name {
            // Somebody else may have made a file of that name meanwhile.
            if !syncs && fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
                draft.file.sync_all().map_err(&error)?;
            }
            draft.replace(&path)?.map_err(&error)?;
        }
        match syncs {
            true => durable::sync_folder(parent(&path)).map_err(error),
            false => Ok(()),
        }
    }
}

/// Opens a block device, and tells how long it is.
fn open_device(path: &Path, access: OFlags) -> io::Result<(File, u64)> {
    // Exclusive, so that a mounted device is refused.
    let flags = access | OFlags::EXCL | OFlags::CLOEXEC;
    let file = File::from(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?);
    let len = seek(&file, SeekFrom::End(0))?;
    Ok((file, len))
}

/// Copies what the file `path` has before `offset`, if there is one.
fn keep_start(path: &Path, offset: u64, file: &File) -> io::Result<()> {
    match File::open(path) {
        Ok(existing) => io::copy(&mut existing.take(offset), &mut &*file).map(drop),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file that the caller has opened to the disk.
pub(crate) fn sync_given(file: &File, len: u64, stop: &dyn Stop) -> io::Result<()> {
    durable::sync(file, len, stop)
}

/// Whether an open file can be read.
pub(crate) fn is_readable(file: &File) -> bool {
    let flags = rustix::fs::fcntl_getfl(file);
    flags.is_ok_and(|flags| flags & OFlags::RWMODE != OFlags::WRONLY)
}

/// Refuses an open file to which no image can be written.
pub(crate) fn check_given(file: &File) -> io::Result<()> {
    let file_type = file.metadata()?.file_type();
    let flags = rustix::fs::fcntl_getfl(file)?;
    let kind = if !file_type.is_file() && !file_type.is_block_device() {
        OutputErrorKind::NotAFile
    } else if flags & OFlags::RWMODE == OFlags::RDONLY {
        OutputErrorKind::NotWritable
    } else if flags.contains(OFlags::APPEND) {
        OutputErrorKind::Appends
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, kind.to_string()))
}
