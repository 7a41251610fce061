//! Changes of whole trees that many images need.

use crate::error::{Error, Result, TreeErrorKind};
use crate::time::Timestamp;
use crate::tree::arena::Tree;
use crate::tree::node::{Metadata, Node, Rdev};
use crate::tree::overlay::{OPAQUE_XATTR, ORIGIN_XATTR};

impl Tree {
    /// Adds `uid_offset` to all users and `gid_offset` to all groups. This is for
    /// containers whose ids are mapped to a range of ids of the host. Both offsets may
    /// be negative.
    ///
    /// ```
    /// use erofs_writer::{Metadata, Tree};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755));
    /// tree.offset_owners(100_000, 200_000)?;
    /// let root = tree.get("/").expect("every tree has one").metadata();
    /// assert_eq!((root.uid, root.gid), (100_000, 200_000));
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tree`] with [`TreeErrorKind::Owner`] if a sum is not from 0 to
    /// 4,294,967,295. The tree is unchanged then.
    pub fn offset_owners(&mut self, uid_offset: i64, gid_offset: i64) -> Result<()> {
        if (uid_offset, gid_offset) == (0, 0) {
            return Ok(());
        }
        let wrong = self.walk().find_map(|entry| {
            let Metadata { uid, gid, .. } = *entry.metadata();
            let kind = match (sum(uid, uid_offset), sum(gid, gid_offset)) {
                (None, _) => TreeErrorKind::Owner { field: "uid", id: uid, offset: uid_offset },
                (_, None) => TreeErrorKind::Owner { field: "gid", id: gid, offset: gid_offset },
                _ => return None,
            };
            Some(Error::tree(entry.path(), kind))
        });
        if let Some(error) = wrong {
            return Err(error);
        }
        self.update_metadata(|metadata| {
            // Only inodes to which no path leads can be out of range. They stay as they
            // are.
            metadata.uid = sum(metadata.uid, uid_offset).unwrap_or(metadata.uid);
            metadata.gid = sum(metadata.gid, gid_offset).unwrap_or(metadata.gid);
        });
        Ok(())
    }

    /// Sets all times after `latest` to `latest`, as `SOURCE_DATE_EPOCH` demands: times
    /// up to it stay, and later ones do not depend on when something was built.
    ///
    /// ```
    /// use erofs_writer::{Metadata, Timestamp, Tree};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755).with_mtime(Timestamp::from_sec(2000)));
    /// tree.clamp_times(Timestamp::from_sec(1000));
    /// let root = tree.get("/").expect("every tree has one").metadata();
    /// assert_eq!(root.mtime, Timestamp::from_sec(1000));
    /// ```
    pub fn clamp_times(&mut self, latest: Timestamp) {
        self.update_metadata(|metadata| metadata.mtime = metadata.mtime.min(latest));
    }

    /// Removes the marks of overlayfs: whiteouts, which are character devices with the
    /// number 0:0, the attribute `trusted.overlay.opaque`, and an empty
    /// `trusted.overlay.origin`, which marks directories with whiteouts.
    ///
    /// Entries of other layers that the marks hide are then visible again. To apply the
    /// marks instead, lay the tree over those layers with [`overlay`](Tree::overlay).
    ///
    /// ```
    /// use erofs_writer::{Metadata, Node, Rdev, Tree};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755));
    /// let whiteout = Node::CharDevice(Rdev { major: 0, minor: 0 });
    /// tree.insert("old", Metadata::new(0), whiteout)?;
    /// tree.strip_overlay();
    /// assert!(tree.get("old").is_none());
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    pub fn strip_overlay(&mut self) {
        self.retain(|entry| !matches!(entry.node(), Node::CharDevice(Rdev { major: 0, minor: 0 })));
        self.update_metadata(|metadata| {
            metadata.xattrs.retain(|name, value| match name {
                OPAQUE_XATTR => false,
                ORIGIN_XATTR => !value.is_empty(),
                _ => true,
            });
        });
    }
}

fn sum(id: u32, offset: i64) -> Option<u32> {
    u32::try_from(i64::from(id).checked_add(offset)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(uid: u32, mtime: Timestamp) -> Tree {
        let mut tree = Tree::new(Metadata::new(0o755));
        let metadata = Metadata { uid, gid: 7, mtime, ..Metadata::new(0o755) };
        tree.insert("d", metadata, Node::Directory).expect("free");
        tree
    }

    fn adjusted(tree: &Tree) -> &Metadata {
        tree.get("d").expect("exists").metadata()
    }

    #[test]
    fn an_owner_that_overflows_is_an_error_and_changes_nothing() {
        let mut tree = tree(u32::MAX - 1, Timestamp::default());
        tree.offset_owners(1, 0).expect("fits");
        let error = tree.offset_owners(2, 1).expect_err("too large");
        assert_eq!(
            error.to_string(),
            "/d: with an offset of 2, its uid 4294967295 is outside of 0 to 4294967295"
        );
        assert_eq!((adjusted(&tree).uid, adjusted(&tree).gid), (u32::MAX, 7));
        let error = tree.offset_owners(0, -1).expect_err("the root has 0");
        let kind = TreeErrorKind::Owner { field: "gid", id: 0, offset: -1 };
        assert!(
            matches!(error, Error::Tree { path, kind: found } if path == b"/" && found == kind)
        );
        tree.offset_owners(0, i64::MAX).expect_err("too large by far");
    }

    #[test]
    fn clamping_changes_only_what_is_later_or_has_a_fraction_of_that_second() {
        let latest = Timestamp::from_sec(1000);
        let clamped = |sec, nsec| {
            let mut tree = tree(0, Timestamp { sec, nsec });
            tree.clamp_times(latest);
            adjusted(&tree).mtime
        };
        assert_eq!(clamped(999, 5), Timestamp { sec: 999, nsec: 5 });
        assert_eq!(clamped(1000, 5), latest);
        assert_eq!(clamped(1001, 0), latest);
        assert_eq!(clamped(-1, 0), Timestamp::from_sec(-1));
    }
}
