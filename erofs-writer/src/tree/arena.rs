//! The tree, which is an arena of inodes.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::format::to_u64;
use crate::tree::content::Content;
use crate::tree::device::Device;
use crate::tree::host::HostSources;
use crate::tree::id::{InodeId, TreeInodeId};
use crate::tree::node::{Metadata, Node, Rdev};
use crate::tree::path::{Name, absolute, components, first_names, is_valid_name};

/// The names in a directory.
pub(crate) type Children = BTreeMap<Name, InodeId>;

/// A tree of directories, files and other inodes, as an image will show it.
///
/// Paths are bytes, absolute or relative to the root. A slash at the end and doubled
/// slashes are ignored.
///
/// ```
/// use erofs_writer::{Metadata, Node, Tree};
///
/// let mut tree = Tree::new(Metadata::new(0o755));
/// tree.insert("etc", Metadata::new(0o755), Node::Directory)?;
/// let hosts = Node::file("127.0.0.1 localhost\n");
/// let id = tree.insert("etc/hosts", Metadata::new(0o644), hosts)?;
/// tree.hard_link("hosts", id)?;
/// assert_eq!(tree.walk().count(), 4);
/// # Ok::<(), erofs_writer::Error>(())
/// ```
#[derive(Debug)]
pub struct Tree {
    pub(super) inodes: Vec<Inode>,
    /// The number that tells the ids of this tree from those of other trees.
    number: u64,
    /// The numbers of the trees that this one was cloned from, each with the number of
    /// inodes that it had then.
    origins: Vec<(u64, usize)>,
    /// The files and directories of the host that it was read from.
    pub(crate) host: HostSources,
    /// Files with spooled contents, which may be truncated once the contents have been
    /// written.
    pub(crate) spools: Vec<Arc<File>>,
    /// The extra devices to be mounted with the image, in this order.
    pub(crate) devices: Vec<Arc<Device>>,
    /// The block size of images whose contents are taken over or stay where they are.
    pub(crate) image_block_size: Option<u32>,
}

/// An inode of the arena.
#[derive(Debug, Clone)]
pub(crate) struct Inode {
    pub(crate) metadata: Metadata,
    pub(crate) kind: Kind,
}

/// Like [`Node`], but a directory has its children.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Directory(Children),
    File(Content),
    Symlink(Box<[u8]>),
    CharDevice(Rdev),
    BlockDevice(Rdev),
    Fifo,
    Socket,
}

impl From<Node> for Kind {
    fn from(node: Node) -> Self {
        match node {
            Node::Directory => Kind::Directory(Children::new()),
            Node::File(content) => Kind::File(content),
            Node::Symlink(target) => Kind::Symlink(target.into()),
            Node::CharDevice(rdev) => Kind::CharDevice(rdev),
            Node::BlockDevice(rdev) => Kind::BlockDevice(rdev),
            Node::Fifo => Kind::Fifo,
            Node::Socket => Kind::Socket,
        }
    }
}

impl Tree {
    /// The root directory of every tree.
    pub(crate) const ROOT: InodeId = InodeId(0);

    /// A tree that has only a root directory, with the metadata `root`.
    pub fn new(root: Metadata) -> Self {
        let root = Inode { metadata: root, kind: Kind::Directory(Children::new()) };
        Tree {
            inodes: vec![root],
            number: next_number(),
            origins: Vec::new(),
            host: HostSources::default(),
            spools: Vec::new(),
            devices: Vec::new(),
            image_block_size: None,
        }
    }

    /// The size in bytes of the blocks of those images whose contents are not decoded: the
    /// first of them if they differ. A new image of the tree needs blocks of the same size.
    pub fn image_block_size(&self) -> Option<u32> {
        self.image_block_size
    }

    /// Adds `node` at `path`. Its parent directory must exist.
    ///
    /// # Errors
    /// [`Error::Tree`] if the path exists, its parent is missing or is not a directory,
    /// or its name cannot be stored; [`Error::Full`] if there are 2^32 - 1 inodes
    /// already.
    pub fn insert(
        &mut self,
        path: impl AsRef<[u8]>,
        metadata: Metadata,
        node: Node,
    ) -> Result<TreeInodeId> {
        let (parent, name) = self.vacancy(path.as_ref())?;
        let id = self.add(metadata, node.into())?;
        self.children_mut(parent).insert(name, id);
        Ok(self.public_id(id))
    }

