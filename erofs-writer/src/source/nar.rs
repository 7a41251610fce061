//! A tree from a NAR, the archive format of Nix, or from an export, which has several.

pub(super) mod entries;
mod export;
pub(super) mod input;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, NarErrorKind, Result};
use crate::observer::Conduct;
use crate::pool::Threads;
use crate::source::candidate::{Candidate, Keep};
#[cfg(feature = "decoders")]
use crate::source::decode::{Compression, Decoder};
use crate::source::setters;
use crate::source::spool::{Spool, unspooled};
use crate::tree::{FileId, Tree};
use input::{Bytes, Input, Place, Watch};

/// Reads a NAR into a [`Tree`], or an export.
///
/// A NAR, as `nix-store --dump` writes it, is one file, symlink or directory. It has to be a
/// directory, which becomes the root with the mode 0555. An export, as `nix-store --export`
/// writes it, has store paths, each of which becomes `/<basename>` in a root of mode 0755,
/// as with [`StorePaths`](crate::source::StorePaths). The first bytes tell which it is.
///
/// Modes are those of a store: 0555 for directories and executable files, 0444 for other
/// files. Owners and times are 0. The rules of Nix about the form hold: names are in order,
/// and padding is zeros. Nothing may follow. Signatures of exports are not checked.
///
/// **Bounds.** A name or the target of a symlink has at most 64 KiB, and an entry lies below
/// at most 2,048 directories. The memory is proportional to the length of the archive without
/// contents.
pub struct Nar<'a> {
    input: Archive<'a>,
    name: PathBuf,
    strips_case_hack: bool,
    empties_spool: bool,
    keep: Option<Box<Keep<'a>>>,
    /// The identity of the archive, if it is a file of the host.
    host_file: Option<FileId>,
    conduct: Conduct<'a>,
}

enum Archive<'a> {
    /// A file, from this position on.
    File {
        file: Arc<File>,
        start: u64,
        len: u64,
    },
    Stream {
        reader: Box<dyn Read + Send + 'a>,
        spool: Box<Spool>,
    },
}

