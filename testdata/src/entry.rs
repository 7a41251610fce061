//! A file tree as a reader sees it: the common form in which sources, mounts, extracted
//! folders and images are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::digest::Digest;

/// A tree: absolute path in the image (the root is `/`) to entry.
pub type Snapshot = BTreeMap<Vec<u8>, Entry>;

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Directory.
    Directory,
    /// Regular file.
    Regular,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

impl Kind {
    /// The kind in the type bits of a `st_mode`; None if they name none.
    #[must_use]
    pub fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o040_000 => Self::Directory,
            0o100_000 => Self::Regular,
            0o120_000 => Self::Symlink,
            0o020_000 => Self::CharDevice,
            0o060_000 => Self::BlockDevice,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }
}

/// A file of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Type.
    pub kind: Kind,
    /// Permission, set-id and sticky bits (0o7777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds of the modification time.
    pub mtime_sec: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nsec: u32,
    /// Number of links.
    pub nlink: u64,
    /// Bytes of a regular file or of a symlink's target, otherwise 0: the size of a
    /// directory differs between file systems.
    pub size: u64,
    /// Major and minor number of a device, otherwise (0, 0).
    pub rdev: (u32, u32),
    /// Target of a symlink, otherwise empty.
    pub link_target: Vec<u8>,
    /// Content of a regular file.
    pub content: Option<Digest>,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Number of the inode. Only tells which paths are one file: [`diff`]
    /// compares the groups, never the numbers.
    pub ino: u64,
}

impl Entry {
    /// An entry with the given kind and mode, and zero or nothing elsewhere.
    #[must_use]
    pub fn new(kind: Kind, mode: u32) -> Self {
        Self {
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime_sec: 0,
            mtime_nsec: 0,
            nlink: 1,
            size: 0,
            rdev: (0, 0),
            link_target: Vec::new(),
            content: (kind == Kind::Regular).then(|| Digest::of(b"")),
            xattrs: BTreeMap::new(),
            ino: 0,
        }
    }

    /// The same with the content of a regular file.
    #[must_use]
    pub fn with_content(mut self, bytes: &[u8]) -> Self {
        let digest = Digest::of(bytes);
        self.size = digest.len;
        self.content = Some(digest);
        self
    }

    /// The same with the target of a symlink.
    #[must_use]
    pub fn with_target(mut self, target: &[u8]) -> Self {
        self.size = crate::num::wide(target.len());
        self.link_target = target.to_vec();
        self
    }
}

/// The fields that [`diff`] compares besides kinds, sizes, targets and devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Permission bits of all but symlinks (whose bits mean nothing).
    pub mode: bool,
    /// Permission bits of symlinks.
    pub symlink_mode: bool,
    /// Owner and group.
    pub owner: bool,
    /// Modification time.
    pub mtime: bool,
    /// Nanoseconds of the modification time (only if `mtime`).
    pub mtime_nsec: bool,
    /// Link count of all but directories.
    pub nlink: bool,
    /// Link count of directories.
    pub dir_nlink: bool,
    /// Which paths are one file.
    pub hard_links: bool,
    /// Extended attributes.
    pub xattrs: bool,
    /// Content of regular files.
    pub content: bool,
    /// Whether sockets must be there.
    pub sockets: bool,
    /// Everything but existence of the root directory.
    pub root: bool,
}

impl Compare {
    /// Compare everything.
    pub const ALL: Self = Self {
        mode: true,
        symlink_mode: true,
        owner: true,
        mtime: true,
        mtime_nsec: true,
        nlink: true,
        dir_nlink: true,
        hard_links: true,
        xattrs: true,
        content: true,
        sockets: true,
        root: true,
    };
}

/// Compares `actual` with `expected`.
///
/// # Errors
///
/// A readable list of the differences, one a line, cut after 40.
pub fn diff(expected: &Snapshot, actual: &Snapshot, what: Compare) -> Result<(), String> {
    let mut list = Differences::default();
    let skip = |entry: &Entry| entry.kind == Kind::Socket && !what.sockets;
    for (path, entry) in expected.iter().filter(|(_, entry)| !skip(entry)) {
        match actual.get(path) {
            None => list.add(path, format_args!("missing ({:?})", entry.kind)),
            Some(_) if path == b"/" && !what.root => {}
            Some(other) => diff_entry(path, entry, other, what, &mut list),
        }
    }
    for (path, entry) in actual.iter().filter(|(_, entry)| !skip(entry)) {
        if !expected.contains_key(path) {
            list.add(path, format_args!("unexpected ({:?})", entry.kind));
        }
    }
    if what.hard_links {
        diff_links(expected, actual, &mut list);
    }
    list.finish()
}

