//! A tree from a binary cache of Nix in a folder: the image of store paths that no store on
//! this machine has.

mod closure;
mod hash;
mod info;
mod key;
mod narinfo;
mod nars;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::bounded;
use crate::error::{BinaryCacheErrorKind, Error, Result, StorePathsError};

pub use closure::{CachedPaths, MissingReference};
pub use hash::NarHash;
pub use info::{PathInfo, registration};
pub use key::PublicKey;
use narinfo::NarInfo;

/// A binary cache of Nix in a folder, as `nix copy --to file://FOLDER` makes it.
///
/// It has the file `nix-cache-info`, for each store path a file `HASH.narinfo`, and the NARs
/// that these name. NARs may be compressed by bzip2, gzip, lzip, lzma, xz or zstd.
///
/// ```no_run
/// use erofs_writer::source::BinaryCache;
/// use erofs_writer::{ImageWriter, Options};
///
/// let paths = ["/nix/store/10s5j3mfdg22k1597x580qrhprnzcjwb-hello-2.12.1"];
/// let closure = BinaryCache::open("cache")?.closure(paths)?;
/// for missing in closure.missing_references() {
///     println!("{} is not in the list", missing.path.display());
/// }
/// let tree = closure.spool_dir("/var/tmp").read()?;
/// ImageWriter::new(Options::store_image()).write_path(&tree, "store.erofs")?;
/// # Ok::<(), erofs_writer::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BinaryCache {
    folder: PathBuf,
    /// The directory of the store that it is for.
    store: PathBuf,
    keys: Vec<PublicKey>,
}

/// The most bytes of `nix-cache-info`.
const CACHE_INFO_MAX: u64 = 64 << 10;
/// The most bytes of a `.narinfo`.
const NARINFO_MAX: u64 = 4 << 20;
/// The digits of the hash part of a store path.
const HASH_LEN: usize = 32;

impl BinaryCache {
    /// The binary cache in `folder`.
    ///
    /// # Errors
    /// [`Error::BinaryCache`] if it is none, and [`Error::Read`] if it cannot be read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let file = folder.join("nix-cache-info");
        let none = || Error::cache(&folder, BinaryCacheErrorKind::NoCache);
        let text = match bounded::read(&file, CACHE_INFO_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
                return Err(none());
            }
            Err(error) => return Err(Error::read(file, error)),
        };
        let store =
            text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"StoreDir:"));
        let store = store.map(|store| PathBuf::from(OsStr::from_bytes(store.trim_ascii())));
        let store = store.filter(|store| store.is_absolute()).ok_or_else(none)?;
        Ok(BinaryCache { folder, store, keys: Vec::new() })
    }

    /// Takes only store paths that one of `keys` has signed. Default: signatures are not
    /// looked at. In any case the NARs have to be what the `.narinfo` files say.
    #[must_use]
    pub fn trusted_public_keys(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// Looks for the store paths `paths`. Their order does not matter, and a path may be
    /// listed twice.
    ///
    /// # Errors
    /// [`Error::BinaryCache`] if the cache does not have one of them, or has it without a
    /// trusted signature; [`Error::StorePaths`] if there are none, or one is relative; and
    /// [`Error::Read`] if a `.narinfo` cannot be read.
    pub fn closure<P: Into<PathBuf>>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<CachedPaths<'static>> {
        let mut found: BTreeMap<Vec<u8>, NarInfo> = BTreeMap::new();
        for path in paths {
            let path: PathBuf = path.into();
            if !path.is_absolute() {
                return Err(StorePathsError::Relative { path }.into());
            }
            // Collecting the components drops a final slash.
            let path: PathBuf = path.components().collect();
            let name = path.file_name().unwrap_or_default().as_bytes().to_vec();
            match found.entry(name) {
                Entry::Vacant(vacant) => {
                    let info = self.info(&path, vacant.key())?;
                    vacant.insert(info);
                }
                Entry::Occupied(known) if known.get().info.path == path => {}
                Entry::Occupied(known) => {
                    let first = known.get().info.path.clone();
                    return Err(StorePathsError::Clash { first, second: path }.into());
                }
            }
        }
        match found.is_empty() {
            true => Err(StorePathsError::Empty.into()),
            false => Ok(CachedPaths::new(self.folder.clone(), found)),
        }
    }

    /// What the cache says about the store path `path`, whose basename is `name`.
    fn info(&self, path: &Path, name: &[u8]) -> Result<NarInfo> {
        let wrong = |kind| Error::cache(path, kind);
        let hash = name.split_at_checked(HASH_LEN).filter(|(hash, rest)| {
            hash.iter().all(|byte| hash::digit(*byte).is_some()) && rest.starts_with(b"-")
        });
        let is_here = path.parent() == Some(&*self.store);
        let Some((hash, _)) = hash.filter(|_| is_here) else {
            return Err(wrong(BinaryCacheErrorKind::NotInStore { store: self.store.clone() }));
        };
        let mut file = self.folder.join(OsStr::from_bytes(hash));
        file.as_mut_os_string().push(".narinfo");
        // Opening something else might wait.
        let text = match fs::metadata(&file) {
            Ok(stat) if !stat.is_file() => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
            }
            Ok(_) => bounded::read(&file, NARINFO_MAX),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(wrong(BinaryCacheErrorKind::NotFound));
            }
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| Error::read(&file, error))?;
        let found = NarInfo::parse(&text).map_err(|kind| Error::cache(&file, kind))?;
        if found.info.path != path {
            return Err(wrong(BinaryCacheErrorKind::OtherPath { found: found.info.path }));
        }
        match self.keys.is_empty() || found.is_signed_by(&self.keys) {
            true => Ok(found),
            false => Err(wrong(BinaryCacheErrorKind::Signature)),
        }
    }
}
