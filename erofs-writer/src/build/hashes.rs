//! The file of its own that a hash tree goes to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cancel::{Canceller, Stop};
use crate::error::{Error, OutputErrorKind, Result};
use crate::options::OptionsError;
use crate::output::{self, Target};
use crate::sink::{Hashes, Settle};
use crate::tree::Tree;

/// Where a hash tree goes, if not behind the image.
#[derive(Default)]
pub(super) struct HashFile {
    pub(super) path: Option<PathBuf>,
}

/// The file of a hash tree while it is written, if there is one.
pub(super) struct HashTarget(Option<(Target, PathBuf)>);

impl HashFile {
    /// Opens the file for the tree of an image that goes to `image`, which may have been
    /// opened by its path.
    pub(super) fn open(
        &self,
        image: (Option<&File>, Option<&Target>),
        tree: &Tree,
        has_verity: bool,
        (syncs, canceller): (bool, &Canceller),
    ) -> Result<HashTarget> {
        let Some(path) = self.path.as_deref() else { return Ok(HashTarget(None)) };
        if !has_verity {
            return Err(OptionsError::NoVerity.into());
        }
        let output_error = |kind| Error::Output { path: path.into(), kind };
        let target = Target::open(path, tree, 0, syncs, canceller);
        let target = target.map_err(|error| renamed(error, path))?;
        let (file, opened) = image;
        let same_name = opened.is_some_and(|opened| opened.has_place_of(&target));
        if same_name || file.is_some_and(|file| is_at(file, path)) {
            return Err(output_error(OutputErrorKind::Twice));
        }
        if !output::is_readable(target.file()) {
            return Err(output_error(OutputErrorKind::NotReadable));
        }
        Ok(HashTarget(Some((target, path.to_path_buf()))))
    }

    /// Finds out whether the file can be written.
    pub(super) fn check(&self, canceller: &Canceller) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        output::check(path, canceller).map_err(|error| renamed(error, path))
    }

    /// Names the output as the caller names it, not as it was resolved. Errors of the file
    /// for the tree name that already.
    pub(super) fn named(&self, error: Error, path: &Path) -> Error {
        match &error {
            Error::Write { path: Some(other), .. } | Error::Output { path: other, .. }
                if self.path.as_deref() == Some(other) =>
            {
                error
            }
            _ => renamed(error, path),
        }
    }
}

impl HashTarget {
    /// What a build has to know of it. `settle` is [`settle`](Self::settle).
    pub(super) fn hashes<'a>(&'a self, settle: &'a Settle<'a>) -> Option<Hashes<'a>> {
        let (target, path) = self.0.as_ref()?;
        Some(Hashes { file: target.file(), path, capacity: target.capacity(), settle })
    }

    /// Does what has to be done when the tree is written.
    pub(super) fn settle(&self, end: u64, stop: &dyn Stop) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |(target, _)| target.settle(0, end, stop))
    }

    /// Gives the file its name, and then lets `image` do that with the image. If that
    /// fails, the file loses the name again.
    pub(super) fn commit(self, image: impl FnOnce() -> Result<()>) -> Result<()> {
        let Some((target, path)) = self.0 else { return image() };
        let is_new = target.is_new();
        target.commit().map_err(|error| renamed(error, &path))?;
        image().inspect_err(|_| {
            if is_new {
                // If that fails, there is no one to tell.
                drop(fs::remove_file(&path));
            }
        })
    }
}

/// Whether `path` leads to `file`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(found)) => (file.dev(), file.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

/// Names the output `path`, as the caller names it.
fn renamed(error: Error, path: &Path) -> Error {
    match error {
        Error::Write { source, .. } => Error::Write { path: Some(path.into()), source },
        Error::Output { kind, .. } => Error::Output { path: path.into(), kind },
        error => error,
    }
}
