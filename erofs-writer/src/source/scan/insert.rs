//! Putting what was found into a tree.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result, TreeErrorKind};
use crate::source::hard_links::HardLinks;
use crate::source::scan::found::{Found, Pending};
use crate::tree::{FileId, HostDir, InodeId, Kind, Tree};

/// Puts what was found into a tree.
pub(super) struct Inserter {
    policy: HardLinks,
    /// Files of several names, and the inode that the first name got.
    linked: HashMap<FileId, InodeId>,
}

/// What has been put into a directory.
#[derive(Default)]
pub(super) struct Inserted {
    pub(super) directories: Vec<Pending>,
    pub(super) files: Vec<(FileId, InodeId)>,
}

impl Inserter {
    pub(super) fn new(policy: HardLinks) -> Self {
        Inserter { policy, linked: HashMap::new() }
    }

    /// Puts directories into the tree, and appends those in them to `next`.
    pub(super) fn insert_listed(
        &mut self,
        tree: &mut Tree,
        (batch, listings): (&[Pending], Vec<Vec<Found>>),
        next: &mut Vec<Pending>,
    ) -> Result<()> {
        for ((id, dir), listing) in batch.iter().zip(listings) {
            let inserted = self.insert(tree, *id, listing, |_| Some(Arc::clone(dir)))?;
            next.extend(inserted.directories);
        }
        Ok(())
    }

    /// Puts what was found into the directory `dir` of the tree. `parent` knows
    /// the host directory that has a name.
    pub(super) fn insert(
        &mut self,
        tree: &mut Tree,
        dir: InodeId,
        listing: Vec<Found>,
        parent: impl Fn(&[u8]) -> Option<Arc<HostDir>>,
    ) -> Result<Inserted> {
        let mut inserted = Inserted::default();
        let mut children = Vec::with_capacity(listing.len());
        for found in listing {
            let Found { name, metadata, kind, file, is_linked, host_name } = found;
            let (is_dir, is_file) =
                (matches!(kind, Kind::Directory(_)), matches!(kind, Kind::File(_)));
            let first = is_linked.then(|| self.linked.get(&file).copied()).flatten();
            let id = match first {
                Some(first) if self.policy == HardLinks::Keep => first,
                first => tree.add(metadata, same_bytes(tree, first, kind))?,
            };
            if is_linked && first.is_none() {
                self.linked.insert(file, id);
            }
            if is_dir {
                let parent = parent(&name).expect("every name is in a directory");
                let host_name = host_name.unwrap_or_else(|| name.clone());
                inserted.directories.push((id, parent.child(host_name, file)));
                tree.host.dirs.push((file, id));
            } else if is_file && dir == Tree::ROOT {
                inserted.files.push((file, id));
            }
            children.push((name, id));
        }
        let expected = children.len();
        let target = tree.children_mut(dir);
        target.extend(children);
        if target.len() < expected {
            // Only stripped suffixes can make two names one.
            return Err(Error::tree(tree.path_of(dir), TreeErrorKind::Exists));
        }
        Ok(inserted)
    }
}

/// An inode of its own may be known to have the same bytes as another, without
/// reading them.
fn same_bytes(tree: &Tree, first: Option<InodeId>, kind: Kind) -> Kind {
    let first = first.map(|first| &tree.inode(first).kind);
    if let (Some(Kind::File(first)), Kind::File(content)) = (first, &kind) {
        if first.len() == content.len() {
            return Kind::File(first.clone());
        }
    }
    kind
}
