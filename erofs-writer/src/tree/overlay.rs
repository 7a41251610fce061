//! Laying a tree over another one, as overlayfs lays directories.

use std::collections::HashMap;
use std::mem;

use crate::error::{Error, Result, TreeErrorKind};
use crate::tree::arena::{Children, Inode, Kind, Tree};
use crate::tree::id::InodeId;
use crate::tree::node::{Metadata, Rdev};
use crate::tree::path::is_valid_name;

/// The prefix of aufs whiteouts. A file named by it and NAME hides NAME in layers
/// below.
pub(crate) const AUFS_WHITEOUT: &[u8] = b".wh.";
/// The name of the aufs file that hides all entries its directory has in layers below.
pub(crate) const AUFS_OPAQUE: &[u8] = b".wh..wh..opq";
/// The attribute by which overlayfs marks such directories, with the value `y`.
pub(crate) const OPAQUE_XATTR: &[u8] = b"trusted.overlay.opaque";
/// With an empty value, the attribute of directories in which overlayfs looks for
/// whiteouts even if no other layer has the directory (Linux 6.8).
pub(crate) const ORIGIN_XATTR: &[u8] = b"trusted.overlay.origin";
/// The attribute that makes an empty file a whiteout (`ovl_path_check_xwhiteout_xattr`,
/// Linux 6.7).
const WHITEOUT_XATTR: &[u8] = b"trusted.overlay.whiteout";
/// The namespaces of overlayfs attributes. Overlays mounted with `userxattr` use the
/// second one.
const TRUSTED: &[u8] = b"trusted.overlay.";
const USER: &[u8] = b"user.overlay.";

/// How the marks of overlayfs are treated when a tree is laid over another one. See
/// [`Tree::overlay_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Whiteouts {
    /// Marks hide entries below, and are not in the result.
    #[default]
    Apply,
    /// Marks hide entries below and stay in the result, so that it can be laid over
    /// further layers.
    Keep,
    /// Marks are ordinary devices and attributes, and hide nothing.
    Ignore,
}

