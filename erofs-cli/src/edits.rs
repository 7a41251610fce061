//! Changes between the source and the image: paths that are left out, files that are
//! added, and the owners and times of everything.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;
use std::{fmt, fs, io};

use erofs_writer::ere::Ere;
use erofs_writer::{
    Content, DroppedXattrs, Error, FileContexts, Metadata, Node, Rdev, Shown, Timestamp, Tree,
};

use crate::exit::Failure;

/// The paths to leave out, relative to the source.
#[derive(Default)]
pub(crate) struct Excludes {
    pub(crate) paths: BTreeSet<Vec<u8>>,
    pub(crate) regexes: Vec<Ere>,
}

impl Excludes {
    /// Whether nothing is left out.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.regexes.is_empty()
    }

    /// Whether `path` is not left out.
    pub(crate) fn keep(&self, path: &[u8]) -> bool {
        !self.paths.contains(path) && !self.regexes.iter().any(|regex| regex.is_match(path))
    }
}

impl fmt::Debug for Excludes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Excludes")
            .field("paths", &self.paths)
            .field("regexes", &self.regexes.len())
            .finish()
    }
}

/// A file that is added to the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedFile {
    /// Its path in the image.
    pub(crate) path: Vec<u8>,
    /// The file on the host.
    pub(crate) file: PathBuf,
}

impl AddedFile {
    /// Puts the file into `tree`. Only the contents of the file on the host count, and
    /// whether it is executable.
    pub(crate) fn add_to(&self, tree: &mut Tree) -> Result<(), Failure> {
        let unreadable = |source| Error::Read { path: self.file.clone(), source };
        let stat = fs::metadata(&self.file).map_err(unreadable)?;
        if !stat.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(unreadable(source).into());
        }
        let executable = stat.permissions().mode() & 0o111 != 0;
        let metadata = Metadata::new(if executable { 0o555 } else { 0o444 });
        let content = Content::from_path(&self.file, stat.len());
        tree.insert(&self.path, metadata, Node::File(content))?;
        Ok(())
    }
}

/// Removes from `tree` what only overlayfs understands: whiteouts, and the marks of
/// directories that hide those in lower layers.
pub(crate) fn strip_overlay(tree: &mut Tree) {
    tree.retain(|entry| !matches!(entry.node(), Node::CharDevice(Rdev { major: 0, minor: 0 })));
    tree.update_metadata(|metadata| {
        metadata.xattrs.retain(|name, value| match name {
            b"trusted.overlay.opaque" => false,
            // The mark of a directory with whiteouts.
            b"trusted.overlay.origin" => !value.is_empty(),
            _ => true,
        });
    });
}

/// The note about attributes that were left out.
pub(crate) fn dropped(dropped: &DroppedXattrs) -> String {
    let (path, name) = (Shown::bytes(&dropped.path), Shown::bytes(&dropped.name));
    format!(
        "extended attributes of names that no image can hold are left out, {} in all, \
         such as {name} of {path}; --strict-xattrs refuses them",
        dropped.count
    )
}

/// Gives the root of `tree` these permissions.
pub(crate) fn set_root_mode(tree: &mut Tree, mode: u16) {
    tree.metadata_mut("/").expect("every tree has a root").mode = mode;
}

/// A change of users or groups: first `force` replaces the number, then `offset` is
/// added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    pub(crate) force: Option<u32>,
    pub(crate) offset: i64,
}

impl Owner {
    fn of(self, id: u32) -> Option<u32> {
        let id = i64::from(self.force.unwrap_or(id));
        u32::try_from(id.checked_add(self.offset)?).ok()
    }
}

/// The changes of the users and groups of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owners {
    pub(crate) user: Owner,
    pub(crate) group: Owner,
}

impl Owners {
    /// Gives `tree` these owners.
    pub(crate) fn apply(self, tree: &mut Tree) -> Result<(), Failure> {
        if self == Owners::default() {
            return Ok(());
        }
        let over = tree.walk().find_map(|entry| {
            let Metadata { uid, gid, .. } = *entry.metadata();
            let flag = match (self.user.of(uid), self.group.of(gid)) {
                (None, _) => "--uid-offset",
                (_, None) => "--gid-offset",
                _ => return None,
            };
            Some(Failure::OwnerOverflow { path: entry.path().to_vec(), flag })
        });
        if let Some(failure) = over {
            return Err(failure);
        }
        tree.update_metadata(|metadata| {
            // Only inodes without a path can be out of range here. They keep their
            // numbers.
            metadata.uid = self.user.of(metadata.uid).unwrap_or(metadata.uid);
            metadata.gid = self.group.of(metadata.gid).unwrap_or(metadata.gid);
        });
        Ok(())
    }
}

