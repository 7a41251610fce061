//! The argument about what comes first.

use std::path::PathBuf;

/// The argument about what comes first.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Layout")]
pub(crate) struct OrderArgs {
    /// Let the paths listed in LIST, one a line, come first, in this order
    ///
    /// They are paths of the image, with or without a slash before them: what a machine
    /// reads when it starts, so that it reads that in fewer steps. Their inodes and their
    /// contents come before all others, which are in the order of paths. Paths that the
    /// image does not have are passed over.
    #[arg(long, value_name = "LIST")]
    pub(crate) order: Option<PathBuf>,
}
