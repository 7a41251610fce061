//! Paths of the host that lead to what a tree was read from, so that an output
//! which is part of it is known by what it is, whatever it is called.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::Errno;

use crate::tree::arena::Tree;
use crate::tree::content::Content;
use crate::tree::file_id::FileId;
use crate::tree::id::InodeId;

/// How many symlinks are followed, as many as the kernel follows.
const LINKS_MAX: usize = 40;

impl Tree {
    /// The path that the host's `path` has in the tree, or would have if it was
    /// there: with what its directory is called in the tree. None if the tree
    /// was not read from that directory, or does not have it any more.
    ///
    /// The directory is known by what it is, not by its name, so that symlinks
    /// and other mounts of it do not matter. A symlink stands for what it points
    /// at.
    ///
    /// # Errors
    /// Whatever keeps the directory from being looked at.
    pub fn host_path_in_tree(&self, path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
        let mut path = path.as_ref().to_path_buf();
        let mut left = LINKS_MAX;
        // Joining replaces all of it if the target is absolute.
        while let Ok(target) = fs::read_link(&path) {
            path = parent(&path).join(target);
            left = left.checked_sub(1).ok_or(Errno::LOOP)?;
        }
        let Some(name) = path.file_name() else { return Ok(None) };
        let dir = FileId::of_metadata(&fs::metadata(parent(&path))?);
        let mut dirs: Vec<InodeId> =
            self.host.dirs.iter().filter(|(id, _)| *id == dir).map(|(_, id)| *id).collect();
        if dirs.is_empty() {
            return Ok(None);
        }
        dirs.sort_unstable();
        let joined = |mut path: Vec<u8>| {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_bytes());
            path
        };
        let found = self.walk().filter(|entry| dirs.binary_search(&entry.arena_id()).is_ok());
        let mut paths: BTreeMap<bool, Vec<u8>> = BTreeMap::new();
        for path in found.map(|entry| joined(entry.path().to_vec())) {
            // One that is there counts more than one that might be.
            paths.entry(self.get(&path).is_some()).or_insert(path);
        }
        Ok(paths.pop_last().map(|(_, path)| path))
    }

    /// Whether `path` is a file that the tree was read from, or would be if the
    /// tree was read again.
    pub(crate) fn has_host_path(&self, path: &Path) -> io::Result<bool> {
        if let Some(path) = self.host_path_in_tree(path)? {
            // What a filter would say to a new name is not known. There is no
            // harm in one: the tree has been read.
            return Ok(self.get(&path).is_some() || !self.host.is_filtered);
        }
        match fs::metadata(path) {
            Ok(stat) => Ok(self.has_file(FileId::of_metadata(&stat))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether contents of the tree are read from the regular file of which this
    /// is told, by whatever name.
    pub(crate) fn reads_host_file(&self, stat: &Metadata) -> bool {
        let file = FileId::of_metadata(stat);
        let is_same = |content: &Content| content.host_mark() == Some(file.mark());
        self.has_file(file) || self.walk().any(|entry| entry.content().is_some_and(is_same))
    }

    fn has_file(&self, file: FileId) -> bool {
        let mut found = self.host.files.iter().filter(|(id, _)| *id == file);
        found.any(|(_, inode)| {
            inode.is_none_or(|inode| self.walk().any(|entry| entry.arena_id() == inode))
        })
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
