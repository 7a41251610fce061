//! Comparing all names, and the inodes that they lead to.

use std::cmp::Ordering;

use super::check::{Check, field};
use crate::error::{Error, Result, VerifyErrorKind};
use crate::format::dirent::{
    DIRENT_LEN, FT_BLKDEV, FT_CHRDEV, FT_DIR, FT_FIFO, FT_REG_FILE, FT_SOCK, FT_SYMLINK,
};
use crate::format::to_u64;
use crate::image::{Dirs, FileType, Image, Inode, Listing};
use crate::pool::{self, Share};
use crate::tree::{Children, InodeId, Kind, Tree};

/// What the names of the tree lead to in the image.
pub(super) struct Names {
    /// The nid of each inode that a path leads to, in the order of nids.
    pub(super) inodes: Vec<(u64, InodeId)>,
    /// By arena index: the link count.
    pub(super) links: Vec<u32>,
}

/// A directory that is not read yet.
#[derive(Clone, Copy)]
struct Dir {
    id: InodeId,
    nid: u64,
    parent: u64,
}

/// No inode has this nid, as it would be after the end of any image.
const NONE: u64 = u64::MAX;

/// Compares the names of all directories. All of one depth are read at once.
pub(super) fn walk(check: &Check<'_>, image: &Image) -> Result<Names> {
    let tree = check.reader.tree;
    let root = image.root();
    let mut nids = vec![NONE; tree.arena_len()];
    let mut names = Names { inodes: vec![(root, Tree::ROOT)], links: vec![0; tree.arena_len()] };
    nids[Tree::ROOT.index()] = root;
    let mut level = vec![Dir { id: Tree::ROOT, nid: root, parent: root }];
    while !level.is_empty() {
        let listings = pool::try_map(&level[..], Share::Usual, |dir| list(check, image, dir))?;
        let mut below = Vec::new();
        for (dir, listed) in level.iter().zip(listings) {
            let children = tree.children(dir.id).expect("only directories are listed");
            names.links[dir.id.index()] = 2;
            for ((name, id), nid) in children.iter().zip(listed) {
                let counted = if is_dir(&tree.inode(*id).kind) { dir.id } else { *id };
                let links = &mut names.links[counted.index()];
                *links = links.saturating_add(1);
                let known = &mut nids[id.index()];
                if *known == NONE {
                    *known = nid;
                    names.inodes.push((nid, *id));
                    if counted == dir.id {
                        below.push(Dir { id: *id, nid, parent: dir.nid });
                    }
                } else if *known != nid {
                    return Err(at_name(tree, dir.id, name, VerifyErrorKind::Unlinked));
                }
            }
        }
        level = below;
    }
    names.inodes.sort_unstable();
    match names.inodes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => {
            let other = tree.path_of(pair[0].1);
            Err(check.wrong(pair[1].1, VerifyErrorKind::Linked { other }))
        }
        None => Ok(names),
    }
}

/// Reads a directory, and compares its names with those of the tree. Returns the nids that
/// they lead to.
fn list(check: &Check<'_>, image: &Image, dir: &Dir) -> Result<Vec<u64>> {
    check.go_on()?;
    let tree = check.reader.tree;
    let children = tree.children(dir.id).expect("only directories are listed");
    let inode = check.found(dir.id, image.inode(dir.nid))?;
    if inode.file_type != FileType::Directory {
        return Err(check.wrong(dir.id, field("another type", "", "that of a directory")));
    }
    check_len(check, dir.id, &inode, children)?;
    let listing = check.found(dir.id, Dirs::new(image).list(&inode))?;
    let own = (!inode.omits_dot).then_some(dir.nid);
    if inode.omits_dot != check.options.omit_dots {
        let named = |omits_dot| if omits_dot { "left out" } else { "there" };
        let (found, expected) = (named(inode.omits_dot), named(check.options.omit_dots));
        return Err(check.wrong(dir.id, field("the entry .", found, expected)));
    }
    for (name, found, expected) in
        [("the entry .", listing.own, own), ("the entry ..", listing.parent, Some(dir.parent))]
    {
        let expected = expected.map(|nid| (nid, FT_DIR));
        if found != expected {
            let shown = |target: Option<(u64, u8)>| match target {
                Some((nid, file_type)) => format!("to inode {nid} of type {file_type}"),
                None => "to nowhere".to_owned(),
            };
            return Err(check.wrong(dir.id, field(name, shown(found), shown(expected))));
        }
    }
    if inode.size != listing.end {
        return Err(check.wrong(dir.id, field("bytes:", inode.size, listing.end)));
    }
    compare(tree, dir.id, children, &listing)?;
    Ok(listing.entries.iter().map(|entry| entry.nid).collect())
}

/// Checks that a directory has not many more bytes than its entries, before they are read.
fn check_len(check: &Check<'_>, id: InodeId, inode: &Inode, children: &Children) -> Result<()> {
    let names = children.keys().map(|name| to_u64(name.len()));
    let entries = names.fold(0, |sum, len| sum + DIRENT_LEN + len);
    // What is left of a block is less than an entry, and so less than one more than half
    // of it is used.
    let most = 2 * entries + 2 * check.options.block_size.len();
    match inode.size <= most {
        true => Ok(()),
        false => Err(check.wrong(id, field("bytes", inode.size, format!("{most} at most")))),
    }
}

/// Compares the names of a directory, and the types that its entries tell.
fn compare(tree: &Tree, dir: InodeId, children: &Children, listing: &Listing) -> Result<()> {
    let mut found = listing.entries.iter();
    for (name, id) in children {
        let Some(entry) = found.next() else {
            return Err(at_name(tree, dir, name, VerifyErrorKind::Missing));
        };
        match entry.name[..].cmp(name) {
            Ordering::Less => return Err(at_name(tree, dir, &entry.name, VerifyErrorKind::Excess)),
            Ordering::Greater => return Err(at_name(tree, dir, name, VerifyErrorKind::Missing)),
            Ordering::Equal => {}
        }
        let expected = entry_type(&tree.inode(*id).kind);
        if entry.file_type != expected {
            let kind = field("an entry of type", entry.file_type, expected);
            return Err(at_name(tree, dir, name, kind));
        }
    }
    match found.next() {
        Some(entry) => Err(at_name(tree, dir, &entry.name, VerifyErrorKind::Excess)),
        None => Ok(()),
    }
}

fn is_dir(kind: &Kind) -> bool {
    matches!(kind, Kind::Directory(_))
}

/// The error of a name in a directory.
fn at_name(tree: &Tree, dir: InodeId, name: &[u8], kind: VerifyErrorKind) -> Error {
    let mut path = tree.path_of(dir);
    if path != b"/" {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    Error::Verify { path, kind }
}

/// The type that an entry tells of its inode.
fn entry_type(kind: &Kind) -> u8 {
    match kind {
        Kind::Directory(_) => FT_DIR,
        Kind::File(_) => FT_REG_FILE,
        Kind::Symlink(_) => FT_SYMLINK,
        Kind::CharDevice(_) => FT_CHRDEV,
        Kind::BlockDevice(_) => FT_BLKDEV,
        Kind::Fifo => FT_FIFO,
        Kind::Socket => FT_SOCK,
    }
}