    /// The public id of the inode `id`.
    pub(super) fn public_id(&self, id: InodeId) -> TreeInodeId {
        TreeInodeId { tree: self.number, id }
    }

    /// The inode of a public id, if it belongs to this tree.
    fn own_id(&self, TreeInodeId { tree, id }: TreeInodeId) -> Option<InodeId> {
        let known = |(origin, len): &(u64, usize)| *origin == tree && id.index() < *len;
        (tree == self.number || self.origins.iter().any(known)).then_some(id)
    }

    /// Gives the inode `target` the further name `path`. Its link count grows by one.
    ///
    /// # Errors
    /// [`Error::Tree`] as for [`insert`](Tree::insert), and if `target` is a directory
    /// or belongs to another tree.
    pub fn hard_link(&mut self, path: impl AsRef<[u8]>, target: TreeInodeId) -> Result<()> {
        let path = path.as_ref();
        let foreign = || Error::tree(path, TreeErrorKind::ForeignInode);
        let target = self.own_id(target).ok_or_else(foreign)?;
        if self.children(target).is_some() {
            return Err(Error::tree(path, TreeErrorKind::DirectoryHardLink));
        }
        let (parent, name) = self.vacancy(path)?;
        self.children_mut(parent).insert(name, target);
        Ok(())
    }

    /// The number of inodes in the arena, including those to which no path leads.
    pub(crate) fn arena_len(&self) -> usize {
        self.inodes.len()
    }

    pub(crate) fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    pub(crate) fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.index()]
    }

    /// The children of the directory `id`. None if it is not a directory.
    pub(crate) fn children(&self, id: InodeId) -> Option<&Children> {
        match &self.inode(id).kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    /// The children of `id`, which must be a directory.
    pub(crate) fn children_mut(&mut self, id: InodeId) -> &mut Children {
        match &mut self.inodes[id.index()].kind {
            Kind::Directory(children) => children,
            _ => panic!("inode {} is a directory", id.0),
        }
    }

    /// Adds an inode to which no path leads yet.
    pub(crate) fn add(&mut self, metadata: Metadata, kind: Kind) -> Result<InodeId> {
        let id = u32::try_from(self.inodes.len())
            .ok()
            .filter(|id| *id < u32::MAX)
            .ok_or(Error::Full(Limit::Inodes))?;
        self.inodes.push(Inode { metadata, kind });
        Ok(InodeId(id))
    }

    pub(super) fn inodes_mut(&mut self) -> impl Iterator<Item = &mut Inode> {
        self.inodes.iter_mut()
    }

    /// Frees the memory that the arena has reserved but does not use.
    pub(crate) fn shrink(&mut self) {
        self.inodes.shrink_to_fit();
    }

    /// The parent directory and the name for a new inode at `path`. An error about a
    /// parent names the path of that parent.
    fn vacancy(&self, path: &[u8]) -> Result<(InodeId, Name)> {
        let mut names = components(path);
        let Some(name) = names.next_back() else {
            return Err(Error::tree("/", TreeErrorKind::Exists));
        };
        let mut parent = Tree::ROOT;
        for (above, next) in names.enumerate() {
            let error = |kind| Error::tree(first_names(path, above + 1), kind);
            let known = self.children(parent).and_then(|children| children.get(next));
            parent = *known.ok_or_else(|| error(TreeErrorKind::NotFound))?;
            if self.children(parent).is_none() {
                return Err(error(TreeErrorKind::NotADirectory));
            }
        }
        let is_taken = self.children(parent).is_some_and(|children| children.contains_key(name));
        match is_taken {
            true => Err(Error::tree(absolute(path), TreeErrorKind::Exists)),
            false if is_valid_name(name) => Ok((parent, name.into())),
            false => Err(Error::tree(absolute(path), TreeErrorKind::BadName)),
        }
    }
}

