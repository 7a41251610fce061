//! What of the host a tree was read from, so that an output which is part of
//! it is known by what it is, whatever it is called.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::Hasher;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::tree::{Content, InodeId, Tree};

/// How many symlinks are followed, as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// What a file of the host is, by the numbers of its device and its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FileId {
    dev: u64,
    ino: u64,
}

impl FileId {
    #[allow(clippy::useless_conversion, reason = "the types differ between hosts")]
    pub(crate) fn of(stat: &Stat) -> Self {
        // Those of macOS may be negative.
        let dev = i64::try_from(stat.st_dev).unwrap_or_default();
        let dev = u64::try_from(stat.st_dev).unwrap_or_else(|_| dev.unsigned_abs());
        FileId { dev, ino: u64::from(stat.st_ino) }
    }

    pub(crate) fn of_metadata(stat: &Metadata) -> Self {
        FileId { dev: stat.dev(), ino: stat.ino() }
    }

    /// Half as many bytes, which are the same for the same file and hardly
    /// ever for another.
    pub(crate) fn mark(self) -> u32 {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.dev);
        hasher.write_u64(self.ino);
        u32::try_from(hasher.finish() >> 32).expect("32 bits are left")
    }
}

/// Where a tree comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostSources {
    /// Directories, everything in which may be in the tree.
    pub(crate) dirs: Vec<(FileId, InodeId)>,
    /// Files. Without an inode, one that holds the contents of many.
    pub(crate) files: Vec<(FileId, Option<InodeId>)>,
    /// Whether something was asked which paths it wants.
    pub(crate) is_filtered: bool,
}

impl HostSources {
    /// Adds those of another tree, whose inodes have other ids in this one.
    pub(crate) fn extend(&mut self, other: HostSources, id: impl Fn(InodeId) -> InodeId) {
        self.dirs.extend(other.dirs.into_iter().map(|(file, inode)| (file, id(inode))));
        self.files.extend(other.files.into_iter().map(|(file, inode)| (file, inode.map(&id))));
        self.is_filtered |= other.is_filtered;
    }
}

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
        let found = self.walk().filter(|entry| dirs.binary_search(&entry.inode_id()).is_ok());
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
            inode.is_none_or(|inode| self.walk().any(|entry| entry.inode_id() == inode))
        })
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
