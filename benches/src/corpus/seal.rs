//! The last step of every corpus: owner root, files 0444 or 0555, directories
//! 0555, all times 1, and the lists of store paths.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use walkdir::WalkDir;

/// The counts of a tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    dirs: u64,
    files: u64,
    symlinks: u64,
    bytes: u64,
}

impl Counts {
    fn inodes(&self) -> u64 {
        self.dirs + self.files + self.symlinks
    }

    fn add(&mut self, other: Self) {
        self.dirs += other.dirs;
        self.files += other.files;
        self.symlinks += other.symlinks;
        self.bytes += other.bytes;
    }
}

/// Seals `out/nix/store` and writes `out/store-paths`, `out/half-store-paths`
/// and `out/counts`.
pub fn seal(out: &Path) -> Result<()> {
    let store = out.join("nix/store");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&store)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let counts = paths.par_iter().map(|path| seal_tree(path)).collect::<Result<Vec<_>>>()?;
    seal_one(&store, &fs::symlink_metadata(&store)?)?;

    let mut total = Counts::default();
    for count in &counts {
        total.add(*count);
    }
    let in_half = split(&counts, total);
    let half: Vec<&PathBuf> =
        paths.iter().zip(&in_half).filter_map(|(path, &chosen)| chosen.then_some(path)).collect();
    write_list(&out.join("store-paths"), paths.iter())?;
    write_list(&out.join("half-store-paths"), half.into_iter())?;
    let report = format!(
        "{} store paths, {} directories, {} files, {} symlinks, {} bytes in files\n",
        paths.len(),
        total.dirs,
        total.files,
        total.symlinks,
        total.bytes,
    );
    Ok(fs::write(out.join("counts"), report)?)
}

fn seal_tree(path: &Path) -> Result<Counts> {
    let mut counts = Counts::default();
    // A directory after what is in it: else its time would change again.
    for found in WalkDir::new(path).follow_root_links(false).contents_first(true) {
        let found = found?;
        let meta = found.metadata()?;
        if meta.is_dir() {
            counts.dirs += 1;
        } else if meta.is_file() {
            counts.files += 1;
            counts.bytes += meta.len();
        } else if meta.is_symlink() {
            counts.symlinks += 1;
        } else {
            // Nix knows no devices, pipes or sockets.
            fs::remove_file(found.path())?;
            continue;
        }
        let path = found.path();
        seal_one(path, &meta).with_context(|| format!("{}", path.display()))?;
    }
    Ok(counts)
}

fn seal_one(path: &Path, meta: &Metadata) -> Result<()> {
    if rustix::process::geteuid().is_root() && (meta.uid(), meta.gid()) != (0, 0) {
        lchown(path, Some(0), Some(0))?;
    }
    if !meta.is_symlink() {
        let executable = meta.is_dir() || meta.mode() & 0o111 != 0;
        let mode = if executable { 0o555 } else { 0o444 };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    let one = Timespec { tv_sec: 1, tv_nsec: 0 };
    let times = Timestamps { last_access: one, last_modification: one };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Chooses half of the paths, so that bytes and inodes together, each in
/// units of a millionth of the whole, are half of all: the costliest first,
/// each to the side that has less.
fn split(counts: &[Counts], total: Counts) -> Vec<bool> {
    let cost = |c: &Counts| {
        c.bytes * 1_000_000 / total.bytes.max(1) + c.inodes() * 1_000_000 / total.inodes().max(1)
    };
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(cost(&counts[i])), i));
    let mut chosen = vec![false; counts.len()];
    let (mut inside, mut outside) = (0, 0);
    for i in order {
        if inside <= outside {
            chosen[i] = true;
            inside += cost(&counts[i]).max(1);
        } else {
            outside += cost(&counts[i]).max(1);
        }
    }
    chosen
}

fn write_list<'a>(file: &Path, paths: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let mut text = String::new();
    for path in paths {
        text.push_str(path.to_str().context("a store path that is not UTF-8")?);
        text.push('\n');
    }
    fs::write(file, text).with_context(|| format!("{}", file.display()))
}
