//! Changing a tree as a whole: every exclude and every owner option is this.

use std::collections::HashMap;
use std::mem;

use crate::error::Result;
use crate::tree::{Children, Entry, Inode, Kind, Metadata, Node, Tree, components};

impl Tree {
    /// Removes every path that `keep` does not want, and what lies below it.
    /// The root stays. Parents are asked before their children, which are not
    /// asked when a parent goes.
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

    /// Calls `edit` once for the metadata of each inode, in no given order.
    pub fn update_metadata(&mut self, mut edit: impl FnMut(&mut Metadata)) {
        for inode in self.inodes_mut() {
            edit(&mut inode.metadata);
        }
    }

    /// The metadata at `path`, to be changed; all names of one inode have the same.
    pub fn metadata_mut(&mut self, path: impl AsRef<[u8]>) -> Option<&mut Metadata> {
        let id = self.get(path)?.arena_id();
        Some(&mut self.inode_mut(id).metadata)
    }

    /// Lays `upper` over what is here. Directories of both are merged, and get
    /// the metadata of `upper`; of anything else with one path in both, what is
    /// in `upper` counts. Hard links lead to what they led to before.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) if there are too many inodes.
    pub fn overlay(&mut self, upper: Tree) -> Result<()> {
        let mut ids = Vec::with_capacity(upper.arena_len());
        for Inode { metadata, kind } in upper.inodes {
            ids.push(self.add(metadata, kind)?);
        }
        for id in &ids {
            if let Kind::Directory(children) = &mut self.inode_mut(*id).kind {
                children.values_mut().for_each(|child| *child = ids[child.index()]);
            }
        }
        let root = ids[Tree::ROOT.index()];
        self.host.extend(upper.host, |id| ids[id.index()]);
        let mut merged = HashMap::from([(root, Tree::ROOT)]);
        let mut pending = vec![(Tree::ROOT, root)];
        while let Some((here, over)) = pending.pop() {
            self.inode_mut(here).metadata = self.inode(over).metadata.clone();
            for (name, id) in mem::take(self.children_mut(over)) {
                let known = self.children(here).and_then(|names| names.get(&name)).copied();
                let both = known
                    .filter(|known| [*known, id].into_iter().all(|id| self.children(id).is_some()));
                match both {
                    Some(known) => {
                        merged.insert(id, known);
                        pending.push((known, id));
                    }
                    None => {
                        self.children_mut(here).insert(name, id);
                    }
                }
            }
        }
        for (_, id) in &mut self.host.dirs {
            *id = merged.get(id).copied().unwrap_or(*id);
        }
        self.spools.extend(upper.spools);
        self.devices.extend(upper.devices);
        Ok(())
    }

    /// Moves everything in the root below the directory `prefix`. The
    /// directories on the way get the metadata of the root.
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
        // What was a hard link there stays what it was.
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
