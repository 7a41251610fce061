//! The options of a writer about hashes, and the file of its own that a hash tree goes to.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::build::ImageWriter;
use crate::error::{Error, OutputErrorKind, Result};
use crate::options::OptionsError;
use crate::output::{self, Target};
use crate::sink::{Hashes, Settle};
use crate::tree::Tree;

#[cfg(feature = "verity")]
impl ImageWriter<'_> {
    /// Writes the tree of [`Options::verity`](crate::Options::verity) to the file or block
    /// device `path`, and not behind the image. The file gets its name under the same rules
    /// as that of [`write_path`](Self::write_path), and before the image does: if either
    /// fails, neither gets its name. Only if the system cannot rename the image after that,
    /// a file that was replaced stays replaced. Default: the tree comes after the image.
    #[must_use]
    pub fn verity_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.hash_path = Some(path.into());
        self
    }

    /// Whether the summary has the [fs-verity
    /// digest](crate::Summary::fsverity_digests) of every regular file, for which all files
    /// are read once more. Default: no.
    #[must_use]
    pub fn fsverity_digests(mut self, on: bool) -> Self {
        self.digests_files = on;
        self
    }
}

/// The file of a hash tree while it is written.
pub(super) struct HashTarget {
    target: Target,
    path: PathBuf,
}

impl ImageWriter<'_> {
    /// Opens the file for the tree, if there is one. The image goes to `image`, which may
    /// have been opened by its path.
    pub(super) fn hash_target(
        &self,
        tree: &Tree,
        image: Option<&File>,
        opened: Option<&Target>,
    ) -> Result<Option<HashTarget>> {
        let Some(path) = self.hash_path.as_deref() else { return Ok(None) };
        if !self.options.has_verity() {
            return Err(OptionsError::NoVerity.into());
        }
        let output_error = |kind| Error::Output { path: path.into(), kind };
        let target = Target::open(path, tree, 0, self.sync, &self.conduct.canceller);
        let target = target.map_err(|error| renamed(error, path))?;
        let same_name = opened.is_some_and(|opened| opened.has_place_of(&target));
        if same_name || image.is_some_and(|image| is_at(image, path)) {
            return Err(output_error(OutputErrorKind::Twice));
        }
        if !output::is_readable(target.file()) {
            return Err(output_error(OutputErrorKind::NotReadable));
        }
        Ok(Some(HashTarget { target, path: path.to_path_buf() }))
    }

    /// The path of the file for the tree, which errors name as it is.
    pub(super) fn is_hash_path(&self, path: &Path) -> bool {
        self.hash_path.as_deref() == Some(path)
    }

    /// Finds out whether the file for the tree can be written.
    pub(super) fn check_hash_path(&self) -> Result<()> {
        let Some(path) = &self.hash_path else { return Ok(()) };
        output::check(path, &self.conduct.canceller).map_err(|error| renamed(error, path))
    }
}

impl HashTarget {
    /// What a build has to know of it. `settle` calls that of the target.
    pub(super) fn hashes<'a>(&'a self, settle: &'a Settle<'a>) -> Hashes<'a> {
        let (file, capacity) = (self.target.file(), self.target.capacity());
        Hashes { file, path: &self.path, capacity, settle }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Gives it its name, and then lets `others` do that with the image. If that fails, it
    /// loses the name again.
    pub(super) fn commit(self, others: impl FnOnce() -> Result<()>) -> Result<()> {
        let HashTarget { target, path } = self;
        let is_new = target.is_new();
        target.commit().map_err(|error| renamed(error, &path))?;
        others().inspect_err(|_| {
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

/// Names the file for the tree as the caller names it.
fn renamed(error: Error, path: &Path) -> Error {
    match error {
        Error::Write { source, .. } => Error::Write { path: Some(path.into()), source },
        Error::Output { kind, .. } => Error::Output { path: path.into(), kind },
        error => error,
    }
}
