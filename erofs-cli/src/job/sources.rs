//! The source that arguments name.

use std::path::{Path, PathBuf};

use erofs_writer::Shown;
use erofs_writer::source::{ImageData, ManifestFormat, PublicKey};

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
    /// Store paths of a binary cache.
    Cached {
        /// The file with the list; `-` is standard input.
        list: PathBuf,
        /// The folder of the cache.
        folder: PathBuf,
        /// The keys of which one has to have signed each path, if there are any.
        keys: Vec<PublicKey>,
    },
    /// A NAR or an export: the file; `None` or `-` is standard input.
    Nar(Option<PathBuf>),
    /// A manifest.
    Manifest {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// The format, if the first line is not to tell it.
        format: Option<ManifestFormat>,
        /// The directory of contents, if it is not that of the file.
        contents: Option<PathBuf>,
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

impl Source {
    /// Whether these are store paths, for which other defaults hold.
    pub(crate) fn is_store(&self) -> bool {
        matches!(self, Source::Store { .. } | Source::Cached { .. })
    }
}

/// What puts the registration of store paths into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Registration {
    /// The source itself knows it.
    OfSource,
    /// A file tells it.
    OfFile(PathBuf),
}

/// The registration that is asked for.
pub(super) fn registration(args: &Args) -> Result<Option<Registration>, UsageError> {
    match (&args.nix.registration, &args.nix.binary_cache) {
        (None, _) => Ok(None),
        (Some(Some(file)), _) => Ok(Some(Registration::OfFile(file.clone()))),
        (Some(None), Some(_)) => Ok(Some(Registration::OfSource)),
        (Some(None), None) => {
            Err(UsageError::refused("--registration", "without =FILE it needs --binary-cache"))
        }
    }
}

/// The output and the source.
pub(super) fn places(args: &Args, words: &[Suboption]) -> Result<(PathBuf, Source), UsageError> {
    let output = args.file.clone().ok_or_else(|| UsageError::missing("FILE"))?;
    let first = args.sources.first().cloned();
    let single = single(args)?;
    if let (Some(second), true) = (args.sources.get(1), single.is_some()) {
        let why = "only directories and an image can be laid over each other";
        return Err(UsageError::refused(Shown::new(second), why));
    }
    let source = match (&args.source.store_paths, args.source.tar, first) {
        (_, _, file) if args.nix.nar => Source::Nar(file),
        (_, _, contents) if args.manifest.manifest.is_some() => Source::Manifest {
            file: args.manifest.manifest.clone().expect("just seen"),
            format: args.manifest.manifest_format,
            contents,
        },
        (Some(list), _, store) if args.nix.binary_cache.is_some() => cached(args, list, store)?,
        (Some(list), _, store) => {
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
            return Err(UsageError::missing(
                "SOURCE (or --store-paths LIST, --tar, --nar or --manifest)",
            ));
        }
    };
    Ok((output, source))
}

/// The flag that names a single source of another kind, if there is one.
fn single(args: &Args) -> Result<Option<&'static str>, UsageError> {
    let flags = [
        ("--store-paths", args.source.store_paths.is_some()),
        ("--tar", args.source.tar.is_some()),
        ("--nar", args.nix.nar),
        ("--manifest", args.manifest.manifest.is_some()),
    ];
    let mut given = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag);
    match (given.next(), given.next()) {
        (Some(first), Some(second)) => Err(UsageError::contradiction(first, second)),
        (first, _) => Ok(first),
    }
}

/// The store paths of a binary cache. NARs have nothing of what flags could keep.
fn cached(args: &Args, list: &Path, store: Option<PathBuf>) -> Result<Source, UsageError> {
    let contradictions = [
        ("--keep-owners", args.keep_owners),
        ("--preserve-mtime", args.preserve_mtime),
        ("--keep-hard-links", args.source.keep_hard_links),
    ];
    let given = contradictions.into_iter().find(|(_, given)| *given);
    if let Some((flag, _)) = given {
        return Err(UsageError::contradiction("--binary-cache", flag));
    }
    if let Some(store) = store {
        return Err(UsageError::contradiction("--binary-cache", Shown::new(&store)));
    }
    let folder = args.nix.binary_cache.clone().expect("just seen");
    let keys = args.nix.trusted_public_key.clone();
    Ok(Source::Cached { list: list.to_owned(), folder, keys })
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
