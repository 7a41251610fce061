//! What flags about hash trees mean together.

use std::path::PathBuf;

use erofs_writer::{BlockSize, Options, Shown, Verity, VeritySalt};

use crate::args::{Args, SaltArg, Tar};
use crate::usage::UsageError;

/// Files that are written besides the image.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// The dm-verity tree, if it is not behind the image.
    pub(crate) tree: Option<PathBuf>,
    /// The root hash of that tree.
    pub(crate) root: Option<PathBuf>,
    /// The fs-verity digests of files.
    pub(crate) digests: Option<PathBuf>,
}

impl Hashes {
    /// The files and their flags.
    fn flags(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let tree = self.tree.iter().map(|path| ("--verity", path));
        let root = self.root.iter().map(|path| ("--roothash-file", path));
        tree.chain(root).chain(self.digests.iter().map(|path| ("--fsverity-digests", path)))
    }

    /// All of the files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.flags().map(|(_, path)| path)
    }
}

/// The files that `args` ask for beside the image `output`.
pub(super) fn hashes(args: &Args, output: &PathBuf) -> Result<Hashes, UsageError> {
    let verity = &args.verity;
    let hashes = Hashes {
        tree: verity.verity.clone().flatten(),
        root: verity.roothash_file.clone(),
        digests: verity.fsverity_digests.clone(),
    };
    let mut taken = vec![("FILE", output)];
    for (flag, path) in hashes.flags() {
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == path) {
            let path = Shown::new(path);
            return Err(UsageError::contradiction(
                format!("{other} {path}"),
                format!("{flag}={path}"),
            ));
        }
        taken.push((flag, path));
    }
    if args.source.tar == Some(Tar::Index) && hashes.digests.is_some() {
        return Err(UsageError::contradiction("--tar=i", "--fsverity-digests"));
    }
    Ok(hashes)
}

/// The options with the tree that `args` ask for.
pub(super) fn options(args: &Args, options: Options) -> Result<Options, UsageError> {
    let verity = &args.verity;
    if verity.verity.is_none() {
        let flags = [
            ("--verity-hash", verity.verity_hash.is_some()),
            ("--verity-salt", verity.verity_salt.is_some()),
            ("--verity-data-block-size", verity.verity_data_block_size.is_some()),
            ("--verity-hash-block-size", verity.verity_hash_block_size.is_some()),
            ("--verity-no-superblock", verity.verity_no_superblock),
            ("--roothash-file", verity.roothash_file.is_some()),
        ];
        return match flags.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(UsageError::contradiction("an image without --verity", flag)),
            None => Ok(options),
        };
    }
    let salt = match &verity.verity_salt {
        None | Some(SaltArg::FromUuid) => VeritySalt::FromUuid,
        Some(SaltArg::None) => VeritySalt::None,
        Some(SaltArg::Given(salt)) => VeritySalt::Given(salt.clone()),
    };
    let mut tree = Verity::new()
        .hash(verity.verity_hash.unwrap_or_default())
        .hash_block_size(verity.verity_hash_block_size.unwrap_or_default())
        .superblock(!verity.verity_no_superblock)
        .salt(salt)
        .map_err(|error| UsageError::value("--verity-salt", "", error))?;
    if let Some(size) = verity.verity_data_block_size {
        tree = tree.data_block_size(size);
    }
    Ok(options.verity(tree))
}

/// Notes about trees that not every machine can use, or that do not cover everything.
pub(super) fn notes(args: &Args) -> Vec<String> {
    let verity = &args.verity;
    if verity.verity.is_none() {
        return Vec::new();
    }
    let mut notes = Vec::new();
    let sizes = [
        ("--verity-data-block-size", verity.verity_data_block_size),
        ("--verity-hash-block-size", verity.verity_hash_block_size),
    ];
    for (flag, size) in sizes {
        if let Some(size) = size.filter(|size| *size > BlockSize::default()) {
            notes.push(format!(
                "{flag}={size}: Linux can use this only if its pages have {size} bytes or more"
            ));
        }
    }
    let block_size = args.block_size.unwrap_or_default();
    if let Some(size) = verity.verity_data_block_size.filter(|size| *size > block_size) {
        notes.push(format!(
            "--verity-data-block-size={size}: Linux does not mount an image with blocks of \
             {block_size} bytes from a device with blocks of {size}"
        ));
    }
    if args.source.tar == Some(Tar::Index) {
        notes.push("--verity: contents that stay in the archive are not covered".to_owned());
    }
    notes
}
