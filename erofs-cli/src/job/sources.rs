//! The source that arguments name.

use std::path::PathBuf;

use erofs_writer::Shown;
use erofs_writer::source::ImageData;

use crate::archive::Said;
use crate::args::{Args, NoCopy, Tar};
use crate::suboptions::{self, Suboption};
use crate::usage::UsageError;

/// The source of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Directories and images. Later ones are laid over earlier ones.
    Layers {
        paths: Vec<PathBuf>,
        /// What becomes of the contents of images.
        data: ImageData,
        /// Whether blocks have the size that the arguments say, not that of the images.
        has_block_size: bool,
        /// Whether whiteouts of aufs become those of overlayfs.
        converts_aufs: bool,
    },
    /// A list of store paths.
    Store {
        /// The file with the list; `-` is standard input.
        list: PathBuf,
        /// The directory of the store, if it is not where the list says.
        store: Option<PathBuf>,
        /// Whether owners are those of the host, and not 0.
        keep_owners: bool,
        /// Whether times are those of the host, and not 0.
        keep_times: bool,
    },
    /// A tar archive.
    Tar {
        /// The file; `None` or `-` is standard input.
        file: Option<PathBuf>,
        /// The compression that the arguments name.
        said: Option<Said>,
        /// Whether whiteouts of aufs become those of overlayfs.
        converts_aufs: bool,
        /// Whether contents stay in the archive.
        index: bool,
    },
}

/// The output and the source.
pub(super) fn places(args: &Args, words: &[Suboption]) -> Result<(PathBuf, Source), UsageError> {
    let output = args.file.clone().ok_or_else(|| UsageError::missing("FILE"))?;
    let first = args.sources.first().cloned();
    if let (Some(second), true) =
        (args.sources.get(1), args.source.store_paths.is_some() || args.source.tar.is_some())
    {
        let why = "only directories and an image can be laid over each other";
        return Err(UsageError::refused(Shown::new(second), why));
    }
    let source = match (&args.source.store_paths, args.source.tar, first) {
        (Some(_), Some(_), _) => {
            return Err(UsageError::contradiction("--store-paths", "--tar"));
        }
        (Some(list), None, store) => {
            let (list, keep_owners) = (list.clone(), args.keep_owners);
            Source::Store { list, store, keep_owners, keep_times: args.preserve_mtime }
        }
        (None, Some(tar), file) => {
            let gzip = args.source.ungzip.map(|NoCopy| Said::Gzip);
            let said = gzip.or(args.source.unxz.map(|NoCopy| Said::Xz));
            let index = tar == Tar::Index;
            Source::Tar { file, said, converts_aufs: args.source.aufs, index }
        }
        (None, None, Some(_)) => Source::Layers {
            paths: args.sources.clone(),
            data: image_data(args, words),
            has_block_size: args.block_size.is_some(),
            converts_aufs: args.source.aufs,
        },
        (None, None, None) => {
            return Err(UsageError::missing("SOURCE (or --store-paths LIST, or --tar)"));
        }
    };
    Ok((output, source))
}

/// What becomes of the contents of images: whoever asks for another layout of contents gets
/// it.
fn image_data(args: &Args, words: &[Suboption]) -> ImageData {
    let is_other = args.compresses()
        || args.block_size.is_some()
        || args.chunksize.is_some()
        || suboptions::ask_for_dedupe(words) == Some(true);
    match args.clean {
        None => ImageData::Leave,
        Some(_) if is_other => ImageData::Decode,
        Some(_) => ImageData::Take,
    }
}