/// The request for SELinux labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) file: PathBuf,
    /// Where the image will be mounted.
    pub(crate) mount_point: Vec<u8>,
}

impl Labels {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<FileContexts, Error> {
        FileContexts::open(&self.file)
    }
}

/// The build time of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildTime {
    /// No build time is recorded.
    None,
    /// Seconds since 1970.
    At(i64),
    /// The current time.
    Now,
}

impl BuildTime {
    /// The build time. May read the clock.
    pub(crate) fn resolve(self) -> Option<Timestamp> {
        match self {
            BuildTime::None => None,
            BuildTime::At(sec) => Some(Timestamp::from_sec(sec)),
            BuildTime::Now => {
                let now = Timestamp::from(SystemTime::now());
                Some(Timestamp::from_sec(now.sec.max(0)))
            }
        }
    }
}

/// The times of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileTimes {
    /// Files keep their own times.
    Keep,
    /// All files get the build time.
    Build,
    /// Files keep their own times, but none later than the build time.
    Clamp,
}

impl FileTimes {
    /// Gives `tree` these times.
    pub(crate) fn apply(self, tree: &mut Tree, build: Timestamp) {
        match self {
            FileTimes::Keep => {}
            FileTimes::Build => tree.update_metadata(|metadata| metadata.mtime = build),
            FileTimes::Clamp => tree.update_metadata(|metadata| {
                metadata.mtime = metadata.mtime.min(build);
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use erofs_writer::{Metadata, Node};

    fn tree(uid: u32, mtime: Timestamp) -> Tree {
        let mut tree = Tree::new(Metadata::new(0o755));
        let metadata = Metadata::new(0o755).with_owner(uid, 7).with_mtime(mtime);
        tree.insert("d", metadata, Node::Directory).expect("free");
        tree
    }

    fn edited(tree: &Tree) -> Metadata {
        tree.get("d").expect("exists").metadata().clone()
    }

    #[test]
    fn an_offset_is_added_to_a_forced_owner() {
        let mut tree = tree(5, Timestamp::default());
        let user = Owner { force: Some(100), offset: 10 };
        let group = Owner { force: None, offset: 1 };
        Owners { user, group }.apply(&mut tree).expect("the sums fit");
        assert_eq!((edited(&tree).uid, edited(&tree).gid), (110, 8));
    }

    #[test]
    fn an_offset_may_be_negative() {
        let mut tree = tree(100_005, Timestamp::default());
        let user = Owner { force: None, offset: -100_000 };
        Owners { user, group: Owner::default() }.apply(&mut tree).expect_err("the root has 0");
        let group = Owner { force: Some(7), offset: -7 };
        let user = Owner { force: Some(100_005), ..user };
        Owners { user, group }.apply(&mut tree).expect("the sums fit");
        assert_eq!((edited(&tree).uid, edited(&tree).gid), (5, 0));
    }

    #[test]
    fn an_owner_that_overflows_is_an_error_with_its_path() {
        let mut tree = tree(u32::MAX - 1, Timestamp::default());
        let user = Owner { force: None, offset: 2 };
        let failure = Owners { user, ..Owners::default() }.apply(&mut tree).expect_err("too big");
        assert_eq!(
            failure.to_string(),
            "/d: --uid-offset makes its owner a number outside of 0 to 4294967295"
        );
    }

    #[test]
    fn clamping_changes_only_what_is_later_or_has_a_fraction_of_that_second() {
        let build = Timestamp::from_sec(1000);
        let clamped = |sec, nsec| {
            let mut tree = tree(0, Timestamp { sec, nsec });
            FileTimes::Clamp.apply(&mut tree, build);
            edited(&tree).mtime
        };
        assert_eq!(clamped(999, 5), Timestamp { sec: 999, nsec: 5 });
        assert_eq!(clamped(1000, 5), build);
        assert_eq!(clamped(1001, 0), build);
        assert_eq!(clamped(-1, 0), Timestamp::from_sec(-1));
    }

    #[test]
    fn excludes_are_literal_paths_and_regular_expressions() {
        let excludes = Excludes {
            paths: BTreeSet::from([b"a.b".to_vec()]),
            regexes: vec![Ere::new(b"^c|/d$").expect("is one")],
        };
        assert!(!excludes.keep(b"a.b"));
        assert!(excludes.keep(b"axb"));
        assert!(excludes.keep(b"a.b/c"), "only as its directory is not entered");
        assert!(!excludes.keep(b"cc"));
        assert!(!excludes.keep(b"x/d"));
        assert!(excludes.keep(b"d"));
    }
}
