//! From members to a tree: the last one of a name counts, and directories that
//! the archive does not list are there all the same.

use std::collections::HashSet;

use crate::error::{Error, Result, TarErrorKind, TreeErrorKind};
use crate::source::HardLinks;
use crate::source::tar::members::{Member, MemberKind};
use crate::tree::{
    InodeId, Kind, Metadata, Rdev, Tree, components, is_valid_name, without_case_hack,
};

/// What aufs calls a file that hides another one: this and its name.
const WHITEOUT: &[u8] = b".wh.";
/// And a file that hides all that a directory has in layers below.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The attribute by which overlayfs knows such directories.
const OPAQUE_XATTR: &[u8] = b"trusted.overlay.opaque";
/// The attribute of directories in which overlayfs looks for whiteouts even if
/// no other layer has them (Linux 6.8).
const ORIGIN_XATTR: &[u8] = b"trusted.overlay.origin";

/// The mode of directories that the archive does not list.
const MODE: u16 = 0o755;

/// A tree that members are put into.
pub(super) struct Assembly {
    tree: Tree,
    /// Directories that have been in a path only.
    implied: HashSet<InodeId>,
    pub(super) hard_links: HardLinks,
    pub(super) strip_case_hack: bool,
    /// Whether whiteouts and opaque directories of aufs become those of
    /// overlayfs.
    pub(super) converts_aufs: bool,
}

/// Why a member cannot be put in.
pub(super) enum Refusal {
    Member(TarErrorKind),
    Tree(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Tree(error)
    }
}

impl Assembly {
    pub(super) fn new() -> Self {
        Assembly {
            tree: Tree::new(Metadata::new(MODE)),
            implied: HashSet::from([Tree::ROOT]),
            hard_links: HardLinks::default(),
            strip_case_hack: false,
            converts_aufs: false,
        }
    }

    /// Puts `member` where its path says, in place of what is there.
    pub(super) fn put(&mut self, member: Member) -> Result<(), Refusal> {
        let Member { path, metadata, kind, .. } = member;
        let bad_path = || Refusal::Member(TarErrorKind::Path { path: path.clone() });
        let names = self.names(&path).ok_or_else(bad_path)?;
        let Some((name, parents)) = names.split_last() else {
            if !matches!(kind, MemberKind::Directory) {
                return Err(bad_path());
            }
            self.list(Tree::ROOT, metadata);
            return Ok(());
        };
        let parent = self.directory(parents)?;
        if self.converts_aufs && name == OPAQUE {
            self.set_xattr(parent, OPAQUE_XATTR, b"y");
            return Ok(());
        }
        let (name, kind) = match name.strip_prefix(WHITEOUT) {
            Some(hidden) if self.converts_aufs => {
                self.set_xattr(parent, ORIGIN_XATTR, b"");
                (hidden, MemberKind::CharDevice(Rdev { major: 0, minor: 0 }))
            }
            _ => (&name[..], kind),
        };
        if !is_valid_name(name) {
            return Err(Error::tree(path, TreeErrorKind::BadName).into());
        }
        let known = self.tree.children(parent).and_then(|names| names.get(name)).copied();
        let id = match kind {
            MemberKind::Directory => {
                if let Some(id) = known.filter(|id| self.tree.children(*id).is_some()) {
                    self.list(id, metadata);
                    return Ok(());
                }
                self.tree.add(metadata, Kind::Directory(Default::default()))?
            }
            MemberKind::HardLink(target) => self.linked(path, &target)?,
            MemberKind::File(content) => self.tree.add(metadata, Kind::File(content))?,
            MemberKind::Symlink(target) => self.tree.add(metadata, Kind::Symlink(target.into()))?,
            MemberKind::CharDevice(rdev) => self.tree.add(metadata, Kind::CharDevice(rdev))?,
            MemberKind::BlockDevice(rdev) => self.tree.add(metadata, Kind::BlockDevice(rdev))?,
            MemberKind::Fifo => self.tree.add(metadata, Kind::Fifo)?,
        };
        self.tree.children_mut(parent).insert(name.into(), id);
        Ok(())
    }

