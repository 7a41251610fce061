//! The order of inodes in an image, and what follows from the names.

use crate::tree::{Content, InodeId, Kind, Tree, components};

/// Every inode that a path leads to, once.
#[derive(Debug)]
pub(crate) struct Order {
    /// The inodes: the root, then the children of each directory side by
    /// side, so that listing one reads few blocks. Those that are read first come before
    /// all others.
    pub(crate) ids: Vec<InodeId>,
    /// How many of them are read first, with the root; 0 if it is not known which.
    first: usize,
    /// By arena index: whether an inode is one of these. Empty if there are none.
    is_first: Vec<bool>,
    /// By arena index: the directory an inode was first found in.
    parents: Vec<InodeId>,
    /// By arena index: the link count.
    links: Vec<u32>,
}

impl Order {
    pub(crate) fn new(tree: &Tree) -> Self {
        let mut order = Order {
            ids: Vec::with_capacity(tree.arena_len()),
            first: 0,
            is_first: Vec::new(),
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

    /// Lets the inodes of these paths come first, in this order, each after the directories
    /// on the way to it. An inode counts once. Paths that are not in the tree are passed
    /// over.
    pub(crate) fn with_first(mut self, tree: &Tree, paths: &[Vec<u8>]) -> Self {
        if paths.is_empty() {
            return self;
        }
        let mut first = vec![Tree::ROOT];
        let mut is_first = vec![false; tree.arena_len()];
        is_first[Tree::ROOT.index()] = true;
        for path in paths {
            let on_the_way = ids_on_the_way(tree, path).unwrap_or_default();
            for id in on_the_way {
                if !std::mem::replace(&mut is_first[id.index()], true) {
                    first.push(id);
                }
            }
        }
        if first.len() > 1 {
            let others = self.ids.iter().filter(|id| !is_first[id.index()]);
            self.first = first.len();
            self.ids = first.iter().chain(others).copied().collect();
            self.is_first = is_first;
        }
        self
    }

    /// The inodes that are read first, in their order.
    pub(crate) fn first(&self) -> &[InodeId] {
        &self.ids[..self.first]
    }

    /// Whether `id` is one of these.
    pub(crate) fn is_first(&self, id: InodeId) -> bool {
        self.is_first.get(id.index()).copied().unwrap_or(false)
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

/// The inodes of the names of `path`; `None` if the tree does not have it.
fn ids_on_the_way(tree: &Tree, path: &[u8]) -> Option<Vec<InodeId>> {
    let mut ids = Vec::new();
    let mut id = Tree::ROOT;
    for name in components(path) {
        id = *tree.children(id)?.get(name)?;
        ids.push(id);
    }
    Some(ids)
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
    fn what_is_read_first_comes_after_the_directories_on_its_way() {
        let mut tree = Tree::new(Metadata::new(0o755));
        for dir in ["a", "b", "b/c"] {
            tree.insert(dir, Metadata::new(0o755), Node::Directory).expect("free");
        }
        for file in ["a/f", "b/c/g", "b/c/h"] {
            tree.insert(file, Metadata::new(0o644), Node::file(b"x")).expect("free");
        }
        let of = |paths: &[&str]| {
            let paths: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
            Order::new(&tree).with_first(&tree, &paths)
        };
        let id = |path: &&str| tree.get(path).expect("inserted").arena_id();
        let order = of(&["b/c/h", "none", "a/f/none", "b", "/b//c/h", "a"]);
        let first = ["/", "b", "b/c", "b/c/h", "a"];
        assert!(order.first().iter().copied().eq(first.iter().map(id)));
        let all = first.iter().chain(&["a/f", "b/c/g"]);
        assert!(order.ids.iter().copied().eq(all.map(id)));
        assert!(order.is_first(id(&"a")) && !order.is_first(id(&"a/f")));
        let without = of(&["none", "/", ""]);
        assert_eq!((without.first().len(), without.is_first(Tree::ROOT)), (0, false));
        assert_eq!(without.ids, Order::new(&tree).ids);
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
