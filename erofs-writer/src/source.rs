//! Where trees come from: a directory, or a list of store paths.

mod directory;
mod scan;
mod store;
mod xattrs;

use std::path::{Path, PathBuf};

pub use directory::Directory;
pub use scan::Keep;
pub use store::{StorePaths, parse_store_paths};

use crate::error::Result;
use crate::tree::Tree;

impl Tree {
    /// The directory `path` of the host, with everything as it is there. See
    /// [`Directory`] for choices.
    ///
    /// # Errors
    /// As for [`Directory::read`].
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        Directory::new(path.as_ref()).read()
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
pub enum HardLinks {
    /// One inode with several names, as on the host.
    #[default]
    Keep,
    /// One inode for each name. The image then does not depend on which files
    /// the host happens to have linked; their data is shared all the same.
    Ignore,
}
