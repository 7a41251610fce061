//! What of the host a tree was read from.

use crate::tree::file_id::FileId;
use crate::tree::id::InodeId;

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
