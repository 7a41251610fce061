//! Builds a tree from entries.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ManifestErrorKind as Kind, TreeErrorKind};
use crate::source::hard_links::HardLinks;
use crate::source::manifest::entry::{Entry, EntryKind, Refusal, Stored};
use crate::source::manifest::format::ManifestFormat;
use crate::source::manifest::options::Options;
use crate::tree::{
    Children, Content, FileId, InodeId, Kind as TreeKind, Metadata, Tree, components,
    is_valid_name, without_case_hack,
};

/// The mode of directories that have no line.
const MODE: u16 = 0o755;
/// The most directories above an entry, as in a tar archive.
const DEPTH_MAX: usize = 2048;

/// A tree that entries are put into.
pub(super) struct Assembly {
    tree: Tree,
    /// Whether directories without a line are made.
    implies: bool,
    /// The directory of contents.
    contents: PathBuf,
    hard_links: HardLinks,
    xattrs: bool,
    strips_case_hack: bool,
    links: Vec<Link>,
    /// The files of contents.
    files: HashSet<FileId>,
}

impl Assembly {
    pub(super) fn new(format: ManifestFormat, contents: PathBuf, options: &Options<'_>) -> Self {
        Assembly {
            tree: Tree::new(Metadata::new(MODE)),
            implies: format != ManifestFormat::Composefs,
            contents,
            hard_links: options.hard_links,
            xattrs: options.xattrs,
            strips_case_hack: options.strip_case_hack,
            links: Vec::new(),
            files: HashSet::new(),
        }
    }

    /// Puts `entry` of the line `line` at its path.
    pub(super) fn put(&mut self, entry: Entry, line: usize) -> Result<(), Refusal> {
        let Entry { path, mut metadata, kind } = entry;
        if !self.xattrs {
            metadata.xattrs = Default::default();
        }
        let names = self.names(&path)?;
        let Some((name, parents)) = names.split_last() else {
            return match kind {
                EntryKind::Directory => {
                    self.tree.inode_mut(Tree::ROOT).metadata = metadata;
                    Ok(())
                }
                _ => Err(Kind::Path { path }.into()),
            };
        };
        let parent = self.parent(&path, parents)?;
        let known = self.tree.children(parent).and_then(|names| names.get(&name[..])).copied();
        if let Some(known) = known {
            let is_directory = self.tree.children(known).is_some();
            if !is_directory || kind != EntryKind::Directory {
                return Err(Error::tree(path, TreeErrorKind::Exists).into());
            }
            self.tree.inode_mut(known).metadata = metadata;
            return Ok(());
        }
        let kind = match kind {
            EntryKind::Directory => TreeKind::Directory(Children::new()),
            EntryKind::Inline(bytes) => TreeKind::File(Content::from_bytes(bytes)),
            EntryKind::Stored(stored) => match self.content(&stored)? {
                Some(content) => TreeKind::File(content),
                None => return Ok(()),
            },
            EntryKind::Symlink(target) => TreeKind::Symlink(target.into()),
            EntryKind::CharDevice(rdev) => TreeKind::CharDevice(rdev),
            EntryKind::BlockDevice(rdev) => TreeKind::BlockDevice(rdev),
            EntryKind::Fifo => TreeKind::Fifo,
            EntryKind::Socket => TreeKind::Socket,
            EntryKind::HardLink(target) => {
                let target = self.names(&target)?.join(&b'/');
                let (name, path) = (name.clone(), names.join(&b'/'));
                self.links.push(Link { line, parent, name, path, target });
                return Ok(());
            }
        };
        let id = self.tree.add(metadata, kind)?;
        self.tree.children_mut(parent).insert(name[..].into(), id);
        Ok(())
    }

