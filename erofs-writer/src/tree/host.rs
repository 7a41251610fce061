//! The files and directories of the host that a tree was read from.

use crate::tree::file_id::FileId;
use crate::tree::id::InodeId;

/// The files and directories of the host that a tree was read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostSources {
    /// Directories that were listed, each with its inode. The tree may have all that is
    /// in them.
    pub(crate) dirs: Vec<(FileId, InodeId)>,
    /// Files, each with its inode. None for a file that has the contents of many
    /// inodes, such as an archive.
    pub(crate) files: Vec<(FileId, Option<InodeId>)>,
    /// Whether entries may be missing: a filter was asked, or paths were removed or
    /// hidden.
    pub(crate) is_filtered: bool,
}

impl HostSources {
    /// Adds the sources of another tree. `id` gives the new id of each of its inodes.
    pub(crate) fn extend(&mut self, other: HostSources, id: impl Fn(InodeId) -> InodeId) {
        self.dirs.extend(other.dirs.into_iter().map(|(file, inode)| (file, id(inode))));
        self.files.extend(other.files.into_iter().map(|(file, inode)| (file, inode.map(&id))));
        self.is_filtered |= other.is_filtered;
    }
}
