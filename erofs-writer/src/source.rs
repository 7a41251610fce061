//! Sources of trees: a directory, a list of store paths, a NAR, a binary cache, a manifest, a
//! tar archive, or an image.

#[cfg(any(feature = "nar", feature = "tar"))]
mod ahead;
#[cfg(feature = "nar")]
mod cache;
mod candidate;
#[cfg(feature = "decoders")]
mod decode;
mod directory;
mod hard_links;
#[cfg(feature = "image")]
mod image;
#[cfg(feature = "image")]
mod listing;
mod manifest;
#[cfg(feature = "nar")]
mod nar;
mod scan;
mod setters;
#[cfg(any(feature = "nar", feature = "tar"))]
mod spool;
mod store;
#[cfg(feature = "tar")]
mod tar;
mod xattrs;

use std::path::{Path, PathBuf};

#[cfg(feature = "nar")]
pub use cache::{
    BinaryCache, CachedPaths, MissingReference, NarHash, PathInfo, PublicKey, registration,
};
pub use candidate::{Candidate, Keep};
#[cfg(feature = "decoders")]
pub use decode::{ArchiveFormat, Compression, Decoder};
pub use directory::Directory;
pub use hard_links::HardLinks;
#[cfg(feature = "image")]
pub use image::{Image, ImageData};
#[cfg(feature = "image")]
pub use listing::{DataLayout, ImageUsage, Listed, ListedKind};
pub use manifest::{Manifest, ManifestFormat};
#[cfg(feature = "nar")]
pub use nar::Nar;
pub use store::{StorePaths, parse_store_paths};
#[cfg(feature = "tar")]
pub use tar::Tar;

use crate::error::Result;
use crate::tree::Tree;

impl Tree {
    /// Reads the directory `path` of the host into a tree, with all that is in it. See
    /// [`Directory`] for choices, and [`Tree::drop_foreign_xattrs`] for attributes that
    /// only the host's file system has.
    ///
    /// # Errors
    /// As for [`Directory::read`].
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        Directory::new(path.as_ref()).read()
    }

    /// Reads the tar archive in the file `path`, which must not be compressed, into a
    /// tree. See [`Tar`] for choices, and for archives that are compressed or come from
    /// elsewhere.
    ///
    /// # Errors
    /// As for [`Tar::open`] and [`Tar::read`].
    #[cfg(feature = "tar")]
    pub fn from_tar(path: impl AsRef<Path>) -> Result<Self> {
        Tar::open(path)?.read()
    }

    /// Reads the EROFS image in the file `path` into a tree. See [`Image`] for images with
    /// further devices, and for those that are elsewhere.
    ///
    /// # Errors
    /// As for [`Image::open`] and [`Image::read`].
    #[cfg(feature = "image")]
    pub fn from_image(path: impl AsRef<Path>) -> Result<Self> {
        Image::open(path)?.read()
    }

    /// Reads store paths into a tree, each as `/<basename>`. See [`StorePaths`] for
    /// what is left out, and for choices.
    ///
    /// # Errors
    /// As for [`StorePaths::read`].
    pub fn from_store_paths<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        StorePaths::new(paths).read()
    }
}
