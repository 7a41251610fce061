//! Errors of binary caches.

use std::fmt;
use std::path::PathBuf;

use crate::shown::Shown;

/// The reason why a store path cannot be taken from a binary cache. See
/// [`Error::BinaryCache`](crate::Error::BinaryCache).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BinaryCacheErrorKind {
    /// The folder has no file `nix-cache-info`, or its `StoreDir` is missing.
    NoCache,
    /// The path is not a store path of the store that the cache is for.
    NotInStore {
        /// The directory of the store.
        store: PathBuf,
    },
    /// The cache does not have the store path.
    NotFound,
    /// The cache has another store path with the same hash part.
    OtherPath {
        /// That path.
        found: PathBuf,
    },
    /// A field of a `.narinfo` is missing, is there twice, or has a wrong form.
    Field {
        /// The name of the field.
        field: &'static str,
    },
    /// The address of the NAR is not in the folder of the cache.
    Url {
        /// The address.
        url: String,
    },
    /// The NAR is compressed in a way that cannot be decoded.
    Compression {
        /// The name of the compression.
        name: String,
    },
    /// No trusted key has signed the `.narinfo`.
    Signature,
    /// The NAR has another length than its `.narinfo` says.
    NarSize {
        /// The length in bytes that the `.narinfo` says.
        said: u64,
        /// The length that was found, or the least one.
        found: u64,
    },
    /// The NAR has another hash than its `.narinfo` says.
    NarHash {
        /// The hash that the `.narinfo` says.
        said: String,
        /// The hash that was found.
        found: String,
    },
}

impl fmt::Display for BinaryCacheErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BinaryCacheErrorKind::NoCache => f.write_str(
                "this is not the folder of a binary cache: it has no nix-cache-info with a StoreDir",
            ),
            BinaryCacheErrorKind::NotInStore { store } => {
                let store = Shown::new(store);
                write!(f, "this is not a store path of {store}, for which the binary cache is")
            }
            BinaryCacheErrorKind::NotFound => f.write_str("the binary cache does not have it"),
            BinaryCacheErrorKind::OtherPath { found } => {
                write!(f, "in its place the binary cache has {}", Shown::new(found))
            }
            BinaryCacheErrorKind::Field { field } => {
                write!(f, "the {field} is missing, is there twice, or is wrong")
            }
            BinaryCacheErrorKind::Url { url } => {
                write!(f, "its NAR is not in the folder of the binary cache: {}", Shown::new(url))
            }
            BinaryCacheErrorKind::Compression { name } => {
                write!(f, "its NAR is compressed by {}, which is not decoded", Shown::new(name))
            }
            BinaryCacheErrorKind::Signature => f.write_str("no trusted key has signed it"),
            BinaryCacheErrorKind::NarSize { said, found } => {
                write!(f, "its NAR should have {said} bytes, but {found} were found")
            }
            BinaryCacheErrorKind::NarHash { said, found } => {
                write!(f, "its NAR should have the hash {said}, but has {found}")
            }
        }
    }
}
