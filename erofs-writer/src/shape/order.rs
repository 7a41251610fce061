//! The order of inodes in an image, and what follows from the names.

use crate::tree::{Content, InodeId, Kind, Tree};

/// Every inode that a path leads to, once.
#[derive(Debug)]
pub(crate) struct Order {
    /// The inodes: the root, then the children of each directory side by
    /// side, so that listing one reads few blocks.
    pub(crate) ids: Vec<InodeId>,
    /// By arena index: the directory an inode was first found in.
    parents: Vec<InodeId>,
    /// By arena index: the link count.
    links: Vec<u32>,
}

impl Order {
    pub(crate) fn new(tree: &Tree) -> Self {
        let mut order = Order {
            ids: Vec::with_capacity(tree.arena_len()),
            parents: vec![Tree::ROOT; tree.arena_len()],
            links: vec![0; tree.arena_len()],
        };
        order.ids.push(Tree::ROOT);
        let mut pending = vec![Tree::ROOT];
        while let Some(dir) = pending.pop() {
            let first_subdir = pending.len();
            order.links[dir.index()] = 2;
            for id in tree.children(dir).into_iter().flat_map(|children| children.values()) {
                if matches!(tree.inode(*id).kind, Kind::Directory(_)) {
                    order.found(*id, dir);
                    order.links[dir.index()] = order.links[dir.index()].saturating_add(1);
                    pending.push(*id);
                } else {
                    if order.links[id.index()] == 0 {
                        order.found(*id, dir);
                    }
                    order.links[id.index()] = order.links[id.index()].saturating_add(1);
                }
            }
            // The stack gives the last one first.
            pending[first_subdir..].reverse();
        }
        order
    }

    fn found(&mut self, id: InodeId, parent: InodeId) {
        self.ids.push(id);
        self.parents[id.index()] = parent;
    }

    /// The directory that `..` of the directory `id` leads to.
    pub(crate) fn parent(&self, id: InodeId) -> InodeId {
        self.parents[id.index()]
    }

    /// How many names an inode has; for a directory 2 plus its subdirectories.
    pub(crate) fn links(&self, id: InodeId) -> u32 {
        self.links[id.index()]
    }
}

/// The regular files of a tree that have bytes, in image order.
pub(crate) fn files<'a>(
    tree: &'a Tree,
    order: &'a Order,
) -> impl Iterator<Item = (InodeId, &'a Content)> {
    order.ids.iter().filter_map(|id| match &tree.inode(*id).kind {
        Kind::File(content) if !content.is_empty() => Some((*id, content)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Metadata, Node};

    #[test]
    fn children_stand_together_before_grandchildren() {
        let mut tree = Tree::new(Metadata::new(0o755));
        for dir in ["b", "a", "a/z"] {
            tree.insert(dir, Metadata::new(0o755), Node::Directory).expect("free");
        }
        for file in ["a/f", "b/f", "c"] {
            let node = Node::File(Content::from_bytes(*b"x"));
            tree.insert(file, Metadata::new(0o644), node).expect("free");
        }
        let expected: Vec<InodeId> = ["/", "a", "b", "c", "a/f", "a/z", "b/f"]
            .iter()
            .map(|path| tree.get(path).expect("inserted").arena_id())
            .collect();
        assert_eq!(Order::new(&tree).ids, expected);
    }

    #[test]
    fn link_counts_follow_names_and_subdirectories() {
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("a", Metadata::new(0o755), Node::Directory).expect("free");
        let id = tree.insert("a/f", Metadata::new(0o644), Node::Fifo).expect("free");
        tree.hard_link("g", id).expect("free");
        let id = tree.get("g").expect("is there").arena_id();
        let order = Order::new(&tree);
        assert_eq!(order.ids.len(), 3);
        assert_eq!(order.links(id), 2);
        assert_eq!(order.links(Tree::ROOT), 3);
        tree.retain(|entry| entry.path() != b"/a");
        let order = Order::new(&tree);
        assert_eq!(order.links(id), 1);
        assert_eq!(order.links(Tree::ROOT), 2);
    }
}
