//! Walking a tree in the order of paths.

use std::collections::btree_map;

use crate::tree::arena::{Kind, Tree};
use crate::tree::content::Content;
use crate::tree::id::{InodeId, TreeInodeId};
use crate::tree::node::{Metadata, Node};
use crate::tree::path::{Name, absolute, components};

/// A path of a tree, and the inode at it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    tree: &'a Tree,
    path: Vec<u8>,
    id: InodeId,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(tree: &'a Tree, path: Vec<u8>, id: InodeId) -> Self {
        Entry { tree, path, id }
    }

    /// The absolute path. The root has the path `/`.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The id of the inode. All names of one file have the same id.
    pub fn id(&self) -> TreeInodeId {
        self.tree.public_id(self.id)
    }

    /// The place of the inode in the arena.
    pub(crate) fn arena_id(&self) -> InodeId {
        self.id
    }

    /// The inode's metadata.
    pub fn metadata(&self) -> &'a Metadata {
        &self.tree.inode(self.id).metadata
    }

    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.tree.children(self.id).is_some()
    }

    /// The contents of a regular file. None for other kinds.
    pub fn content(&self) -> Option<&'a Content> {
        match &self.tree.inode(self.id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The kind of the inode. A directory comes without its children.
    pub fn node(&self) -> Node {
        match &self.tree.inode(self.id).kind {
            Kind::Directory(_) => Node::Directory,
            Kind::File(content) => Node::File(content.clone()),
            Kind::Symlink(target) => Node::Symlink(target.to_vec()),
            Kind::CharDevice(rdev) => Node::CharDevice(*rdev),
            Kind::BlockDevice(rdev) => Node::BlockDevice(*rdev),
            Kind::Fifo => Node::Fifo,
            Kind::Socket => Node::Socket,
        }
    }
}

/// An iterator over the paths of a tree. See [`Tree::walk`].
#[derive(Debug)]
pub struct Walk<'a> {
    tree: &'a Tree,
    /// The path of the directory whose children come next.
    path: Vec<u8>,
    /// For each directory on the way, its remaining children, and the length of `path`
    /// without its name.
    stack: Vec<(btree_map::Iter<'a, Name, InodeId>, usize)>,
    started: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(tree: &'a Tree) -> Self {
        Walk { tree, path: Vec::new(), stack: Vec::new(), started: false }
    }

    fn enter(&mut self, id: InodeId, parent_len: usize) {
        if let Some(children) = self.tree.children(id) {
            self.stack.push((children.iter(), parent_len));
        } else {
            self.path.truncate(parent_len);
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if !self.started {
            self.started = true;
            self.enter(Tree::ROOT, 0);
            return Some(Entry::new(self.tree, b"/".to_vec(), Tree::ROOT));
        }
        loop {
            let (children, parent_len) = self.stack.last_mut()?;
            let Some((name, id)) = children.next() else {
                self.path.truncate(*parent_len);
                self.stack.pop();
                continue;
            };
            let len = self.path.len();
            self.path.push(b'/');
            self.path.extend_from_slice(name);
            let entry = Entry::new(self.tree, self.path.clone(), *id);
            self.enter(*id, len);
            return Some(entry);
        }
    }
}

impl Tree {
    /// The entry at `path`. None if there is nothing, or if a parent is not a
    /// directory. Symlinks are not followed.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<Entry<'_>> {
        let mut id = Tree::ROOT;
        for name in components(path.as_ref()) {
            id = *self.children(id)?.get(name)?;
        }
        Some(Entry::new(self, absolute(path.as_ref()), id))
    }

    /// All paths of the tree. Parents come before their children, and siblings are in
    /// the order of their names' bytes. An inode with several names comes once for each
    /// name.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// The first path of the inode `id`, for messages. `/` if no path leads to it.
    pub(crate) fn path_of(&self, id: InodeId) -> Vec<u8> {
        let entry = self.walk().find(|entry| entry.arena_id() == id);
        entry.map_or_else(|| b"/".to_vec(), |entry| entry.path().to_vec())
    }
}
