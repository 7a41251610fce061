//! The arguments about hash trees.

use std::path::PathBuf;

use erofs_writer::{BlockSize, VerityHash};

use crate::args::values::{block_size, verity_hash, verity_salt};

/// The value of the flag for the salt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaltArg {
    None,
    FromUuid,
    Given(Vec<u8>),
}

/// The arguments about hash trees.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Integrity")]
pub(crate) struct VerityArgs {
    /// Add a dm-verity hash tree after the image, or write it to FILE
    ///
    /// It is what veritysetup format makes, and covers the image and the table of
    /// --rebuildable. The image is padded to whole data blocks.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) verity: Option<Option<PathBuf>>,

    /// The hash of the tree: sha256 or sha512 [default: sha256]
    #[arg(long, value_name = "HASH", value_parser = verity_hash)]
    pub(crate) verity_hash: Option<VerityHash>,

    /// The salt in hexadecimal digits, - for none, or uuid [default: uuid]
    ///
    /// With uuid it is derived from the UUID of the image, so that the same image has the
    /// same root hash. At most 256 bytes.
    #[arg(long, value_name = "HEX", value_parser = verity_salt)]
    pub(crate) verity_salt: Option<SaltArg>,

    /// The bytes of the image that have one digest [default: 4096, or less as -b]
    #[arg(long, value_name = "SIZE", value_parser = block_size)]
    pub(crate) verity_data_block_size: Option<BlockSize>,

    /// The bytes of a block of the tree [default: 4096]
    #[arg(long, value_name = "SIZE", value_parser = block_size)]
    pub(crate) verity_hash_block_size: Option<BlockSize>,

    /// Write no superblock before the tree
    #[arg(long)]
    pub(crate) verity_no_superblock: bool,

    /// Write the root hash to FILE, in hexadecimal digits without a line end
    #[arg(long, value_name = "FILE")]
    pub(crate) roothash_file: Option<PathBuf>,

    /// Write the fs-verity digests of all regular files to FILE
    ///
    /// Each line has a path and its digest, both as in the dump of a composefs. Lines
    /// are in the order of the paths.
    #[arg(long, value_name = "FILE")]
    pub(crate) fsverity_digests: Option<PathBuf>,
}
