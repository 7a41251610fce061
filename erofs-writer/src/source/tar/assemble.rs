//! Builds a tree from members. Of several members with one path the last one counts.
//! Directories that the archive does not list are made.

use std::collections::HashSet;

use crate::error::{Error, Result, TarErrorKind, TreeErrorKind};
use crate::source::hard_links::HardLinks;
use crate::source::tar::members::{Member, MemberKind};
use crate::tree::overlay::{AUFS_OPAQUE, AUFS_WHITEOUT, OPAQUE_XATTR, ORIGIN_XATTR};
use crate::tree::{
    InodeId, Kind, Metadata, Rdev, Tree, components, is_valid_name, without_case_hack,
};

/// The mode of directories that the archive does not list.
const MODE: u16 = 0o755;
/// The most names that a path leads through, including those in targets of symlinks.
const NAMES_MAX: usize = 4096;
/// The most directories above an entry. A walk of the tree makes the path of each
/// entry, so deeper trees take longer.
const DEPTH_MAX: usize = 2048;
/// The most names in targets of symlinks that all paths of an archive together lead
/// through, and how many more there may be for each member. Without a bound, a member
/// of one block could lead through thousands of names, and make as many directories.
const TARGET_NAMES: usize = 1 << 16;
const TARGET_NAMES_OF_MEMBER: usize = 64;

/// A tree that members are put into.
pub(super) struct Assembly {
    tree: Tree,
    /// Directories that were only part of a path, and have no member yet.
    implied: HashSet<InodeId>,
    /// The number of names in targets of symlinks that further paths may lead through.
    target_names: usize,
    pub(super) hard_links: HardLinks,
    pub(super) strip_case_hack: bool,
    /// Whether whiteouts and opaque directories of aufs become those of
    /// overlayfs.
    pub(super) converts_aufs: bool,
}

/// The end of a path.
enum Walked {
    To(InodeId),
    /// The path leads to nothing, or through something that is not a directory.
    Nowhere,
    /// The path leads through too many names, or too deep.
    TooFar,
}

/// The reason why a member cannot be put into the tree.
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
            target_names: TARGET_NAMES,
            hard_links: HardLinks::default(),
            strip_case_hack: false,
            converts_aufs: false,
        }
    }

    /// Puts `member` at its path, in place of the entry that is there.
    pub(super) fn put(&mut self, member: Member) -> Result<(), Refusal> {
        let Member { path, mut metadata, kind, .. } = member;
        self.target_names += TARGET_NAMES_OF_MEMBER;
        let bad_path = || Refusal::Member(TarErrorKind::Path { path: path.clone() });
        let names = self.names(&path).ok_or_else(bad_path)?;
        let Some((name, parents)) = names.split_last() else {
            if !matches!(kind, MemberKind::Directory) {
                return Err(bad_path());
            }
            self.list(Tree::ROOT, metadata);
            return Ok(());
        };
        let parent = match self.walk(parents.to_vec(), true)? {
            Walked::To(parent) => parent,
            Walked::TooFar => return Err(Refusal::Member(TarErrorKind::LongPath { path })),
            Walked::Nowhere => unreachable!("what is not there is made"),
        };
        if self.converts_aufs && name == AUFS_OPAQUE {
            self.set_xattr(parent, OPAQUE_XATTR, b"y");
            return Ok(());
        }
        let (name, kind) = match name.strip_prefix(AUFS_WHITEOUT) {
            Some(hidden) if self.converts_aufs => {
                self.set_xattr(parent, ORIGIN_XATTR, b"");
                metadata.mode = 0;
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

    /// The names of a path, as the image has them. None if one is `..`.
    fn names(&self, path: &[u8]) -> Option<Vec<Vec<u8>>> {
        let names = components(path).filter(|name| *name != b".");
        let image_name = |name: &[u8]| match self.strip_case_hack {
            true => without_case_hack(name).to_vec(),
            false => name.to_vec(),
        };
        let names: Vec<Vec<u8>> = names.map(image_name).collect();
        (!names.iter().any(|name| name == b"..")).then_some(names)
    }

    /// Gives an existing directory the metadata of its member. Marks of overlayfs stay.
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

    /// Follows `names` from the root, also through symlinks. A `..` in a target does
    /// not lead above the root. If `makes`, missing directories are made.
    fn walk(&mut self, mut names: Vec<Vec<u8>>, makes: bool) -> Result<Walked> {
        names.reverse();
        // The directories above `id`, each with the name of the entry in it that was
        // followed.
        let mut above: Vec<(InodeId, Vec<u8>)> = Vec::new();
        let mut id = Tree::ROOT;
        let mut left = NAMES_MAX;
        while let Some(name) = names.pop() {
            if left == 0 || above.len() == DEPTH_MAX {
                return Ok(Walked::TooFar);
            }
            left -= 1;
            if name == b".." {
                id = above.pop().map_or(Tree::ROOT, |(parent, _)| parent);
                continue;
            }
            let Some(children) = self.tree.children(id) else {
                panic!("only directories are entered");
            };
            let known = children.get(&name[..]).copied();
            let next = match known.map(|known| (known, &self.tree.inode(known).kind)) {
                Some((known, Kind::Directory(_))) => known,
                Some((_, Kind::Symlink(target))) => {
                    if target.starts_with(b"/") {
                        (id, above) = (Tree::ROOT, Vec::new());
                    }
                    let in_target = components(target).filter(|name| *name != b".");
                    let start = names.len();
                    names.extend(in_target.map(<[u8]>::to_vec));
                    names[start..].reverse();
                    let Some(left) = self.target_names.checked_sub(names.len() - start + 1) else {
                        return Ok(Walked::TooFar);
                    };
                    self.target_names = left;
                    continue;
                }
                None if !makes => return Ok(Walked::Nowhere),
                None if is_valid_name(&name) => self.imply(id, &name)?,
                Some(_) if !makes => return Ok(Walked::Nowhere),
                known => {
                    let above = above.iter().map(|(_, name)| &name[..]);
                    let path: Vec<&[u8]> = above.chain([&name[..]]).collect();
                    let path = [b"/", &path.join(&b'/')[..]].concat();
                    let kind = match known {
                        Some(_) => TreeErrorKind::NotADirectory,
                        None => TreeErrorKind::BadName,
                    };
                    return Err(Error::tree(path, kind));
                }
            };
            above.push((id, name));
            id = next;
        }
        Ok(Walked::To(id))
    }

    /// Makes the directory `name` in `parent`, which no member has listed.
    fn imply(&mut self, parent: InodeId, name: &[u8]) -> Result<InodeId> {
        let id = self.tree.add(Metadata::new(MODE), Kind::Directory(Default::default()))?;
        self.tree.children_mut(parent).insert(name.into(), id);
        self.implied.insert(id);
        Ok(id)
    }

    /// The inode for `path`, which is a hard link to `target`.
    fn linked(&mut self, path: Vec<u8>, target: &[u8]) -> Result<InodeId, Refusal> {
        let mut names = self.names(target).unwrap_or_default();
        let name = names.pop();
        let parent = match self.walk(names, false)? {
            Walked::To(parent) => self.tree.children(parent),
            Walked::Nowhere => None,
            Walked::TooFar => return Err(Refusal::Member(TarErrorKind::LongPath { path })),
        };
        let id = parent.zip(name).and_then(|(parent, name)| parent.get(&name[..]).copied());
        let target = target.to_vec();
        let Some(id) = id else {
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

    /// Returns the tree. Directories that no member has listed get the owner and the
    /// time of their parent.
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
