//! Results of a scan that are not yet in a tree.

use std::sync::Arc;

use crate::tree::{FileId, HostDir, InodeId, Kind, Metadata, Name};

/// A directory that is still to be read: its inode, and its place on the host.
pub(crate) type Pending = (InodeId, Arc<HostDir>);

/// An entry of a directory, as a worker has found it.
pub(super) struct Found {
    /// The name in the image.
    pub(super) name: Name,
    pub(super) metadata: Metadata,
    pub(super) kind: Kind,
    pub(super) file: FileId,
    /// Whether the file has several names.
    pub(super) is_linked: bool,
    /// The name on the host if it differs from the name in the image.
    pub(super) host_name: Option<Name>,
}
