//! The parts of a NixOS closure that are not packages: `system-path`, a farm of
//! symlinks over all packages, and thousands of store paths of one file (unit files,
//! generated configuration).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::name::store_name;

/// Files below these folders become store paths of their own, in this order
/// until there are enough: what NixOS generates one by one.
const CONFIGURATION: [&str; 6] = [
    "etc",
    "lib/systemd",
    "usr/lib/systemd",
    "usr/share/bash-completion",
    "usr/share/applications",
    "usr/share/doc",
];

/// Makes `<hash>-system-path` in `store`: the directories of all packages in
/// one, with a symlink for each file. Where two have a name, the first has it.
pub fn link_system_path(store: &Path, packages: &[PathBuf]) -> Result<PathBuf> {
    let names: Vec<&[u8]> = packages.iter().map(|p| p.as_os_str().as_bytes()).collect();
    // The parent differs from one corpus folder to the next; it must not
    // reach the hash.
    let skip = store.as_os_str().len() + 1;
    let hashed = names.iter().map(|n| &n[skip..]).collect::<Vec<_>>();
    let farm = store.join(store_name(&hashed.join(&b'\n'), "system-path"));
    fs::create_dir(&farm)?;
    for package in packages {
        let Some(name) = package.file_name() else {
            continue;
        };
        link_tree(package, &farm, &Path::new("/nix/store").join(name))
            .with_context(|| format!("{}", package.display()))?;
    }
    Ok(farm)
}

fn link_tree(from: &Path, farm: &Path, target: &Path) -> Result<()> {
    for (name, is_dir) in sorted_entries(from)? {
        let (entry, target) = (farm.join(&name), target.join(&name));
        let taken = fs::symlink_metadata(&entry);
        if is_dir {
            match taken {
                Err(_) => fs::create_dir(&entry)?,
                // A file of another package has the name.
                Ok(m) if !m.is_dir() => continue,
                Ok(_) => {}
            }
            link_tree(&from.join(&name), &entry, &target)?;
        } else if taken.is_err() {
            symlink(&target, &entry)?;
        }
    }
    Ok(())
}

/// Copies up to `wanted` configuration files into store paths of their own.
pub fn copy_configuration(store: &Path, packages: &[PathBuf], wanted: usize) -> Result<()> {
    let mut made = 0;
    for folder in CONFIGURATION {
        for package in packages {
            let from = package.join(folder);
            if !from.is_dir() {
                continue;
            }
            for found in WalkDir::new(from).sort_by_file_name() {
                let found = found?;
                if !found.file_type().is_file() {
                    continue;
                }
                if made == wanted {
                    return Ok(());
                }
                made += usize::from(copy_one(store, package, found.path())?);
            }
        }
    }
    Ok(())
}

/// Returns false where a store path of that name and content is there.
fn copy_one(store: &Path, package: &Path, file: &Path) -> Result<bool> {
    // Two packages can hold one file under one name; hashing the path within
    // the package too keeps most of them apart, as derivations would be.
    let within = file.strip_prefix(package)?.as_os_str().as_bytes();
    let mut hashed = fs::read(file).with_context(|| format!("{}", file.display()))?;
    hashed.extend_from_slice(within);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let target = store.join(store_name(&hashed, &name));
    if target.exists() {
        return Ok(false);
    }
    fs::copy(file, &target)?;
    Ok(true)
}

/// Names in byte order, each with whether it is a directory.
fn sorted_entries(dir: &Path) -> Result<Vec<(std::ffi::OsString, bool)>> {
    let mut entries = fs::read_dir(dir)
        .with_context(|| format!("{}", dir.display()))?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), entry.file_type()?.is_dir()))
        })
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}
