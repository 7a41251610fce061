//! Changing a tree as a whole: every exclude and every owner option is this.

use std::mem;

use crate::error::Result;
use crate::tree::{Children, Entry, Metadata, Node, Tree, components};

impl Tree {
    /// Removes every path that `keep` does not want, and what lies below it.
    /// The root stays. Parents are asked before their children, which are not
    /// asked when a parent goes.
    pub fn retain(&mut self, mut keep: impl FnMut(&Entry<'_>) -> bool) {
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
                Ok(id) => last = id,
                Err(error) => {
                    *self.children_mut(Tree::ROOT) = nested;
                    return Err(error);
                }
            }
        }
        *self.children_mut(last) = nested;
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
