//! Changes of trees. Options for exclusion and for owners are made of them.

use std::mem;

use crate::error::{Error, Result, TreeErrorKind};
use crate::tree::arena::{Children, Kind, Tree};
use crate::tree::content::Content;
use crate::tree::id::{InodeId, TreeInodeId};
use crate::tree::node::{Metadata, Node};
use crate::tree::path::{Name, absolute, components, first_names, is_valid_name};
use crate::tree::walk::Entry;

/// A path of a tree, and the inode at it, which can be changed. See [`Tree::get_mut`].
#[derive(Debug)]
pub struct EntryMut<'a> {
    tree: &'a mut Tree,
    id: InodeId,
}

impl EntryMut<'_> {
    /// The id of the inode. All names of one file have the same id.
    pub fn id(&self) -> TreeInodeId {
        self.tree.public_id(self.id)
    }

    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.tree.children(self.id).is_some()
    }

    /// The inode's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.tree.inode(self.id).metadata
    }

    /// The inode's metadata, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.tree.inode_mut(self.id).metadata
    }

    /// The contents of a regular file. None for other kinds.
    pub fn content(&self) -> Option<&Content> {
        match &self.tree.inode(self.id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The contents of a regular file, to be changed. None for other kinds.
    pub fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.tree.inode_mut(self.id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }
}

impl Tree {
    /// Removes all paths for which `keep` returns `false`, and all that lies below
    /// them. The root always stays. `keep` is called for parents before their children,
    /// and not for children of a removed parent.
    pub fn retain(&mut self, mut keep: impl FnMut(&Entry<'_>) -> bool) {
        self.host.is_filtered = true;
        let mut pending = vec![(Tree::ROOT, Vec::new())];
        while let Some((dir, path)) = pending.pop() {
            let Some(children) = self.children(dir) else {
                continue;
            };
            let mut dropped = Vec::new();
            for (name, id) in children {
                let mut path = path.clone();
                path.push(b'/');
                path.extend_from_slice(name);
                let entry = Entry::new(self, path, *id);
                if !keep(&entry) {
                    dropped.push(name.clone());
                } else if entry.is_dir() {
                    pending.push((*id, entry.path().to_vec()));
                }
            }
            let children = self.children_mut(dir);
            for name in dropped {
                children.remove(&name);
            }
        }
    }

    /// Calls `edit` once with the metadata of each inode, in any order.
    pub fn update_metadata(&mut self, mut edit: impl FnMut(&mut Metadata)) {
        for inode in self.inodes_mut() {
            edit(&mut inode.metadata);
        }
    }

    /// The entry at `path`, to be changed. None if there is nothing. All names of its
    /// inode see the change.
    pub fn get_mut(&mut self, path: impl AsRef<[u8]>) -> Option<EntryMut<'_>> {
        let id = self.get(path)?.arena_id();
        Some(EntryMut { tree: self, id })
    }

    /// The metadata of the inode at `path`, to be changed. None if there is nothing.
    /// All names of the inode see the change.
    pub fn metadata_mut(&mut self, path: impl AsRef<[u8]>) -> Option<&mut Metadata> {
        let id = self.get(path)?.arena_id();
        Some(&mut self.inode_mut(id).metadata)
    }

    /// Sets the metadata of the inode at `path`. All names of the inode see the change.
    ///
    /// # Errors
    /// [`Error::Tree`] if there is nothing at `path`.
    pub fn set_metadata(&mut self, path: impl AsRef<[u8]>, metadata: Metadata) -> Result<()> {
        let path = path.as_ref();
        let known = self.metadata_mut(path);
        *known.ok_or_else(|| Error::tree(absolute(path), TreeErrorKind::NotFound))? = metadata;
        Ok(())
    }

    /// Makes the directory `path` and all missing parents, each with `metadata`.
    /// Directories that exist stay as they are.
    ///
    /// ```
    /// use erofs_writer::{Metadata, Node, Tree};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755));
    /// tree.create_dir_all("usr/share/doc", Metadata::new(0o755))?;
    /// tree.insert("usr/share/doc/README", Metadata::new(0o644), Node::file("Read me"))?;
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tree`] if something other than a directory is at `path` or at a parent,
    /// or a name cannot be stored; [`Error::Full`] if there are too many inodes.
    pub fn create_dir_all(
        &mut self,
        path: impl AsRef<[u8]>,
        metadata: Metadata,
    ) -> Result<TreeInodeId> {
        let path = path.as_ref();
        // No directory is made if a name is not valid.
        let bad_name = components(path).any(|name| !is_valid_name(name));
        if bad_name {
            return Err(Error::tree(absolute(path), TreeErrorKind::BadName));
        }
        let mut dir = Tree::ROOT;
        for (above, name) in components(path).enumerate() {
            let children = self.children(dir).expect("others are refused below");
            let known = children.get(name).copied();
            dir = match known {
                Some(known) if self.children(known).is_none() => {
                    let path = first_names(path, above + 1);
                    return Err(Error::tree(path, TreeErrorKind::NotADirectory));
                }
                Some(known) => known,
                None => {
                    let id = self.add(metadata.clone(), Kind::Directory(Children::new()))?;
                    self.children_mut(dir).insert(name.into(), id);
                    id
                }
            };
        }
        Ok(self.public_id(dir))
    }

    /// Removes `path`, and all that lies below it. Other names of its inode stay. Its
    /// id stays valid, and [`hard_link`](Tree::hard_link) can give it a name again.
    ///
    /// # Errors
    /// [`Error::Tree`] if there is nothing at `path`, or if it is the root.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        let (parent, name) = self.taken(path.as_ref())?;
        self.children_mut(parent).remove(&name);
        self.host.is_filtered = true;
        Ok(())
    }

    /// Puts `node` at `path`, in place of the entry that is there and of all that lies
    /// below it. Other names of the old inode still lead to the old one. For changes
    /// that all names see, use [`get_mut`](Tree::get_mut).
    ///
    /// # Errors
    /// [`Error::Tree`] if there is nothing at `path`, or if it is the root;
    /// [`Error::Full`] if there are too many inodes.
    pub fn replace(
        &mut self,
        path: impl AsRef<[u8]>,
        metadata: Metadata,
        node: Node,
    ) -> Result<TreeInodeId> {
        let (parent, name) = self.taken(path.as_ref())?;
        let id = self.add(metadata, node.into())?;
        self.children_mut(parent).insert(name, id);
        self.host.is_filtered = true;
        Ok(self.public_id(id))
    }

    /// The parent directory and the name of `path`, which must exist.
    fn taken(&self, path: &[u8]) -> Result<(InodeId, Name)> {
        let error = |kind| Error::tree(absolute(path), kind);
        let mut names = components(path);
        let name = names.next_back().ok_or_else(|| error(TreeErrorKind::Root))?;
        let mut parent = Some(Tree::ROOT);
        for name in names {
            parent = parent.and_then(|parent| self.children(parent)?.get(name).copied());
        }
        let known = parent.and_then(|parent| {
            self.children(parent)?.get_key_value(name).map(|(name, _)| (parent, name.clone()))
        });
        known.ok_or_else(|| error(TreeErrorKind::NotFound))
    }

    /// Moves all entries of the root into the directory `prefix`, which is made. This
    /// directory and its parents get the metadata of the root.
    ///
    /// # Errors
    /// [`Error::Tree`](crate::Error::Tree) if a name in `prefix` cannot be
    /// stored.
    pub fn nest_under(&mut self, prefix: impl AsRef<[u8]>) -> Result<()> {
        let nested: Children = mem::take(self.children_mut(Tree::ROOT));
        let metadata = self.inode(Tree::ROOT).metadata.clone();
        let mut path = Vec::new();
        let mut last = Tree::ROOT;
        for name in components(prefix.as_ref()) {
            path.push(b'/');
            path.extend_from_slice(name);
            match self.insert(&path, metadata.clone(), Node::Directory) {
                Ok(id) => last = id.id,
                Err(error) => {
                    *self.children_mut(Tree::ROOT) = nested;
                    return Err(error);
                }
            }
        }
        *self.children_mut(last) = nested;
        for (_, id) in &mut self.host.dirs {
            *id = if *id == Tree::ROOT { last } else { *id };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Metadata};

    fn sample() -> Tree {
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("a", Metadata::new(0o755), Node::Directory).expect("free");
        tree.insert("a/b", Metadata::new(0o755), Node::Directory).expect("free");
        let file = Node::File(Content::from_bytes(*b"x"));
        let id = tree.insert("a/b/c", Metadata::new(0o644), file).expect("free");
        tree.hard_link("d", id).expect("free");
        tree
    }

    fn paths(tree: &Tree) -> Vec<String> {
        tree.walk().map(|entry| String::from_utf8_lossy(entry.path()).into_owned()).collect()
    }

    #[test]
    fn removing_a_directory_removes_what_is_below_without_asking() {
        let mut tree = sample();
        tree.retain(|entry| {
            assert!(!entry.path().starts_with(b"/a/b/"));
            entry.path() != b"/a/b"
        });
        assert_eq!(paths(&tree), ["/", "/a", "/d"]);
    }

    #[test]
    fn what_lies_above_counts() {
        let file = |byte: u8| Node::File(Content::from_bytes([byte]));
        let mut tree = sample();
        let mut upper = Tree::new(Metadata::new(0o700));
        upper.insert("a", Metadata::new(0o711), Node::Directory).expect("free");
        upper.insert("a/b", Metadata::new(0o600), file(1)).expect("free");
        let id = upper.insert("a/new", Metadata::new(0o600), file(2)).expect("free");
        upper.hard_link("linked", id).expect("free");
        upper.insert("d", Metadata::new(0o755), Node::Directory).expect("free");
        tree.overlay(upper).expect("few inodes");
        assert_eq!(paths(&tree), ["/", "/a", "/a/b", "/a/new", "/d", "/linked"]);
        let mode = |path: &str| tree.get(path).expect("is there").metadata().mode;
        assert_eq!([mode("/"), mode("a"), mode("a/b"), mode("d")], [0o700, 0o711, 0o600, 0o755]);
        let id = |path: &str| tree.get(path).expect("is there").id();
        assert_eq!(id("a/new"), id("linked"));
        // If one name of a hard link is replaced, the other one keeps its inode.
        let mut tree = sample();
        let mut upper = Tree::new(Metadata::new(0o755));
        upper.insert("d", Metadata::new(0o600), Node::Fifo).expect("free");
        tree.overlay(upper).expect("few inodes");
        assert!(tree.get("a/b/c").expect("is there").content().is_some());
    }

    #[test]
    fn metadata_can_be_changed_at_a_path() {
        let mut tree = sample();
        tree.metadata_mut("a/b/c").expect("is there").uid = 5;
        assert_eq!(tree.get("d").expect("the same inode").metadata().uid, 5);
        tree.metadata_mut("/").expect("is there").mode = 0o1775;
        assert_eq!(tree.get("/").expect("is there").metadata().mode, 0o1775);
        assert!(tree.metadata_mut("nothing").is_none());
    }

    fn kind_of<T: std::fmt::Debug>(result: Result<T>) -> (Vec<u8>, TreeErrorKind) {
        match result {
            Err(Error::Tree { path, kind }) => (path, kind),
            other => panic!("a tree error was expected, not {other:?}"),
        }
    }

    #[test]
    fn an_entry_is_changed_for_all_its_names() {
        let mut tree = sample();
        let mut entry = tree.get_mut("d").expect("is there");
        assert!(!entry.is_dir());
        entry.metadata_mut().gid = 7;
        *entry.content_mut().expect("a file") = Content::from_bytes(*b"longer");
        let other = tree.get("a/b/c").expect("is there");
        assert_eq!((other.metadata().gid, other.content().map(Content::len)), (7, Some(6)));
        assert!(tree.get_mut("a").expect("is there").content_mut().is_none());
        assert!(tree.get_mut("nothing").is_none());
        tree.set_metadata("a//b/", Metadata::new(0o700)).expect("is there");
        assert_eq!(tree.get("a/b").expect("is there").metadata().mode, 0o700);
        let error = kind_of(tree.set_metadata("a//x", Metadata::new(0o700)));
        assert_eq!(error, (b"/a/x".to_vec(), TreeErrorKind::NotFound));
    }

    #[test]
    fn a_path_is_removed_with_all_below_it() {
        let mut tree = sample();
        let id = tree.get("d").expect("is there").id();
        tree.remove("a/b").expect("is there");
        assert_eq!(paths(&tree), ["/", "/a", "/d"]);
        tree.remove("/d").expect("is there");
        tree.hard_link("again", id).expect("it is still one of this tree");
        assert_eq!(paths(&tree), ["/", "/a", "/again"]);
        for path in ["a/b", "nothing/at/all", "again/x"] {
            assert_eq!(kind_of(tree.remove(path)).1, TreeErrorKind::NotFound, "{path}");
        }
        assert_eq!(kind_of(tree.remove("//")), (b"/".to_vec(), TreeErrorKind::Root));
    }

    #[test]
    fn what_is_replaced_is_gone_from_that_path_only() {
        let mut tree = sample();
        let id = tree.replace("a/b/c", Metadata::new(0o600), Node::Fifo).expect("is there");
        assert_eq!(tree.get("a/b/c").expect("is there").id(), id);
        assert!(tree.get("d").expect("is there").content().is_some());
        tree.replace("a", Metadata::new(0o600), Node::Socket).expect("is there");
        assert_eq!(paths(&tree), ["/", "/a", "/d"]);
        let error = kind_of(tree.replace("x", Metadata::new(0o600), Node::Fifo));
        assert_eq!(error.1, TreeErrorKind::NotFound);
        let error = kind_of(tree.replace("/", Metadata::new(0o600), Node::Directory));
        assert_eq!(error.1, TreeErrorKind::Root);
    }

    #[test]
    fn parents_are_made_where_they_are_missing() {
        let mut tree = sample();
        let id = tree.create_dir_all("a/x/y/", Metadata::new(0o711)).expect("nothing is there");
        assert_eq!(tree.get("a/x/y").expect("is there").id(), id);
        let mode = |path: &str| tree.get(path).expect("is there").metadata().mode;
        assert_eq!((mode("a"), mode("a/x")), (0o755, 0o711));
        let again = tree.create_dir_all("a/x/y", Metadata::new(0o700)).expect("is there");
        assert_eq!((again, tree.walk().count()), (id, 7));
        let root = tree.create_dir_all("", Metadata::new(0o700)).expect("is there");
        assert_eq!(root, tree.get("/").expect("is there").id());
        let error = kind_of(tree.create_dir_all("//d/x/y", Metadata::new(0o755)));
        assert_eq!(error, (b"/d".to_vec(), TreeErrorKind::NotADirectory));
        let error = kind_of(tree.create_dir_all("new/..", Metadata::new(0o755)));
        assert_eq!(error.1, TreeErrorKind::BadName);
        assert!(tree.get("new").is_none(), "nothing is made if not all can be");
    }

    #[test]
    fn nesting_moves_the_whole_tree_down() {
        let mut tree = sample();
        tree.nest_under("nix/store").expect("names are fine");
        let expected = [
            "/",
            "/nix",
            "/nix/store",
            "/nix/store/a",
            "/nix/store/a/b",
            "/nix/store/a/b/c",
            "/nix/store/d",
        ];
        assert_eq!(paths(&tree), expected);
        assert!(tree.nest_under("bad\0name").is_err());
        assert_eq!(paths(&tree), expected, "a failed move changes nothing");
    }
}
