//! The arguments about building again.

use std::path::PathBuf;

/// The arguments about building again.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Building again")]
pub(crate) struct RebuildArgs {
    /// Take from IMAGE, an earlier one, what would be compressed in the same way
    ///
    /// The new image has the same bytes as without this flag, and is made in less time.
    /// IMAGE has to be made with --rebuildable. What it has is decoded and compared
    /// with the source. The new image may replace it.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base: Option<PathBuf>,

    /// Add a table after the image with which it can be a --base
    ///
    /// It has some 19 bytes for each file that is compressed by itself, and for each
    /// 4 MiB of longer ones, and is no part of the file system.
    #[arg(long)]
    pub(crate) rebuildable: bool,

    /// Do not read files of store paths that the base has under the same name
    ///
    /// A file whose path from the name of its store path on, and whose length, are those
    /// of a file of the base is taken to have the same bytes. The base is trusted, too:
    /// nothing of it is compared. The base has to be made with this flag, which makes its
    /// table longer.
    #[arg(long)]
    pub(crate) trust_store_names: bool,
}
