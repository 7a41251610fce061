//! Debian packages as store paths: `NAME_VERSION_ARCH.deb` is unpacked to
//! `<hash of the .deb>-NAME-VERSION`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use super::name::store_name;

/// Unpacks every package of `debs` into `store`. Returns the store paths,
/// sorted.
pub fn unpack_all(debs: &Path, store: &Path) -> Result<Vec<PathBuf>> {
    let packages: Vec<PathBuf> = fs::read_dir(debs)
        .with_context(|| format!("{}", debs.display()))?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| !matches!(path, Ok(p) if p.extension().is_none_or(|e| e != "deb")))
        .collect::<Result<_>>()?;
    ensure!(!packages.is_empty(), "{}: no packages", debs.display());
    let mut paths = packages
        .par_iter()
        .map(|deb| unpack(deb, store).with_context(|| format!("{}", deb.display())))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn unpack(deb: &Path, store: &Path) -> Result<PathBuf> {
    let stem = deb.file_stem().unwrap_or_default().to_string_lossy();
    let mut fields = stem.split('_');
    let (name, version) = (fields.next(), fields.next());
    let (Some(name), Some(version)) = (name, version) else {
        anyhow::bail!("not named NAME_VERSION_ARCH.deb");
    };
    // An epoch, whose colon is %3a in file names, is not part of what Nix
    // would call the version.
    let version = version.split_once("%3a").map_or(version, |(_, v)| v);
    let target = store.join(store_name(&fs::read(deb)?, &format!("{name}-{version}")));
    let status =
        Command::new("dpkg-deb").arg("-x").args([deb, &target]).status().context("dpkg-deb")?;
    ensure!(status.success(), "dpkg-deb failed: {status}");
    Ok(target)
}
