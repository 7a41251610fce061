//! Changes between the source and the image: files that are added, and the owners and times
//! of everything.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use erofs_writer::{
    Base, BlockSize, Codec, CompressHints, Content, DroppedXattrs, Error, FileContexts, Metadata,
    Node, PassedOverHint, Shown, Timestamp, Tree,
};

use crate::exit::Failure;
use crate::job::Job;

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

/// The note about attributes that were left out.
pub(crate) fn dropped(dropped: &DroppedXattrs) -> String {
    let (path, name) = (Shown::bytes(&dropped.path), Shown::bytes(&dropped.name));
    format!(
        "extended attributes of names that no image can hold are left out, {} in all, \
         such as {name} of {path}; --strict-xattrs refuses them",
        dropped.count
    )
}

/// The note about a hint that is passed over.
pub(crate) fn passed_over(job: &Job, hint: &PassedOverHint) -> String {
    let file = job.hints.as_ref().map(|hints| hints.file.as_path()).unwrap_or(Path::new(""));
    format!(
        "{}: line {} is ignored: {} bytes are not a multiple of the block size, {}",
        Shown::new(file),
        hint.line,
        hint.size,
        job.options.get_block_size().bytes()
    )
}

/// The note about a base from which nothing can be taken, or which saves no reading
/// though its names are to be trusted.
pub(crate) fn idle_base(file: &Path, base: &Base, trusts: bool) -> Option<String> {
    let file = Shown::new(file);
    if trusts && base.why_not().is_none() && !base.has_facts() {
        let why = "it was made without --trust-store-names";
        return Some(format!("--base={file}: all files are read: {why}"));
    }
    let why = base.why_not()?;
    Some(format!("--base={file}: nothing is taken from it: {why}"))
}

/// The note about a list of paths to come first of which the image has none.
pub(crate) fn idle_order(job: &Job, order: &[PathBuf], tree: &Tree) -> Option<String> {
    let file = Shown::new(job.order.as_ref()?);
    let is_idle = !order.iter().any(|path| tree.get(path.as_os_str().as_bytes()).is_some());
    is_idle.then(|| format!("--order={file}: no effect: the image has none of its paths"))
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

/// The users and groups of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owners {
    pub(crate) user: Owner,
    pub(crate) group: Owner,
}

impl Owners {
    /// Gives `tree` these owners.
    pub(crate) fn apply(self, tree: &mut Tree) -> Result<(), Error> {
        let (user, group) = (self.user.force, self.group.force);
        if user.is_some() || group.is_some() {
            tree.update_metadata(|metadata| {
                metadata.uid = user.unwrap_or(metadata.uid);
                metadata.gid = group.unwrap_or(metadata.gid);
            });
        }
        tree.offset_owners(self.user.offset, self.group.offset)
    }
}

/// Hints as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) file: PathBuf,
    /// The algorithms of `-z`.
    pub(crate) codecs: Vec<Codec>,
    pub(crate) block_size: BlockSize,
}

impl Hints {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<CompressHints, Error> {
        CompressHints::open(&self.file, &self.codecs, self.block_size)
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
            FileTimes::Clamp => tree.clamp_times(build),
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
}