    /// The names of a path as the image has them; none if it leads upwards.
    fn names(&self, path: &[u8]) -> Option<Vec<Vec<u8>>> {
        let names = components(path).filter(|name| *name != b".");
        let image_name = |name: &[u8]| match self.strip_case_hack {
            true => without_case_hack(name).to_vec(),
            false => name.to_vec(),
        };
        let names: Vec<Vec<u8>> = names.map(image_name).collect();
        (!names.iter().any(|name| name == b"..")).then_some(names)
    }

    /// Gives a directory that there is what its member says.
    fn list(&mut self, id: InodeId, metadata: Metadata) {
        self.implied.remove(&id);
        let known = &mut self.tree.inode_mut(id).metadata;
        let marks: Vec<_> = [OPAQUE_XATTR, ORIGIN_XATTR]
            .into_iter()
            .filter(|_| self.converts_aufs)
            .filter_map(|name| Some((name, known.xattrs.get(name)?.to_vec())))
            .collect();
        *known = metadata;
        for (name, value) in marks {
            known.xattrs.set(name, value);
        }
    }

    fn set_xattr(&mut self, id: InodeId, name: &[u8], value: &[u8]) {
        self.tree.inode_mut(id).metadata.xattrs.set(name, value);
    }

    /// The directory with this path, made if there is none.
    fn directory(&mut self, names: &[Vec<u8>]) -> Result<InodeId> {
        let mut id = Tree::ROOT;
        for (index, name) in names.iter().enumerate() {
            let path = || [b"/", &names[..=index].join(&b'/')[..]].concat();
            let Some(children) = self.tree.children(id) else {
                panic!("only directories are entered");
            };
            id = match children.get(&name[..]) {
                Some(child) if self.tree.children(*child).is_some() => *child,
                Some(_) => return Err(Error::tree(path(), TreeErrorKind::NotADirectory)),
                None if !is_valid_name(name) => {
                    return Err(Error::tree(path(), TreeErrorKind::BadName));
                }
                None => {
                    let kind = Kind::Directory(Default::default());
                    let child = self.tree.add(Metadata::new(MODE), kind)?;
                    self.tree.children_mut(id).insert(name[..].into(), child);
                    self.implied.insert(child);
                    child
                }
            };
        }
        Ok(id)
    }

    /// The inode for a further name, `path`, of `target`.
    fn linked(&mut self, path: Vec<u8>, target: &[u8]) -> Result<InodeId, Refusal> {
        let names = self.names(target).unwrap_or_default();
        let id = names
            .iter()
            .try_fold(Tree::ROOT, |id, name| self.tree.children(id)?.get(&name[..]).copied());
        let target = target.to_vec();
        let Some(id) = id.filter(|id| *id != Tree::ROOT) else {
            return Err(Refusal::Member(TarErrorKind::LinkTarget { path, target }));
        };
        if self.tree.children(id).is_some() {
            return Err(Refusal::Member(TarErrorKind::LinkToDirectory { path, target }));
        }
        match self.hard_links {
            HardLinks::Keep => Ok(id),
            HardLinks::Ignore => {
                let inode = self.tree.inode(id).clone();
                Ok(self.tree.add(inode.metadata, inode.kind)?)
            }
        }
    }

    /// The tree. Directories that were not listed get the owner and the time
    /// of the one that they are in.
    pub(super) fn finish(mut self) -> Tree {
        let mut pending = vec![Tree::ROOT];
        while let Some(id) = pending.pop() {
            let Metadata { uid, gid, mtime, .. } = self.tree.inode(id).metadata;
            let children = self.tree.children(id).into_iter().flatten().map(|(_, child)| *child);
            let is_dir = |child: &InodeId| self.tree.children(*child).is_some();
            let directories: Vec<InodeId> = children.filter(is_dir).collect();
            for child in directories.iter().filter(|child| self.implied.contains(child)) {
                let metadata = &mut self.tree.inode_mut(*child).metadata;
                (metadata.uid, metadata.gid, metadata.mtime) = (uid, gid, mtime);
            }
            pending.extend(directories);
        }
        self.tree.shrink();
        self.tree
    }
}
