//! The arguments about manifests.

use std::path::PathBuf;

use erofs_writer::source::ManifestFormat;

/// The arguments about manifests.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct ManifestArgs {
    /// Pack what MANIFEST lists (- for standard input)
    ///
    /// It is a dump of composefs, a pack file of gensquashfs, or mtree: the first line
    /// tells. Contents with relative paths are read in the directory SOURCE, or without one
    /// in that of MANIFEST.
    #[arg(long, value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,

    /// The format of MANIFEST, whatever its first line is
    #[arg(
        long,
        value_name = "composefs|gensquashfs|mtree",
        requires = "manifest",
        value_parser = format
    )]
    pub(crate) manifest_format: Option<ManifestFormat>,
}

fn format(text: &str) -> Result<ManifestFormat, &'static str> {
    match text {
        "composefs" => Ok(ManifestFormat::Composefs),
        "gensquashfs" => Ok(ManifestFormat::Gensquashfs),
        "mtree" => Ok(ManifestFormat::Mtree),
        _ => Err("use composefs, gensquashfs or mtree"),
    }
}
