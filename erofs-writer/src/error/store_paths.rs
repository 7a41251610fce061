//! Errors of lists of store paths.

use std::fmt;
use std::path::PathBuf;

use crate::shown::Shown;

/// The reason why a list of store paths cannot be used. See
/// [`Error::StorePaths`](crate::Error::StorePaths).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorePathsError {
    /// The list has no path.
    Empty,
    /// A path is not absolute.
    Relative {
        /// The path as listed.
        path: PathBuf,
    },
    /// A path does not end in a name: it is `/`, or ends in `..`.
    NoName {
        /// The path as listed.
        path: PathBuf,
    },
    /// Two different paths end in the same name.
    Clash {
        /// The path listed first.
        first: PathBuf,
        /// The path listed later.
        second: PathBuf,
    },
}

impl fmt::Display for StorePathsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorePathsError::Empty => f.write_str("the list of store paths is empty"),
            StorePathsError::Relative { path } => {
                write!(f, "{}: a store path must be absolute", Shown::new(path))
            }
            StorePathsError::NoName { path } => {
                write!(f, "{}: a store path must end in a name", Shown::new(path))
            }
            StorePathsError::Clash { first, second } => write!(
                f,
                "{}: has the same name as {}, so both would be the same entry of the image",
                Shown::new(second),
                Shown::new(first)
            ),
        }
    }
}
