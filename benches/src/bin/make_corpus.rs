//! Makes the corpora below OUT/nix/store; corpus.sh downloads the packages
//! and calls it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use benches::corpus::{farm, packages, seal, synthetic};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    corpus: Corpus,
}

#[derive(Debug, Subcommand)]
enum Corpus {
    /// Debian packages as store paths, with a symlink farm over them
    Store {
        /// How many configuration files become store paths of their own, at most
        #[arg(long)]
        one_file_paths: usize,
        /// The folder that holds the .deb files
        debs: PathBuf,
        out: PathBuf,
    },
    /// One million files of 0 to 200 bytes
    Tiny { out: PathBuf },
    /// 10,000 store paths of one or two files
    Paths10k { out: PathBuf },
}

fn main() -> Result<()> {
    match Args::parse().corpus {
        Corpus::Store { one_file_paths, debs, out } => {
            let (out, store) = make_store(&out)?;
            let paths = packages::unpack_all(&debs, &store)?;
            farm::link_system_path(&store, &paths)?;
            farm::copy_configuration(&store, &paths, one_file_paths)?;
            seal::seal(&out)
        }
        Corpus::Tiny { out } => {
            let (out, store) = make_store(&out)?;
            synthetic::tiny(&store)?;
            seal::seal(&out)
        }
        Corpus::Paths10k { out } => {
            let (out, store) = make_store(&out)?;
            synthetic::paths10k(&store)?;
            seal::seal(&out)
        }
    }
}

/// Makes OUT/nix/store; absolute paths of OUT and of it, as the lists need.
fn make_store(out: &Path) -> Result<(PathBuf, PathBuf)> {
    let store = out.join("nix/store");
    fs::create_dir_all(&store).with_context(|| format!("{}", store.display()))?;
    Ok((out.canonicalize()?, store.canonicalize()?))
}