impl Tree {
    /// Lays `upper` over this tree and applies its whiteouts, as
    /// [`overlay_with`](Tree::overlay_with) does with [`Whiteouts::Apply`].
    ///
    /// ```
    /// use erofs_writer::{Metadata, Node, Rdev, Tree};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755));
    /// tree.insert("old", Metadata::new(0o644), Node::Fifo)?;
    /// let mut upper = Tree::new(Metadata::new(0o755));
    /// let whiteout = Node::CharDevice(Rdev { major: 0, minor: 0 });
    /// upper.insert("old", Metadata::new(0), whiteout)?;
    /// tree.overlay(upper)?;
    /// assert!(tree.get("old").is_none());
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) if there are too many inodes.
    pub fn overlay(&mut self, upper: Tree) -> Result<()> {
        self.overlay_with(upper, Whiteouts::Apply)
    }

    /// Lays `upper` over this tree. A directory that is in both trees is merged, and
    /// gets the metadata of `upper`. At any other path that is in both, the inode of
    /// `upper` replaces that of this tree. Hard links still lead to the inodes they led
    /// to before.
    ///
    /// Unless `whiteouts` says otherwise, these marks hide entries of this tree:
    ///
    /// - A character device with the number 0:0, or an empty file with the attribute
    ///   `trusted.overlay.whiteout`, hides the entry of the same name.
    /// - A directory with the attribute `trusted.overlay.opaque` of the value `y` hides
    ///   all entries of the directory below.
    ///
    /// With [`Whiteouts::Keep`], a directory in place of a whiteout, or that is merged with
    /// an opaque one, becomes opaque, so that the result hides what both hid.
    ///
    /// The same attributes in `user.overlay.` count as well. The marks of this tree
    /// itself hide nothing and stay. To merge several layers, lay all of them, the
    /// lowest first, over an empty tree. Layers with names of aufs need
    /// [`convert_aufs`](Tree::convert_aufs) first. The attributes by which overlayfs
    /// marks renamed directories (`redirect`) and files that have only metadata
    /// (`metacopy`) are ignored.
    ///
    /// The ids of this tree stay valid. Inodes of `upper` get new ids, which
    /// [`get`](Tree::get) tells. Ids that `upper` gave are refused here.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) if there are too many inodes.
    pub fn overlay_with(&mut self, upper: Tree, whiteouts: Whiteouts) -> Result<()> {
        let mut ids = Vec::with_capacity(upper.arena_len());
        for Inode { metadata, kind } in upper.inodes {
            ids.push(self.add(metadata, kind)?);
        }
        for id in &ids {
            if let Kind::Directory(children) = &mut self.inode_mut(*id).kind {
                children.values_mut().for_each(|child| *child = ids[child.index()]);
            }
        }
        self.host.extend(upper.host, |id| ids[id.index()]);
        let merged = self.merge(ids[Tree::ROOT.index()], whiteouts);
        for (_, id) in &mut self.host.dirs {
            *id = merged.get(id).copied().unwrap_or(*id);
        }
        self.spools.extend(upper.spools);
        self.devices.extend(upper.devices);
        self.image_block_size = self.image_block_size.or(upper.image_block_size);
        Ok(())
    }

    /// Lays the directory `root` of the arena over the root of the tree. Returns, for
    /// each directory that was merged into another one, the id of the other one.
    fn merge(&mut self, root: InodeId, whiteouts: Whiteouts) -> HashMap<InodeId, InodeId> {
        let mut merged = HashMap::from([(root, Tree::ROOT)]);
        let mut pending = vec![(Tree::ROOT, root)];
        while let Some((here, over)) = pending.pop() {
            let children = mem::take(self.children_mut(over));
            let mut metadata = self.inode(over).metadata.clone();
            if whiteouts != Whiteouts::Ignore && is_opaque(&metadata) {
                self.host.is_filtered = true;
                self.children_mut(here).clear();
            }
            match whiteouts {
                Whiteouts::Apply => drop_marks(&mut metadata),
                // What lies below both stays hidden.
                Whiteouts::Keep if is_opaque(&self.inode(here).metadata) => {
                    metadata.xattrs.set(OPAQUE_XATTR, "y");
                }
                Whiteouts::Keep | Whiteouts::Ignore => {}
            }
            self.inode_mut(here).metadata = metadata;
            for (name, id) in children {
                if whiteouts == Whiteouts::Apply && self.is_whiteout(id) {
                    self.host.is_filtered = true;
                    self.children_mut(here).remove(&name);
                    continue;
                }
                let known = self.children(here).and_then(|names| names.get(&name)).copied();
                let both = known
                    .filter(|known| [*known, id].into_iter().all(|id| self.children(id).is_some()));
                match both {
                    Some(known) => {
                        merged.insert(id, known);
                        pending.push((known, id));
                    }
                    None => {
                        let hides = known.is_some_and(|known| self.is_whiteout(known));
                        if whiteouts == Whiteouts::Keep && hides && self.children(id).is_some() {
                            self.inode_mut(id).metadata.xattrs.set(OPAQUE_XATTR, "y");
                        }
                        self.children_mut(here).insert(name, id);
                        // Its entries may have marks, too.
                        if whiteouts == Whiteouts::Apply && self.children(id).is_some() {
                            pending.push((id, id));
                        }
                    }
                }
            }
        }
        merged
    }

    /// Whether overlayfs takes this inode for a whiteout.
    fn is_whiteout(&self, id: InodeId) -> bool {
        let Inode { metadata, kind } = self.inode(id);
        match kind {
            Kind::CharDevice(rdev) => *rdev == Rdev { major: 0, minor: 0 },
            Kind::File(content) => content.is_empty() && mark(metadata, WHITEOUT_XATTR).is_some(),
            _ => false,
        }
    }

    /// Converts the marks of aufs, which archives of container layers use, to those of
    /// overlayfs: a file `.wh.NAME` becomes a whiteout NAME, and `.wh..wh..opq` makes
    /// its directory opaque. If there is also an entry NAME, it stays in place of the
    /// whiteout. A directory NAME then becomes opaque.
    ///
    /// # Errors
    /// [`Error::Tree`] if NAME is not a valid name; [`Error::Full`] if there are too
    /// many inodes.
    pub fn convert_aufs(&mut self) -> Result<()> {
        let mut pending = vec![Tree::ROOT];
        while let Some(dir) = pending.pop() {
            let children = self.children(dir).into_iter().flatten();
            let found = children.filter(|(name, _)| name.starts_with(AUFS_WHITEOUT));
            let found: Children = found.map(|(name, id)| (name.clone(), *id)).collect();
            for (name, id) in found {
                if !self.convert_name(dir, &name, id)? {
                    let path = [&self.path_of(dir)[..], b"/", &name].concat();
                    return Err(Error::tree(path, TreeErrorKind::BadName));
                }
            }
            let children = self.children(dir).into_iter().flatten().map(|(_, id)| *id);
            pending.extend(children.filter(|id| self.children(*id).is_some()));
        }
        Ok(())
    }

    /// Converts one name, which leads to `id`. Returns false if the name it hides is
    /// not valid.
    fn convert_name(&mut self, dir: InodeId, name: &[u8], id: InodeId) -> Result<bool> {
        let hidden = &name[AUFS_WHITEOUT.len()..];
        if name != AUFS_OPAQUE && !is_valid_name(hidden) {
            return Ok(false);
        }
        self.children_mut(dir).remove(name);
        if name == AUFS_OPAQUE {
            self.inode_mut(dir).metadata.xattrs.set(OPAQUE_XATTR, "y");
            return Ok(true);
        }
        match self.children(dir).and_then(|names| names.get(hidden)).copied() {
            Some(known) if self.children(known).is_some() => {
                self.inode_mut(known).metadata.xattrs.set(OPAQUE_XATTR, "y");
            }
            Some(_) => {}
            None => {
                let metadata = Metadata { mode: 0, ..self.inode(id).metadata.clone() };
                let whiteout = Kind::CharDevice(Rdev { major: 0, minor: 0 });
                let id = self.add(metadata, whiteout)?;
                self.children_mut(dir).insert(hidden.into(), id);
                self.inode_mut(dir).metadata.xattrs.set(ORIGIN_XATTR, "");
            }
        }
        Ok(true)
    }
}

