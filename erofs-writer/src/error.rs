//! The one error type of the crate.

mod cache;
mod contexts;
mod hints;
mod image;
mod manifest;
#[cfg(test)]
mod messages;
mod nar;
mod output;
mod source;
mod store_paths;
mod tar;
mod tree;
mod verify;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::codec::SettingError;
use crate::options::OptionsError;
use crate::shown::Shown;

pub use cache::BinaryCacheErrorKind;
pub use contexts::FileContextsErrorKind;
pub use hints::CompressHintsErrorKind;
pub use image::ImageErrorKind;
pub use manifest::ManifestErrorKind;
pub use nar::NarErrorKind;
pub use output::OutputErrorKind;
pub(crate) use source::Unreadable;
pub use source::{Change, ReaderErrorKind};
pub use store_paths::StorePathsError;
pub use tar::TarErrorKind;
pub use tree::{Limit, TreeErrorKind};
pub use verify::VerifyErrorKind;

/// The result of functions that can fail. Functions that only check a value return its
/// own error instead.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be written. No variant leaves an image that mounts.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A source on the host could not be read.
    Read {
        /// The host path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A source has changed since the tree was made: it grew, shrank or became
    /// something else. Build again from a source that nobody changes.
    Changed {
        /// The host path, or the image path of contents that have none.
        path: PathBuf,
        /// The change, as far as it is known.
        change: Change,
    },
    /// A reader that the caller has written does not do what [`ReadAt`](crate::ReadAt)
    /// demands.
    Reader {
        /// The image path of the contents.
        path: PathBuf,
        /// The mistake of the reader.
        kind: ReaderErrorKind,
    },
    /// The output could not be written.
    Write {
        /// The path of the output. None for an output without one.
        path: Option<PathBuf>,
        /// The error of the system.
        source: io::Error,
    },
    /// The output cannot be used: it is not a file of the right kind, or is part of the
    /// source.
    Output {
        /// The path of the output.
        path: PathBuf,
        /// The reason.
        kind: OutputErrorKind,
    },
    /// The tree cannot be stored, or an operation on it is impossible.
    Tree {
        /// The path in the image, `/` for the root.
        path: Vec<u8>,
        /// The error at that path.
        kind: TreeErrorKind,
    },
    /// The list of store paths cannot be used.
    StorePaths(StorePathsError),
    /// A tar archive cannot be used.
    Tar {
        /// The host path of the archive, or the name that the caller gave it.
        path: PathBuf,
        /// The position in the archive, in bytes from its start.
        offset: u64,
        /// The error at that position.
        kind: TarErrorKind,
    },
    /// A NAR, or an export of several of them, cannot be used.
    Nar {
        /// The host path of the archive, or the name that the caller gave it.
        path: PathBuf,
        /// The position in the archive, decoded, in bytes from its start.
        offset: u64,
        /// The error at that position.
        kind: NarErrorKind,
    },
    /// A store path cannot be taken from a binary cache.
    BinaryCache {
        /// The store path, or the host path of the file of the cache that is wrong.
        path: PathBuf,
        /// The reason.
        kind: BinaryCacheErrorKind,
    },
    /// A manifest cannot be used.
    Manifest {
        /// The host path of the manifest, or the name that the caller gave it.
        path: PathBuf,
        /// The number of the line. The first line is 1.
        line: usize,
        /// The error in that line.
        kind: ManifestErrorKind,
    },
    /// An image cannot be read as a source.
    Image {
        /// The host path of the image, or the name that the caller gave it.
        path: PathBuf,
        /// The path in the image to which the error belongs, `/` if it is the whole image.
        inside: Vec<u8>,
        /// The position in the image or one of its devices, in bytes from its start.
        offset: u64,
        /// The error at that position.
        kind: ImageErrorKind,
    },
    /// The image is not what the tree is, as the source, memory or this crate is wrong.
    Verify {
        /// The path in the image, `/` also if it is the whole image.
        path: Vec<u8>,
        /// The difference at that path.
        kind: VerifyErrorKind,
    },
    /// A file of SELinux contexts cannot be used.
    FileContexts {
        /// The host path, or the name that the caller gave the file.
        path: PathBuf,
        /// The number of the line. The first line is 1.
        line: usize,
        /// The error in that line.
        kind: FileContextsErrorKind,
    },
    /// A file of compression hints cannot be used.
    CompressHints {
        /// The host path, or the name that the caller gave the file.
        path: PathBuf,
        /// The number of the line. The first line is 1.
        line: usize,
        /// The error in that line.
        kind: CompressHintsErrorKind,
    },
    /// The value of an option is invalid, or two options contradict each other.
    Options(OptionsError),
    /// A limit of the format is too low for this tree.
    Full(Limit),
    /// The event handler returned `Break`, or a [`Canceller`](crate::Canceller) was
    /// told to cancel.
    Cancelled,
}

