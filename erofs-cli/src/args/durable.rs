//! The arguments about what holds when the command returns.

/// The arguments about what holds when the command returns.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct DurableArgs {
    /// Replace FILE also if it is an archive or compressed, such as the SOURCE of other
    /// programs
    #[arg(long)]
    pub(crate) force: bool,

    /// Return only when the image is on the disk, and report write errors
    #[arg(long)]
    pub(crate) sync: bool,

    /// Read the image back and compare it with the source before it gets its name
    #[arg(long)]
    pub(crate) verify: bool,
}
