//! Results of a scan that are not yet in a tree.

use std::sync::Arc;

use crate::tree::{FileId, HostDir, InodeId, Kind, Metadata, Name};

/// A directory to read: its inode, and where it is on the host.
pub(crate) type Pending = (InodeId, Arc<HostDir>);

/// What a worker found under one name.
pub(super) struct Found {
    /// The name in the image.
    pub(super) name: Name,
    pub(super) metadata: Metadata,
    pub(super) kind: Kind,
    pub(super) file: FileId,
    /// Whether it has several names.
    pub(super) is_linked: bool,
    /// The name on the host, where it is not the name in the image.
    pub(super) host_name: Option<Name>,
}
