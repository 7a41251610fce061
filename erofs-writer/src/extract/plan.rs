//! What is extracted, before anything is made.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use crate::error::{Error, Result, TreeErrorKind};
use crate::tree::{Children, InodeId, Kind, Name, Tree, components, content_len, is_valid_name};

/// A directory.
#[derive(Debug)]
pub(super) struct Folder<'t> {
    pub(super) id: InodeId,
    /// Its name in the parent, and the parent's place in the list. None for the root.
    pub(super) place: Option<(&'t Name, usize)>,
    /// Whether all that is in it is wanted.
    is_whole: bool,
    /// How many directories it is in.
    pub(super) depth: usize,
    /// The length of its path.
    path_len: usize,
}

/// A name of anything else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'t> {
    pub(super) name: &'t Name,
    pub(super) id: InodeId,
    /// The place of its directory in the list.
    pub(super) folder: usize,
}

/// A further name of an inode.
#[derive(Debug)]
pub(super) struct Link<'t> {
    pub(super) first: Leaf<'t>,
    pub(super) leaf: Leaf<'t>,
}

/// All of them. Each directory comes before what is in it.
#[derive(Debug, Default)]
pub(super) struct Plan<'t> {
    pub(super) folders: Vec<Folder<'t>>,
    pub(super) leaves: Vec<Leaf<'t>>,
    pub(super) links: Vec<Link<'t>>,
    /// Whether the root itself is wanted, and so its metadata.
    pub(super) is_whole: bool,
    /// The bytes of all files.
    pub(super) bytes: u64,
}

/// What is wanted of a directory: all, or these names.
#[derive(Debug, Default)]
struct Pick<'p> {
    all: bool,
    names: BTreeSet<&'p [u8]>,
}

/// The picks of the directories on the way to `paths`.
fn picks<'p>(tree: &Tree, paths: &'p [Vec<u8>]) -> Result<HashMap<InodeId, Pick<'p>>> {
    let mut picks: HashMap<InodeId, Pick<'p>> = HashMap::new();
    if paths.is_empty() {
        picks.entry(Tree::ROOT).or_default().all = true;
    }
    for path in paths {
        let mut id = Tree::ROOT;
        for name in components(path) {
            let next = tree.children(id).and_then(|children| children.get(name));
            let next = *next.ok_or_else(|| Error::tree(&path[..], TreeErrorKind::NotFound))?;
            picks.entry(id).or_default().names.insert(name);
            id = next;
        }
        if tree.children(id).is_some() {
            picks.entry(id).or_default().all = true;
        }
    }
    Ok(picks)
}

impl<'t> Plan<'t> {
    /// The plan for `paths` and all that is in them, or for all of `tree` if there are
    /// none.
    pub(super) fn new(tree: &'t Tree, paths: &[Vec<u8>]) -> Result<Self> {
        let picks = picks(tree, paths)?;
        let is_whole = |id| picks.get(&id).is_some_and(|pick| pick.all);
        let mut plan = Plan { is_whole: is_whole(Tree::ROOT), ..Plan::default() };
        let mut seen = vec![None; tree.arena_len()];
        let mut pending = vec![Folder::root(plan.is_whole)];
        while let Some(folder) = pending.pop() {
            let at = plan.folders.len();
            let names = picks.get(&folder.id).map(|pick| &pick.names);
            let wanted = |name: &Name| {
                folder.is_whole || names.is_some_and(|names| names.contains(&name[..]))
            };
            let below = pending.len();
            for (name, id) in children(tree, folder.id).filter(|(name, _)| wanted(name)) {
                if !is_valid_name(name) {
                    return Err(Error::tree(&name[..], TreeErrorKind::BadName));
                }
                if tree.children(*id).is_some() {
                    let is_whole = folder.is_whole || is_whole(*id);
                    let (place, depth) = (Some((name, at)), folder.depth + 1);
                    let path_len = folder.path_len + 1 + name.len();
                    if path_len > PATH_MAX {
                        return Err(too_long(name));
                    }
                    pending.push(Folder { id: *id, place, is_whole, depth, path_len });
                    continue;
                }
                plan.put(tree, &mut seen, Leaf { name, id: *id, folder: at });
            }
            // The first one is taken first.
            pending[below..].reverse();
            plan.folders.push(folder);
        }
        Ok(plan)
    }

    /// Adds a name. `seen` has the leaf of each inode that came before.
    fn put(&mut self, tree: &Tree, seen: &mut [Option<u32>], leaf: Leaf<'t>) {
        let first = &mut seen[leaf.id.index()];
        match *first {
            Some(first) => {
                let first = self.leaves[crate::format::to_usize(first.into())];
                self.links.push(Link { first, leaf });
            }
            None => {
                // There are fewer inodes than numbers of 32 bits.
                *first = u32::try_from(self.leaves.len()).ok();
                if let Kind::File(content) = &tree.inode(leaf.id).kind {
                    self.bytes = self.bytes.saturating_add(content.len());
                }
                self.leaves.push(leaf);
            }
        }
    }

    /// The places of the directories by their depth. Those with the same parent follow
    /// each other.
    pub(super) fn levels(&self) -> Vec<Vec<usize>> {
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for (at, folder) in self.folders.iter().enumerate() {
            levels.resize(levels.len().max(folder.depth + 1), Vec::new());
            levels[folder.depth].push(at);
        }
        levels
    }

    /// The leaves in groups, each in one directory, with few files or few bytes.
    pub(super) fn groups(&self, tree: &Tree) -> Vec<&[Leaf<'t>]> {
        let mut groups = Vec::new();
        for mut all in self.leaves.chunk_by(|one, next| one.folder == next.folder) {
            while !all.is_empty() {
                let mut bytes = 0_u64;
                let full = all.iter().take(GROUP_LEN).position(|leaf| {
                    bytes = bytes.saturating_add(content_len(&tree.inode(leaf.id).kind));
                    bytes >= GROUP_BYTES
                });
                let len = full.map_or(all.len().min(GROUP_LEN), |at| at + 1);
                let (group, rest) = all.split_at(len);
                groups.push(group);
                all = rest;
            }
        }
        groups
    }
}

/// The longest path of a directory. Each one is opened by its path, so that far longer ones
/// would take forever.
const PATH_MAX: usize = 1 << 16;

fn too_long(name: &[u8]) -> Error {
    let why = "its path has more than 65536 bytes";
    let path = Some(OsStr::from_bytes(name).into());
    Error::Write { path, source: io::Error::new(io::ErrorKind::InvalidInput, why) }
}

impl Folder<'_> {
    fn root(is_whole: bool) -> Self {
        Folder { id: Tree::ROOT, place: None, is_whole, depth: 0, path_len: 0 }
    }
}

/// A group has so many files at most, and ends with the file that makes it so many bytes.
const GROUP_LEN: usize = 64;
const GROUP_BYTES: u64 = 4 << 20;

fn children(tree: &Tree, id: InodeId) -> impl Iterator<Item = (&Name, &InodeId)> {
    let children: Option<&Children> = match &tree.inode(id).kind {
        Kind::Directory(children) => Some(children),
        _ => None,
    };
    children.into_iter().flatten()
}
