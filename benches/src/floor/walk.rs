//! Finds every regular file below some paths, with its length.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;

/// The regular files of one directory, by name.
#[derive(Debug)]
pub struct Dir {
    /// The directory, or the parent of a root that is a file.
    pub path: PathBuf,
    /// Names in byte order, with the lengths in bytes.
    pub files: Vec<(OsString, u64)>,
}

/// Walks the roots with all threads of rayon's pool; directories come in path
/// order within each root.
pub fn walk(roots: &[PathBuf]) -> Result<Vec<Dir>> {
    let nested = roots.par_iter().map(|root| walk_root(root)).collect::<Result<Vec<_>>>()?;
    Ok(nested.into_iter().flatten().collect())
}

fn walk_root(root: &Path) -> Result<Vec<Dir>> {
    let meta = fs::symlink_metadata(root).with_context(|| format!("{}", root.display()))?;
    if meta.is_dir() {
        return walk_dir(root.to_owned());
    }
    let (Some(parent), Some(name), true) = (root.parent(), root.file_name(), meta.is_file()) else {
        return Ok(Vec::new());
    };
    Ok(vec![Dir { path: parent.to_owned(), files: vec![(name.to_owned(), meta.len())] }])
}

fn walk_dir(path: PathBuf) -> Result<Vec<Dir>> {
    let (mut files, mut dirs) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&path).with_context(|| format!("{}", path.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            dirs.push(entry.path());
        } else if kind.is_file() {
            files.push((entry.file_name(), entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    dirs.sort_unstable();
    let below = dirs.into_par_iter().map(walk_dir).collect::<Result<Vec<_>>>()?;
    let mut all = vec![Dir { path, files }];
    all.extend(below.into_iter().flatten());
    Ok(all)
}