/// A clone is another tree. An inode that is added to one of the two is not in the
/// other.
impl Clone for Tree {
    fn clone(&self) -> Self {
        let mut origins = self.origins.clone();
        origins.push((self.number, self.inodes.len()));
        Tree {
            inodes: self.inodes.clone(),
            number: next_number(),
            origins,
            host: self.host.clone(),
            spools: self.spools.clone(),
            devices: self.devices.clone(),
            image_block_size: self.image_block_size,
        }
    }
}

/// A number that no other tree of this process has.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The length in bytes of a file or a symlink's target. All other kinds have 0.
pub(crate) fn content_len(kind: &Kind) -> u64 {
    match kind {
        Kind::File(content) => content.len(),
        Kind::Symlink(target) => to_u64(target[..].len()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> Metadata {
        Metadata::new(0o755)
    }

    fn kind_of<T: std::fmt::Debug>(result: Result<T>) -> TreeErrorKind {
        match result {
            Err(Error::Tree { kind, .. }) => kind,
            other => panic!("a tree error was expected, not {other:?}"),
        }
    }

    #[test]
    fn a_path_can_be_taken_only_once() {
        let mut tree = Tree::new(dir());
        tree.insert("a", dir(), Node::Directory).expect("free");
        assert_eq!(kind_of(tree.insert("/a/", dir(), Node::Fifo)), TreeErrorKind::Exists);
        assert_eq!(kind_of(tree.insert("/", dir(), Node::Fifo)), TreeErrorKind::Exists);
    }

    #[test]
    fn parents_must_be_directories_that_exist() {
        let mut tree = Tree::new(dir());
        tree.insert("fifo", dir(), Node::Fifo).expect("free");
        assert_eq!(kind_of(tree.insert("no/x", dir(), Node::Fifo)), TreeErrorKind::NotFound);
        let error = kind_of(tree.insert("fifo/x", dir(), Node::Fifo));
        assert_eq!(error, TreeErrorKind::NotADirectory);
    }

    #[test]
    fn names_the_format_cannot_hold_are_refused() {
        let mut tree = Tree::new(dir());
        for name in [&b"."[..], b"..", b"a\0b", &[b'x'; 256]] {
            assert_eq!(kind_of(tree.insert(name, dir(), Node::Fifo)), TreeErrorKind::BadName);
        }
        tree.insert([b'x'; 255], dir(), Node::Fifo).expect("255 bytes fit");
        tree.insert(b"\xff\x01\\", dir(), Node::Fifo).expect("any other byte is fine");
    }

    #[test]
    fn a_directory_has_one_name_only() {
        let mut tree = Tree::new(dir());
        let id = tree.insert("d", dir(), Node::Directory).expect("free");
        assert_eq!(kind_of(tree.hard_link("e", id)), TreeErrorKind::DirectoryHardLink);
    }

    #[test]
    fn an_inode_of_another_tree_is_refused() {
        let [mut tree, mut other] = [(); 2].map(|()| Tree::new(dir()));
        let id = tree.insert("a", dir(), Node::Fifo).expect("free");
        other.insert("x", dir(), Node::Socket).expect("free");
        assert_eq!(kind_of(other.hard_link("y", id)), TreeErrorKind::ForeignInode);
        assert!(other.get("y").is_none());
        // A clone has the inodes that existed when it was made.
        let mut clone = tree.clone();
        clone.hard_link("b", id).expect("it has this inode");
        let [later, in_clone] = [&mut tree, &mut clone]
            .map(|tree| tree.insert("later", dir(), Node::Fifo).expect("free"));
        assert_eq!(kind_of(clone.hard_link("c", later)), TreeErrorKind::ForeignInode);
        assert_eq!(kind_of(tree.hard_link("c", in_clone)), TreeErrorKind::ForeignInode);
        let mut third = clone.clone();
        third.hard_link("c", id).expect("it has this inode");
        third.hard_link("d", in_clone).expect("and this one");
        // The inodes of an overlay get new ids.
        tree.overlay(third).expect("few inodes");
        assert_eq!(kind_of(tree.hard_link("e", in_clone)), TreeErrorKind::ForeignInode);
    }
}