impl Error {
    pub(crate) fn tree(path: impl Into<Vec<u8>>, kind: TreeErrorKind) -> Self {
        Error::Tree { path: path.into(), kind }
    }

    #[cfg(feature = "nar")]
    pub(crate) fn cache(path: impl Into<PathBuf>, kind: BinaryCacheErrorKind) -> Self {
        Error::BinaryCache { path: path.into(), kind }
    }

    /// The error of a failed read of `path`. If `source` says that the path has
    /// changed, or that its reader is wrong, that is the error.
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let why = source.get_ref().and_then(|inner| inner.downcast_ref());
        match why.copied() {
            Some(Unreadable::Changed(change)) => Error::Changed { path, change },
            Some(Unreadable::Reader(kind)) => Error::Reader { path, kind },
            Some(Unreadable::Stopped) => Error::Cancelled,
            None => Error::Read { path, source },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read { path, .. } => write!(f, "{}: cannot be read", Shown::new(path)),
            Error::Changed { path, change } => {
                let path = Shown::new(path);
                write!(f, "{path}: changed while the image was being made: {change}")
            }
            Error::Reader { path, kind } => write!(f, "{}: {kind}", Shown::new(path)),
            Error::Write { path: Some(path), .. } => {
                write!(f, "{}: cannot be written", Shown::new(path))
            }
            Error::Write { path: None, .. } => f.write_str("the image cannot be written"),
            Error::Output { path, kind } => write!(f, "{}: {kind}", Shown::new(path)),
            Error::Tree { path, kind } => write!(f, "{}: {kind}", Shown::bytes(path)),
            Error::StorePaths(error) => error.fmt(f),
            Error::Tar {
                path,
                kind: kind @ (TarErrorKind::Empty | TarErrorKind::ErofsImage),
                ..
            } => {
                write!(f, "{}: {kind}", Shown::new(path))
            }
            Error::Tar { path, offset, kind } => {
                write!(f, "{}: at byte {offset}: {kind}", Shown::new(path))
            }
            Error::Nar { path, offset, kind } => {
                write!(f, "{}: at byte {offset}: {kind}", Shown::new(path))
            }
            Error::BinaryCache { path, kind } => write!(f, "{}: {kind}", Shown::new(path)),
            Error::Image { path, inside, offset, kind } => {
                write!(f, "{}: ", Shown::new(path))?;
                if inside[..] != b"/"[..] {
                    write!(f, "{}: ", Shown::bytes(inside))?;
                }
                match kind {
                    ImageErrorKind::NoMagic => kind.fmt(f),
                    _ => write!(f, "at byte {offset}: {kind}"),
                }
            }
            Error::Verify { path, kind } => {
                write!(f, "{}: wrong in the image: {kind}", Shown::bytes(path))
            }
            Error::Manifest { path, line, kind } => {
                write!(f, "{}: line {line}: {kind}", Shown::new(path))
            }
            Error::FileContexts { path, line, kind } => {
                write!(f, "{}: line {line}: {kind}", Shown::new(path))
            }
            Error::CompressHints { path, line, kind } => {
                write!(f, "{}: line {line}: {kind}", Shown::new(path))
            }
            Error::Options(error) => error.fmt(f),
            Error::Full(limit) => limit.fmt(f),
            Error::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read { source, .. } | Error::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<OptionsError> for Error {
    fn from(error: OptionsError) -> Self {
        Error::Options(error)
    }
}

impl From<SettingError> for Error {
    fn from(error: SettingError) -> Self {
        Error::Options(error.into())
    }
}

impl From<StorePathsError> for Error {
    fn from(error: StorePathsError) -> Self {
        Error::StorePaths(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Read { source, .. } | Error::Write { source, .. } => source.kind(),
            // `Interrupted` would make much of std try again.
            Error::Cancelled
            | Error::Changed { .. }
            | Error::Reader { .. }
            | Error::Verify { .. } => io::ErrorKind::Other,
            Error::Output { kind: OutputErrorKind::TooSmall { .. }, .. } => {
                io::ErrorKind::StorageFull
            }
            Error::Full(_) | Error::Tree { kind: TreeErrorKind::FileTooLarge { .. }, .. } => {
                io::ErrorKind::FileTooLarge
            }
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}

impl std::error::Error for StorePathsError {}
