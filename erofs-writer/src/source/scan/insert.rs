//! Putting the results of a scan into a tree.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result, TreeErrorKind};
use crate::source::hard_links::HardLinks;
use crate::source::scan::found::{Found, Pending};
use crate::tree::{FileId, HostDir, InodeId, Kind, Tree};

/// Puts the results of a scan into a tree.
pub(super) struct Inserter {
    policy: HardLinks,
    /// For each file with several names, the inode that its first name got.
    linked: HashMap<FileId, InodeId>,
}

/// The directories and files that have been put into a directory.
#[derive(Default)]
pub(super) struct Inserted {
    pub(super) directories: Vec<Pending>,
    pub(super) files: Vec<(FileId, InodeId)>,
}

impl Inserter {
    pub(super) fn new(policy: HardLinks) -> Self {
        Inserter { policy, linked: HashMap::new() }
    }

    /// Puts the entries of a batch of directories into the tree. Appends the
    /// directories among them to `next`.
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

    /// Puts `listing` into the directory `dir` of the tree. `parent` returns the host
    /// directory in which a name is.
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
            // Two names can become the same one only if suffixes are stripped.
            return Err(Error::tree(tree.path_of(dir), TreeErrorKind::Exists));
        }
        Ok(inserted)
    }
}

/// The kind of a further inode for a file whose first one is `first`. It shares the
/// contents of `first`, so they need not be read to find out that they are equal.
fn same_bytes(tree: &Tree, first: Option<InodeId>, kind: Kind) -> Kind {
    let first = first.map(|first| &tree.inode(first).kind);
    if let (Some(Kind::File(first)), Kind::File(content)) = (first, &kind) {
        if first.len() == content.len() {
            return Kind::File(first.clone());
        }
    }
    kind
}
