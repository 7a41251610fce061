//! The arguments about what the command says.

/// The arguments about what the command says.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Write nothing to standard output, except the report of --json
    #[arg(long)]
    pub(crate) quiet: bool,

    /// Report on standard output as one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Show no progress, also on a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// How much to say: 0 or 1 errors only, 2 a summary, 3 all about the image, 4 and
    /// above the time of each phase, too
    #[arg(
        short = 'd',
        value_name = "0-9",
        default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(0..=9)
    )]
    pub(crate) level: u8,
}