    /// The names of a path, as the image has them.
    fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
        let image_name = |name: &[u8]| match self.strips_case_hack {
            true => without_case_hack(name).to_vec(),
            false => name.to_vec(),
        };
        let names: Vec<Vec<u8>> = components(path).map(image_name).collect();
        if names.len() > DEPTH_MAX {
            return Err(Kind::Path { path: path.to_vec() }.into());
        }
        match names.iter().all(|name| is_valid_name(name)) {
            true => Ok(names),
            false => Err(Error::tree(path, TreeErrorKind::BadName).into()),
        }
    }

    /// The directory of the names `parents`, in which the entry `path` is.
    fn parent(&mut self, path: &[u8], parents: &[Vec<u8>]) -> Result<InodeId, Refusal> {
        let mut dir = Tree::ROOT;
        for name in parents {
            let Some(children) = self.tree.children(dir) else {
                return Err(Error::tree(path, TreeErrorKind::NotADirectory).into());
            };
            dir = match children.get(&name[..]).copied() {
                Some(known) => known,
                None if self.implies => {
                    let kind = TreeKind::Directory(Children::new());
                    let id = self.tree.add(Metadata::new(MODE), kind)?;
                    self.tree.children_mut(dir).insert(name[..].into(), id);
                    id
                }
                None => return Err(Kind::NoParent { path: path.to_vec() }.into()),
            };
        }
        match self.tree.children(dir) {
            Some(_) => Ok(dir),
            None => Err(Error::tree(path, TreeErrorKind::NotADirectory).into()),
        }
    }

    /// The contents of a file. None if it may be missing, and is.
    fn content(&mut self, stored: &Stored) -> Result<Option<Content>, Refusal> {
        let path = Path::new(OsStr::from_bytes(&stored.path));
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if stored.stays_inside && !is_inside {
            return Err(Kind::Outside { path: stored.path.clone() }.into());
        }
        let path = self.contents.join(path);
        let stat = match fs::metadata(&path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound && stored.is_optional => {
                return Ok(None);
            }
            Err(error) => return Err(Error::read(path, error).into()),
        };
        if !stat.is_file() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(Error::read(path, why).into());
        }
        let found = stat.len();
        if let Some(said) = stored.len.filter(|said| *said != found) {
            return Err(Kind::Length { said, found }.into());
        }
        self.files.insert(FileId::of_metadata(&stat));
        Ok(Some(Content::from_path(path, found)))
    }

    /// Makes the hard links, and returns the tree. With an error comes the line of the link
    /// that has it.
    pub(super) fn finish(mut self) -> Result<Tree, (usize, Refusal)> {
        let links = std::mem::take(&mut self.links);
        let mut targets: HashMap<Vec<u8>, Vec<u8>> =
            links.iter().map(|link| (link.path.clone(), link.target.clone())).collect();
        for link in links {
            // A target may be a hard link itself, which may come later.
            let mut way = Vec::new();
            let mut target = link.target.clone();
            while let Some(next) = targets.get(&target).filter(|_| way.len() <= targets.len()) {
                way.push(std::mem::replace(&mut target, next.clone()));
            }
            // Further links need not go this way again.
            way.into_iter().for_each(|path| drop(targets.insert(path, target.clone())));
            let line = link.line;
            self.link(link, &target).map_err(|refusal| (line, refusal))?;
        }
        let mut files: Vec<FileId> = self.files.into_iter().collect();
        files.sort_unstable();
        self.tree.host.files.extend(files.into_iter().map(|file| (file, None)));
        self.tree.shrink();
        Ok(self.tree)
    }

    /// Makes a hard link to `target`, which is none.
    fn link(&mut self, link: Link, target: &[u8]) -> Result<(), Refusal> {
        let mut id = Some(Tree::ROOT);
        for name in components(target) {
            id = id.and_then(|dir| self.tree.children(dir)?.get(name).copied());
        }
        let id = id.filter(|id| self.tree.children(*id).is_none());
        let Some(id) = id else {
            let target = [b"/", &link.target[..]].concat();
            return Err(Kind::LinkTarget { target }.into());
        };
        let id = match self.hard_links {
            HardLinks::Keep => id,
            HardLinks::Ignore => {
                let inode = self.tree.inode(id).clone();
                self.tree.add(inode.metadata, inode.kind)?
            }
        };
        match self.tree.children_mut(link.parent).insert(link.name[..].into(), id) {
            None => Ok(()),
            Some(_) => Err(Error::tree(link.path, TreeErrorKind::Exists).into()),
        }
    }
}

/// A hard link whose target may come later.
struct Link {
    line: usize,
    parent: InodeId,
    name: Vec<u8>,
    /// Its path and that of its target, as the image has them.
    path: Vec<u8>,
    target: Vec<u8>,
}
