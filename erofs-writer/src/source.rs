//! Where trees come from: a directory, a list of store paths, or a tar archive.

mod directory;
mod scan;
mod setters;
mod store;
mod tar;
mod xattrs;

use std::path::{Path, PathBuf};

pub use directory::Directory;
pub use scan::{Candidate, Keep};
pub use store::{StorePaths, parse_store_paths};
pub use tar::Tar;

use crate::error::Result;
use crate::tree::Tree;

impl Tree {
    /// The directory `path` of the host, with everything as it is there. See
    /// [`Directory`] for choices, and [`Tree::drop_foreign_xattrs`] for attributes
    /// that only the file system there has.
    ///
    /// # Errors
    /// As for [`Directory::read`].
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        Directory::new(path.as_ref()).read()
    }

    /// The tar archive in the file `path`, which must not be compressed. See
    /// [`Tar`] for choices, and for archives that come from elsewhere.
    ///
    /// # Errors
    /// As for [`Tar::open`] and [`Tar::read`].
    pub fn from_tar(path: impl AsRef<Path>) -> Result<Self> {
        Tar::open(path)?.read()
    }

    /// The store paths `paths`, each as `/<basename>`. See [`StorePaths`] for
    /// what is left out, and for choices.
    ///
    /// # Errors
    /// As for [`StorePaths::read`].
    pub fn from_store_paths<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        StorePaths::new(paths).read()
    }
}

/// What becomes of files that have several names on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HardLinks {
    /// One inode with several names, as on the host.
    #[default]
    Keep,
    /// One inode for each name. The image then does not depend on which files
    /// the host happens to have linked; their data is shared all the same.
    Ignore,
}
