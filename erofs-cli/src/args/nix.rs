//! The arguments about what Nix stores and knows.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use erofs_writer::source::PublicKey;

/// The arguments about what Nix stores and knows.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Nix")]
pub(crate) struct NixArgs {
    /// Pack a NAR, or an export: the file SOURCE, or without one (or with -) standard
    /// input
    ///
    /// A NAR, as nix-store --dump writes it, has to be of a directory, which becomes the
    /// root. Of an export, as nix-store --export writes it, each store path becomes /NAME.
    /// Compression is recognised as with --tar, and contents wait in the same way. Owners
    /// and times are 0.
    #[arg(long)]
    pub(crate) nar: bool,

    /// With --store-paths, take the store paths from the binary cache in the folder DIR
    ///
    /// The cache is one that nix copy --to file://DIR has made. The image is the same as
    /// from a store that has the paths. The NARs have to have the lengths and hashes that
    /// the cache says.
    #[arg(
        long,
        value_name = "DIR",
        requires = "store_paths",
        value_parser = OsStringValueParser::new().try_map(folder)
    )]
    pub(crate) binary_cache: Option<PathBuf>,

    /// With --binary-cache, take only what KEY has signed; may be repeated
    ///
    /// A KEY is a name, a colon and base 64, as in nix.conf.
    #[arg(long, value_name = "KEY", value_parser = key, requires = "binary_cache")]
    pub(crate) trusted_public_key: Vec<PublicKey>,

    /// With --store-paths, put their registration at /nix-path-registration
    ///
    /// nix-store --load-db reads it. What it says comes from FILE: the file registration of
    /// closureInfo, or what nix path-info --json writes. Without FILE it comes from the
    /// --binary-cache.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        requires = "store_paths"
    )]
    pub(crate) registration: Option<Option<PathBuf>>,
}

/// The folder that the value of --binary-cache names.
fn folder(value: OsString) -> Result<PathBuf, &'static str> {
    let text = value.to_string_lossy();
    match text.split_once("://") {
        Some(("file", path)) if path.starts_with('/') && !path.contains('?') => Ok(path.into()),
        Some(_) => Err("only folders are read, as DIR or file:///DIR"),
        None => Ok(value.into()),
    }
}

fn key(text: &str) -> Result<PublicKey, &'static str> {
    text.parse()
}