fn diff_entry(path: &[u8], old: &Entry, new: &Entry, what: Compare, list: &mut Differences) {
    if old.kind != new.kind {
        list.field(path, "kind", &old.kind, &new.kind);
        return;
    }
    let compare_mode = match old.kind {
        Kind::Symlink => what.symlink_mode,
        _ => what.mode,
    };
    if compare_mode && old.mode != new.mode {
        let (old, new) = (old.mode, new.mode);
        list.field(path, "mode", &format_args!("{old:04o}"), &format_args!("{new:04o}"));
    }
    if what.owner {
        list.compare(path, "uid", &old.uid, &new.uid);
        list.compare(path, "gid", &old.gid, &new.gid);
    }
    if what.mtime {
        list.compare(path, "mtime", &old.mtime_sec, &new.mtime_sec);
        if what.mtime_nsec {
            list.compare(path, "mtime nsec", &old.mtime_nsec, &new.mtime_nsec);
        }
    }
    let compare_nlink = match old.kind {
        Kind::Directory => what.dir_nlink,
        _ => what.nlink,
    };
    if compare_nlink {
        list.compare(path, "nlink", &old.nlink, &new.nlink);
    }
    list.compare(path, "size", &old.size, &new.size);
    list.compare(path, "rdev", &old.rdev, &new.rdev);
    if old.link_target != new.link_target {
        list.field(path, "target", &show(&old.link_target), &show(&new.link_target));
    }
    if what.content {
        list.compare(path, "content", &old.content, &new.content);
    }
    if what.xattrs {
        diff_xattrs(path, old, new, list);
    }
}

fn diff_xattrs(path: &[u8], old: &Entry, new: &Entry, list: &mut Differences) {
    for (name, value) in &old.xattrs {
        match new.xattrs.get(name) {
            None => list.add(path, format_args!("xattr {} is missing", show(name))),
            Some(other) if other != value => {
                let label = format!("xattr {}", show(name));
                list.field(path, &label, &show(value), &show(other));
            }
            Some(_) => {}
        }
    }
    for name in new.xattrs.keys() {
        if !old.xattrs.contains_key(name) {
            list.add(path, format_args!("unexpected xattr {}", show(name)));
        }
    }
}

/// Inode numbers differ between any two trees; the sets of paths that share
/// one must not.
fn diff_links(expected: &Snapshot, actual: &Snapshot, list: &mut Differences) {
    let (old, new) = (link_groups(expected), link_groups(actual));
    for group in old.difference(&new) {
        list.add(&group[0], format_args!("not one file any more: {}", show_all(group)));
    }
    for group in new.difference(&old) {
        list.add(&group[0], format_args!("unexpectedly one file: {}", show_all(group)));
    }
}

fn link_groups(tree: &Snapshot) -> BTreeSet<Vec<Vec<u8>>> {
    let mut by_ino: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    for (path, entry) in tree {
        if !matches!(entry.kind, Kind::Directory | Kind::Socket) && entry.nlink > 1 {
            by_ino.entry(entry.ino).or_default().push(path.clone());
        }
    }
    by_ino.into_values().filter(|paths| paths.len() > 1).collect()
}

#[derive(Default)]
struct Differences {
    text: String,
    count: usize,
}

impl Differences {
    fn add(&mut self, path: &[u8], what: fmt::Arguments<'_>) {
        self.count += 1;
        if self.count <= 40 {
            let _ = writeln!(self.text, "{}: {what}", show(path));
        }
    }

    fn field(&mut self, path: &[u8], name: &str, old: &dyn fmt::Debug, new: &dyn fmt::Debug) {
        self.add(path, format_args!("{name} is {new:?}, expected {old:?}"));
    }

    fn compare<T: fmt::Debug + PartialEq>(&mut self, path: &[u8], name: &str, old: &T, new: &T) {
        if old != new {
            self.field(path, name, old, new);
        }
    }

    fn finish(mut self) -> Result<(), String> {
        if self.count > 40 {
            let _ = writeln!(self.text, "... and {} more", self.count - 40);
        }
        if self.count == 0 { Ok(()) } else { Err(self.text) }
    }
}

/// Bytes as short readable ASCII.
pub(crate) fn show(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(100)];
    let dots = if cut.len() < bytes.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}

fn show_all(paths: &[Vec<u8>]) -> String {
    let shown: Vec<_> = paths.iter().take(8).map(|path| show(path)).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, Entry)]) -> Snapshot {
        let pairs = entries.iter().cloned();
        pairs.map(|(path, e)| (path.as_bytes().to_vec(), e)).collect()
    }

    #[test]
    fn differences_are_listed_by_path_and_field() {
        let file = Entry::new(Kind::Regular, 0o644).with_content(b"x");
        let mut other = file.clone().with_content(b"y");
        other.xattrs.insert(b"user.a".to_vec(), b"1".to_vec());
        let text = diff(
            &tree(&[("/f", file.clone()), ("/gone", file)]),
            &tree(&[("/f", other)]),
            Compare::ALL,
        )
        .unwrap_err();
        assert!(text.contains("/f: content is"), "{text}");
        assert!(text.contains("/f: unexpected xattr user.a"), "{text}");
        assert!(text.contains("/gone: missing (Regular)"), "{text}");
    }

    #[test]
    fn hard_links_are_compared_as_groups_of_paths() {
        let link = |ino| {
            let mut entry = Entry::new(Kind::Regular, 0o644);
            entry.nlink = 2;
            entry.ino = ino;
            entry
        };
        let old = tree(&[("/a", link(1)), ("/b", link(1)), ("/c", link(2)), ("/d", link(2))]);
        let renumbered =
            tree(&[("/a", link(7)), ("/b", link(7)), ("/c", link(9)), ("/d", link(9))]);
        let crossed = tree(&[("/a", link(1)), ("/b", link(2)), ("/c", link(1)), ("/d", link(2))]);
        assert_eq!(diff(&old, &renumbered, Compare::ALL), Ok(()));
        assert!(diff(&old, &crossed, Compare::ALL).is_err());
    }
}