impl std::fmt::Debug for Nar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nar").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Nar<'a> {
    /// A source that reads the archive in the file `path`, which must not be compressed.
    /// Contents stay in the file until the image is written, and must not change before.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        Nar::in_file(path, file)
    }

    /// A source that reads the archive in `file` from its position on, as
    /// [`open`](Nar::open) does. Messages name it `name`.
    ///
    /// # Errors
    /// [`Error::Read`] if `file` has no position, as a pipe.
    pub fn in_file(name: impl Into<PathBuf>, mut file: File) -> Result<Self> {
        let name = name.into();
        let start = file.stream_position().map_err(|error| Error::read(&name, error))?;
        let stat = file.metadata().map_err(|error| Error::read(&name, error))?;
        let len = stat.len().saturating_sub(start);
        let mut nar = Nar::new(name, Archive::File { file: Arc::new(file), start, len });
        nar.host_file = Some(FileId::of_metadata(&stat));
        Ok(nar)
    }

    /// A source that reads the archive, which must not be compressed, from `reader`.
    /// Contents are spooled to files without a name in `spool_dir`. Messages name the
    /// archive `name`.
    pub fn stream(
        name: impl Into<PathBuf>,
        reader: impl Read + Send + 'a,
        spool_dir: impl AsRef<Path>,
    ) -> Self {
        let spool = Box::new(Spool::new(spool_dir.as_ref()));
        Nar::new(name.into(), Archive::Stream { reader: Box::new(reader), spool })
    }

    /// A source that reads the archive in the file `path`, which may be compressed in a
    /// format of [`Decoder`], or be a pipe. Contents of such an archive are spooled to
    /// `spool_dir`.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened or read.
    #[cfg(feature = "decoders")]
    pub fn open_compressed(path: impl AsRef<Path>, spool_dir: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        Nar::in_compressed_file(path, file, spool_dir)
    }

    /// A source that reads the archive in `file` from its position on, as
    /// [`open_compressed`](Nar::open_compressed) does. Messages name it `name`.
    ///
    /// # Errors
    /// As for [`open_compressed`](Nar::open_compressed).
    #[cfg(feature = "decoders")]
    pub fn in_compressed_file(
        name: impl Into<PathBuf>,
        file: File,
        spool_dir: impl AsRef<Path>,
    ) -> Result<Self> {
        let name = name.into();
        let read = |error| Error::read(&name, error);
        let stat = file.metadata().map_err(read)?;
        let mut magic = Vec::new();
        (&file).take(16).read_to_end(&mut magic).map_err(read)?;
        // Archives that are not compressed begin with a small number.
        let compression = match magic.get(1..8) {
            Some([0, 0, 0, 0, 0, 0, 0]) => None,
            _ => Compression::of(&magic).map_err(read)?,
        };
        if stat.is_file() && compression.is_none() {
            let back = i64::try_from(magic.len()).expect("a few");
            (&file).seek_relative(-back).map_err(read)?;
            return Nar::in_file(name, file);
        }
        let decoder = Decoder::after(magic, file, compression).map_err(read)?;
        let mut nar = Nar::stream(name, decoder, spool_dir);
        nar.host_file = stat.is_file().then(|| FileId::of_metadata(&stat));
        Ok(nar)
    }

    fn new(name: PathBuf, input: Archive<'a>) -> Self {
        Nar {
            input,
            name,
            strips_case_hack: false,
            empties_spool: false,
            keep: None,
            host_file: None,
            conduct: Conduct::default(),
        }
    }

    /// As [`Directory::strip_case_hack`](crate::source::Directory::strip_case_hack).
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.strips_case_hack = on;
        self
    }

    /// Whether spooled contents of a [stream](Nar::stream) are freed as soon as they have been
    /// written to an image that is not compressed. The tree can then be written only once.
    /// Default: no.
    #[must_use]
    pub fn empty_spool(mut self, on: bool) -> Self {
        self.empties_spool = on;
        self
    }

    /// Keeps only entries for which `keep` returns `true`. With a directory, all entries in
    /// it are removed. Default: everything is kept.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    setters::events!('a);

    /// Reads the archive to its end, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Read`] if the archive cannot be read, [`Error::Nar`] if it is no NAR or
    /// export, breaks a rule of the format or is truncated, [`Error::Tree`] if an image
    /// cannot have an entry, [`Error::Write`] if contents cannot be spooled,
    /// [`Error::Full`] if there are too many inodes, and [`Error::Cancelled`] if reading
    /// was cancelled.
    pub fn read(mut self) -> Result<Tree> {
        let observer = &self.conduct.observer();
        observer.scan_bytes()?;
        let total = match &self.input {
            Archive::File { len, .. } => *len,
            Archive::Stream { .. } => 0,
        };
        let Nar { input, name, strips_case_hack, .. } = self;
        let (tree, spools) = observer.watch(&Threads::Caller, total, |report| {
            let watch = Watch { stop: observer, report };
            build(input, &name, strips_case_hack, watch)
        })?;
        let mut tree = tree;
        if self.empties_spool {
            tree.spools = spools;
        }
        if let Some(keep) = self.keep {
            tree.retain(|entry| keep(Candidate::new(&entry.path()[1..], entry.is_dir())));
        }
        tree.host.files.extend(self.host_file.map(|file| (file, None)));
        Ok(tree)
    }
}

/// A tree, and the files to which contents were spooled.
type Built = (Tree, Vec<Arc<File>>);

fn build(archive: Archive<'_>, name: &Path, strips: bool, watch: Watch<'_>) -> Result<Built> {
    match archive {
        Archive::File { file, start, len } => {
            let bytes = Bytes::file(Arc::clone(&file), start).watched(watch);
            let place = Place::File { file, start, len };
            Ok((tree(Input::new(name, bytes, place), strips)?, Vec::new()))
        }
        Archive::Stream { reader, mut spool } => {
            let bytes = Bytes::stream(reader).watched(watch);
            let tree = tree(Input::new(name, bytes, Place::Spool(&mut spool)), strips)?;
            let dir = spool.dir.clone();
            let spools = spool.finish();
            Ok((tree, spools.map_err(|source| unspooled(&dir, source))?))
        }
    }
}

fn tree(mut input: Input<'_>, strips: bool) -> Result<Tree> {
    if export::is_next(&mut input)? {
        return export::read(&mut input, strips);
    }
    let entries = entries::read(&mut input)?;
    input.end()?;
    if !entries::is_directory(&entries) {
        return Err(input.error(0, NarErrorKind::NoDirectory));
    }
    let mut tree = Tree::new(entries::directory_metadata());
    let root = entries::add(&mut tree, entries, b"/", strips)?;
    let children = std::mem::take(tree.children_mut(root));
    *tree.children_mut(Tree::ROOT) = children;
    tree.shrink();
    Ok(tree)
}

#[cfg(test)]
mod tests;
