//! The view that readers of an image must have, from the [`Tree`] it was made of. Uses
//! only the public interface of the tree.

use std::collections::BTreeMap;
use std::io;

use erofs_writer::{Content, InodeId, Node, ReadAt, Tree};

use crate::digest::{ContentHasher, Digest};
use crate::entry::{Entry, Kind, Snapshot};
use crate::host;
use crate::num::{index, wide};

/// Snapshot of a tree.
///
/// # Errors
///
/// Whatever keeps a content from being read.
pub fn snapshot(tree: &Tree) -> io::Result<Snapshot> {
    let mut known: BTreeMap<InodeId, Entry> = BTreeMap::new();
    let mut names: BTreeMap<InodeId, u64> = BTreeMap::new();
    let mut subdirs: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut paths = Vec::new();
    for found in tree.walk() {
        *names.entry(found.id()).or_default() += 1;
        if found.is_dir() && found.path() != b"/" {
            *subdirs.entry(parent(found.path())).or_default() += 1;
        }
        if !known.contains_key(&found.id()) {
            let number = wide(known.len()) + 1;
            known.insert(found.id(), entry(&found, number)?);
        }
        paths.push((found.path().to_vec(), found.id()));
    }
    let finished = paths.into_iter().map(|(path, id)| {
        let mut entry = known[&id].clone();
        entry.nlink = match entry.kind {
            Kind::Directory => 2 + subdirs.get(&path).copied().unwrap_or_default(),
            _ => names[&id],
        };
        (path, entry)
    });
    Ok(finished.collect())
}

fn parent(path: &[u8]) -> Vec<u8> {
    let slash = path.iter().rposition(|&byte| byte == b'/').expect("paths are absolute");
    path[..slash.max(1)].to_vec()
}

fn entry(found: &erofs_writer::Entry<'_>, number: u64) -> io::Result<Entry> {
    let metadata = found.metadata();
    let mode = u32::from(metadata.mode);
    let mut entry = match found.node() {
        Node::Directory => Entry::new(Kind::Directory, mode),
        Node::File(content) => {
            let mut entry = Entry::new(Kind::Regular, mode);
            entry.size = content.len();
            entry.content = Some(digest(&content)?);
            entry
        }
        Node::Symlink(target) => Entry::new(Kind::Symlink, mode).with_target(&target),
        Node::CharDevice(rdev) => {
            Entry { rdev: (rdev.major, rdev.minor), ..Entry::new(Kind::CharDevice, mode) }
        }
        Node::BlockDevice(rdev) => {
            Entry { rdev: (rdev.major, rdev.minor), ..Entry::new(Kind::BlockDevice, mode) }
        }
        Node::Fifo => Entry::new(Kind::Fifo, mode),
        Node::Socket => Entry::new(Kind::Socket, mode),
        other => panic!("a kind that these tests do not know: {other:?}"),
    };
    entry.uid = metadata.uid;
    entry.gid = metadata.gid;
    entry.mtime_sec = metadata.mtime.sec;
    entry.mtime_nsec = metadata.mtime.nsec;
    let pairs = metadata.xattrs.iter();
    entry.xattrs = pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    entry.ino = number;
    Ok(entry)
}

fn digest(content: &Content) -> io::Result<Digest> {
    if let Some(path) = content.host_path() {
        return host::digest(&path);
    }
    let mut hasher = ContentHasher::new();
    let mut buffer = vec![0; index(content.len().min(1 << 20))];
    let mut at = 0;
    while at < content.len() {
        let got = content.read_at(&mut buffer, at)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&buffer[..got]);
        at += wide(got);
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use erofs_writer::Metadata;

    #[test]
    fn links_are_counted_and_are_one_inode() {
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("d", Metadata::new(0o700), Node::Directory).unwrap();
        tree.insert("d/e", Metadata::new(0o700), Node::Directory).unwrap();
        let file = Node::File(Content::from_bytes(*b"content"));
        let id = tree.insert("d/f", Metadata::new(0o644), file).unwrap();
        tree.hard_link("g", id).unwrap();
        let found = snapshot(&tree).unwrap();
        let nlink = |path: &str| found[path.as_bytes()].nlink;
        assert_eq!(["/", "/d", "/d/e", "/d/f", "/g"].map(nlink), [3, 3, 2, 2, 2]);
        assert_eq!(found[&b"/g"[..]].ino, found[&b"/d/f"[..]].ino);
        assert_eq!(found[&b"/g"[..]].content, Some(Digest::of(b"content")));
    }
}
