//! The tree that a line must make of a source, from the source and the words of the
//! line alone: no tool is asked.

use std::collections::BTreeMap;

use testdata::entry::{Kind, Snapshot};

/// The tree of an image that `line` makes of `source`, without the paths `gone`
/// and all below them, and with these labels.
pub(super) fn tree(
    source: &Snapshot,
    line: &str,
    gone: &[&str],
    labels: Option<&BTreeMap<&str, &str>>,
) -> Snapshot {
    let mut tree = source.clone();
    let is_gone = |path: &[u8]| {
        gone.iter().any(|gone| {
            let rest = path.strip_prefix(gone.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    };
    for gone in gone {
        let entry = tree.get(gone.as_bytes()).unwrap_or_else(|| panic!("{gone} is in the source"));
        let (parent, _) = gone.rsplit_once('/').expect("is absolute");
        if entry.kind == Kind::Directory {
            let parent = if parent.is_empty() { "/" } else { parent };
            tree.get_mut(parent.as_bytes()).expect("is in the source").nlink -= 1;
        }
    }
    tree.retain(|path, _| !is_gone(path));
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let value = |flag: &str| {
        let at = words.iter().position(|word| word.starts_with(flag))?;
        match words[at].strip_prefix(flag)? {
            "" => words.get(at + 1).copied(),
            joined => Some(joined),
        }
    };
    let time =
        value("-T").filter(|_| !has("--mkfs-time")).map(|time| time.parse().expect("is one"));
    let mut inode = 0;
    for (path, entry) in &mut tree {
        if has("--all-root") || has("--force-uid=0") {
            (entry.uid, entry.gid) = (0, 0);
        }
        if let Some(time) = time {
            (entry.mtime_sec, entry.mtime_nsec) = (time, 0);
        }
        if value("-x") == Some("-1") {
            entry.xattrs.clear();
        }
        if has("--hard-dereference") && entry.kind != Kind::Directory {
            inode += 1;
            (entry.nlink, entry.ino) = (1, u64::MAX - inode);
        }
        if let Some(labels) = labels {
            let path = std::str::from_utf8(path).expect("is text");
            entry.xattrs.insert(b"security.selinux".to_vec(), labels[path].into());
        }
    }
    tree
}
