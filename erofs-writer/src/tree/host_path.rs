//! Paths of the host that lead to files of a tree. An output that is part of the tree's
//! source is recognized by its identity, not by its name.

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

/// The most symlinks that are followed: `MAXSYMLINKS` of Linux.
const LINKS_MAX: usize = 40;

impl Tree {
    /// The path in the tree of the host's `path`, or the path it would have if it
    /// existed: the path of its directory in the tree, and its name. None if the tree
    /// was not read from that directory, or no longer has it.
    ///
    /// The directory is recognized by its device and inode numbers, so symlinks and
    /// other mounts of it do not matter. A symlink at `path` is followed.
    ///
    /// # Errors
    /// Any error of the system when it is asked about the directory.
    pub fn host_path_in_tree(&self, path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
        let mut path = path.as_ref().to_path_buf();
        let mut left = LINKS_MAX;
        // Joining replaces the whole path if the target is absolute.
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
            // A path that exists in the tree is better than one that only could.
            paths.entry(self.get(&path).is_some()).or_insert(path);
        }
        Ok(paths.pop_last().map(|(_, path)| path))
    }

    /// Whether the tree was read from the file `path`, or would be if it was read
    /// again.
    pub(crate) fn has_host_path(&self, path: &Path) -> io::Result<bool> {
        if let Some(path) = self.host_path_in_tree(path)? {
            // The answer of a filter for a new name is not known. A new file does no
            // harm, since the tree has been read.
            return Ok(self.get(&path).is_some() || !self.host.is_filtered);
        }
        match fs::metadata(path) {
            Ok(stat) => Ok(self.has_file(FileId::of_metadata(&stat))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether contents of the tree are read from the regular file with the metadata
    /// `stat`, by whatever name.
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
