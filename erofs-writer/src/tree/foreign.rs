//! Extended attributes that only other systems or file systems have.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::tree::arena::Tree;
use crate::tree::check::check_xattr_name;
use crate::tree::id::InodeId;
use crate::tree::node::{XattrMap, Xattrs};

/// A report of the attributes that [`Tree::drop_foreign_xattrs`] has removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedXattrs {
    /// The number of attributes. An attribute that several inodes have counts for each.
    pub count: u64,
    /// The first path, in the order of paths, that had such an attribute.
    pub path: Vec<u8>,
    /// The first name, in the order of names, that was removed at that path.
    pub name: Vec<u8>,
}

/// Whether an image can store attributes of this name.
fn is_storable(name: &[u8]) -> bool {
    check_xattr_name(name).is_ok()
}

fn has_foreign(xattrs: &Xattrs) -> bool {
    xattrs.iter().any(|(name, _)| !is_storable(name))
}

impl Tree {
    /// Removes the extended attributes whose names an image cannot store, and says
    /// which. All others stay. Returns `None` if there were none.
    ///
    /// An image can store attributes that begin with `user.`, `trusted.` or
    /// `security.`, and the two ACLs of POSIX. At least one byte must follow the
    /// prefix, and the name has at most 255 bytes, since Linux has no way to ask for
    /// longer ones. All other attributes belong to one system or file system, as
    /// `com.apple.provenance`, `btrfs.compression` and `system.nfs4_acl` do, and other
    /// tools leave them out as well. Without this call, writing such a tree is an
    /// [`Error::Tree`](crate::Error::Tree), so that nothing is lost unnoticed.
    ///
    /// ```
    /// use erofs_writer::{Metadata, Tree};
    ///
    /// let mut metadata = Metadata::new(0o755);
    /// metadata.xattrs.set("com.apple.provenance", [1, 2]);
    /// metadata.xattrs.set("user.kept", "yes");
    /// let mut tree = Tree::new(metadata);
    /// let dropped = tree.drop_foreign_xattrs().expect("there is one");
    /// assert_eq!((dropped.count, &dropped.path[..]), (1, &b"/"[..]));
    /// assert_eq!(dropped.name, b"com.apple.provenance");
    /// assert_eq!(tree.drop_foreign_xattrs(), None);
    /// ```
    pub fn drop_foreign_xattrs(&mut self) -> Option<DroppedXattrs> {
        let dropped = self.foreign_xattrs();
        // Inodes of an archive share sets of attributes, and should share them
        // afterwards.
        let mut known: HashMap<*const XattrMap, (Arc<XattrMap>, Xattrs)> = HashMap::new();
        for inode in self.inodes_mut() {
            let xattrs = &mut inode.metadata.xattrs;
            let Some(set) = xattrs.shared().filter(|_| has_foreign(xattrs)).cloned() else {
                continue;
            };
            if let Some((_, kept)) = known.get(&Arc::as_ptr(&set)) {
                *xattrs = kept.clone();
                continue;
            }
            xattrs.retain(|name, _| is_storable(name));
            // One of the references is the local one.
            if Arc::strong_count(&set) > 1 {
                known.insert(Arc::as_ptr(&set), (set, xattrs.clone()));
            }
        }
        dropped
    }

    /// Counts the attributes that an image cannot store. Inodes to which no path leads
    /// do not count.
    fn foreign_xattrs(&self) -> Option<DroppedXattrs> {
        if !self.inodes.iter().any(|inode| has_foreign(&inode.metadata.xattrs)) {
            return None;
        }
        let mut seen: HashSet<InodeId> = HashSet::new();
        let mut dropped: Option<DroppedXattrs> = None;
        for entry in self.walk() {
            let xattrs = &entry.metadata().xattrs;
            let mut foreign = xattrs.iter().map(|(name, _)| name).filter(|name| !is_storable(name));
            let Some(first) = foreign.next().filter(|_| seen.insert(entry.arena_id())) else {
                continue;
            };
            let dropped = dropped.get_or_insert_with(|| DroppedXattrs {
                count: 0,
                path: entry.path().to_vec(),
                name: first.to_vec(),
            });
            dropped.count += 1 + u64::try_from(foreign.count()).unwrap_or(u64::MAX);
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Metadata, Node};

    fn with(names: &[&str]) -> Metadata {
        let pairs = names.iter().map(|name| (name.as_bytes().to_vec(), b"value".to_vec()));
        Metadata { xattrs: pairs.collect(), ..Metadata::new(0o755) }
    }

    fn names(tree: &Tree, path: &str) -> Vec<String> {
        let xattrs = &tree.get(path).expect("is there").metadata().xattrs;
        xattrs.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn what_an_image_can_hold_stays() {
        let long = format!("user.{}", "n".repeat(251));
        let (kept, gone) = (
            [
                "security.capability",
                "security.selinux",
                "system.posix_acl_access",
                "system.posix_acl_default",
                "trusted.overlay.opaque",
                &long[..255],
            ],
            [
                "btrfs.compression",
                "com.apple.quarantine",
                "system.nfs4_acl",
                "system.posix_acl_access2",
                "user",
                "user.",
                "user.a\0b",
                &long,
            ],
        );
        let mut tree = Tree::new(with(&[&kept[..], &gone].concat()));
        let dropped = tree.drop_foreign_xattrs().expect("there are some");
        assert_eq!(names(&tree, "/"), kept);
        assert_eq!((dropped.count, dropped.path), (8, b"/".to_vec()));
        assert_eq!(dropped.name, b"btrfs.compression");
    }

    #[test]
    fn inodes_are_counted_once_and_only_where_a_path_leads_to_them() {
        let mut tree = Tree::new(with(&["user.kept"]));
        let gone = ["com.apple.provenance", "com.apple.quarantine"];
        tree.insert("b", with(&gone), Node::Directory).expect("free");
        let linked = tree.insert("b/file", with(&gone), Node::Fifo).expect("free");
        tree.hard_link("a", linked).expect("free");
        tree.insert("hidden", with(&gone), Node::Fifo).expect("free");
        tree.retain(|entry| entry.path() != b"/hidden");
        let dropped = tree.drop_foreign_xattrs().expect("there are some");
        assert_eq!((dropped.count, dropped.path), (4, b"/a".to_vec()));
        assert_eq!(dropped.name, b"com.apple.provenance");
        assert!(names(&tree, "b/file").is_empty());
        assert_eq!(names(&tree, "/"), ["user.kept"]);
        assert_eq!(tree.drop_foreign_xattrs(), None);
    }

    #[test]
    fn inodes_that_share_a_set_go_on_to_share_it() {
        let metadata = with(&["com.apple.provenance", "user.kept"]);
        let mut tree = Tree::new(Metadata::new(0o755));
        for path in ["a", "b", "c"] {
            tree.insert(path, metadata.clone(), Node::Fifo).expect("free");
        }
        tree.drop_foreign_xattrs().expect("there are some");
        let set = |path: &str| {
            let xattrs = &tree.get(path).expect("is there").metadata().xattrs;
            Arc::as_ptr(xattrs.shared().expect("is not empty"))
        };
        assert_eq!(set("a"), set("b"));
        assert_eq!(set("a"), set("c"));
        assert_eq!(names(&tree, "c"), ["user.kept"]);
    }
}