/// The value of an overlayfs attribute, which may be in either namespace. `trusted` is
/// its name in the first one.
fn mark<'a>(metadata: &'a Metadata, trusted: &[u8]) -> Option<&'a [u8]> {
    let own = || metadata.xattrs.get([USER, &trusted[TRUSTED.len()..]].concat());
    metadata.xattrs.get(trusted).or_else(own)
}

fn is_opaque(metadata: &Metadata) -> bool {
    mark(metadata, OPAQUE_XATTR) == Some(b"y")
}

/// Removes the attributes that mark a directory as opaque or as one with whiteouts.
fn drop_marks(metadata: &mut Metadata) {
    metadata.xattrs.retain(|name, value| {
        let own = name.strip_prefix(TRUSTED).or_else(|| name.strip_prefix(USER));
        match own {
            Some(b"opaque" | b"whiteouts") => false,
            // An empty value marks a directory with whiteouts.
            Some(b"origin") => !value.is_empty(),
            _ => true,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Node};

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new(Metadata::new(0o755));
        for path in paths {
            let file = Node::File(Content::from_bytes(path.as_bytes()));
            let node = if path.ends_with('/') { Node::Directory } else { file };
            tree.insert(path, Metadata::new(0o755), node).expect("free");
        }
        tree
    }

    fn paths(tree: &Tree) -> Vec<String> {
        tree.walk().map(|entry| String::from_utf8_lossy(entry.path()).into_owned()).collect()
    }

    fn whiteout(tree: &mut Tree, path: &str) {
        let node = Node::CharDevice(Rdev { major: 0, minor: 0 });
        tree.insert(path, Metadata::new(0), node).expect("free");
    }

    fn upper() -> Tree {
        let mut upper = tree(&["d/", "d/new", "opaque/", "opaque/new", "only/", "only/f"]);
        whiteout(&mut upper, "f");
        whiteout(&mut upper, "d/old");
        whiteout(&mut upper, "d/dir");
        whiteout(&mut upper, "only/nothing");
        let mut set = |path: &str, name: &str, value: &str| {
            upper.metadata_mut(path).expect("is there").xattrs.set(name, value);
        };
        set("opaque", "trusted.overlay.opaque", "y");
        set("d", "trusted.overlay.origin", "");
        set("d", "user.kept", "1");
        upper
    }

    const LOWER: [&str; 8] =
        ["d/", "d/old", "d/dir/", "d/dir/x", "d/stays", "opaque/", "opaque/old", "f"];

    #[test]
    fn whiteouts_hide_what_lies_below() {
        let mut merged = tree(&LOWER);
        merged.overlay(upper()).expect("few inodes");
        let expected =
            ["/", "/d", "/d/new", "/d/stays", "/only", "/only/f", "/opaque", "/opaque/new"];
        assert_eq!(paths(&merged), expected);
        let xattrs = |path: &str| {
            let entry = merged.get(path).expect("is there");
            entry.metadata().xattrs.iter().map(|(name, _)| name.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!((xattrs("d"), xattrs("opaque")), (vec![b"user.kept".to_vec()], Vec::new()));
    }

    #[test]
    fn whiteouts_that_are_kept_hide_once_more() {
        let mut middle = tree(&["d/", "d/stays", "opaque/", "opaque/old"]);
        middle.overlay_with(upper(), Whiteouts::Keep).expect("few inodes");
        assert!(middle.get("d/old").is_some() && middle.get("opaque/old").is_none());
        let mut merged = tree(&LOWER);
        merged.overlay(middle).expect("few inodes");
        let mut at_once = tree(&LOWER);
        at_once.overlay(upper()).expect("few inodes");
        assert_eq!(paths(&merged), paths(&at_once));
    }

    #[test]
    fn directories_that_are_kept_hide_what_was_hidden() {
        let mut lower = tree(&["opaque/"]);
        whiteout(&mut lower, "gone");
        let xattrs = &mut lower.metadata_mut("opaque").expect("is there").xattrs;
        xattrs.set("trusted.overlay.opaque", "y");
        lower.overlay_with(tree(&["gone/", "opaque/", "new/"]), Whiteouts::Keep).expect("few");
        let opaque = ["gone", "opaque", "new"]
            .map(|path| is_opaque(lower.get(path).expect("is there").metadata()));
        assert_eq!(opaque, [true, true, false]);
    }

    #[test]
    fn whiteouts_that_are_ignored_are_devices() {
        let mut merged = tree(&LOWER);
        merged.overlay_with(upper(), Whiteouts::Ignore).expect("few inodes");
        assert!(matches!(merged.get("f").expect("is there").node(), Node::CharDevice(_)));
        assert!(merged.get("opaque/old").is_some());
    }

    #[test]
    fn marks_of_users_and_of_files_count() {
        let mut upper = tree(&["d/", "d/old"]);
        let empty = Node::File(Content::from_bytes([]));
        upper.insert("f", Metadata::new(0o644), empty).expect("free");
        let mut set = |path: &str, name: &str, value: &str| {
            upper.metadata_mut(path).expect("is there").xattrs.set(name, value);
        };
        set("d", "user.overlay.opaque", "y");
        set("f", "user.overlay.whiteout", "");
        // It has contents, so it is not a whiteout.
        set("d/old", "trusted.overlay.whiteout", "");
        let mut merged = tree(&LOWER);
        merged.overlay(upper).expect("few inodes");
        assert_eq!(paths(&merged), ["/", "/d", "/d/old", "/opaque", "/opaque/old"]);
    }

    #[test]
    fn names_of_aufs_become_marks_of_overlayfs() {
        let mut upper = tree(&[
            "d/",
            "d/.wh.old",
            "d/.wh.dir",
            "opaque/",
            "opaque/.wh..wh..opq",
            "opaque/new",
            ".wh.f",
            // A directory and its whiteout: the directory becomes opaque.
            "d/dir/",
            "d/dir/new",
            "x",
            ".wh.x",
        ]);
        upper.convert_aufs().expect("names are fine");
        assert!(paths(&upper).iter().all(|path| !path.contains(".wh.")));
        let mut merged = tree(&LOWER);
        merged.overlay(upper).expect("few inodes");
        let expected =
            ["/", "/d", "/d/dir", "/d/dir/new", "/d/stays", "/opaque", "/opaque/new", "/x"];
        assert_eq!(paths(&merged), expected);
        for name in [".wh.", ".wh..."] {
            let error = tree(&["d/", &format!("d/{name}")]).convert_aufs().expect_err("no name");
            assert_eq!(error.to_string().split(':').next(), Some(&*format!("/d/{name}")));
        }
    }

    #[test]
    fn deep_trees_are_laid_over_without_recursion() {
        let mut path = String::new();
        let mut upper = tree(&[]);
        for _ in 0..2000 {
            path.push_str("d/");
            upper.insert(&path, Metadata::new(0o755), Node::Directory).expect("free");
        }
        let mut merged = tree(&["d/", "d/d/", "d/d/f"]);
        merged.overlay(upper).expect("few inodes");
        assert_eq!(merged.walk().count(), 2002);
    }
}
