//! The directories on the host: they are made, opened again, and get their metadata.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, RawMode, chmodat, fgetxattr, mkdirat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::left_out::LeftOutKind;
use super::metadata::{Keeping, NSEC_END, Target};
use super::plan::{Leaf, Plan};
use crate::cancel::Stop;
use crate::error::{Error, Result, TreeErrorKind};
use crate::pool::{self, Share};
use crate::tree::{DirOpener, FileId, HostDir, Metadata, Name, Tree};

/// What a directory can be used with while there is work in it. Nobody else may enter it
/// then.
const WORKING: RawMode = 0o700;

/// The directories of a plan.
#[derive(Debug)]
pub(super) struct Folders<'t> {
    plan: &'t Plan<'t>,
    overwrites: bool,
    opener: DirOpener,
    /// By place in the plan.
    hosts: Vec<Option<Arc<HostDir>>>,
}

/// Makes or opens the directory into which all goes.
pub(super) fn open_root(path: &Path) -> Result<(Arc<HostDir>, OwnedFd)> {
    let failed = |error| write_error(path, error);
    match DirBuilder::new().mode(WORKING).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    HostDir::named(path, true).map_err(failed)
}

/// Whether what is made in a directory gets an ACL from it.
pub(super) fn inherits_acls(root: &OwnedFd) -> bool {
    // With an empty buffer, rustix would not tell a length from nothing.
    let found = retry_on_intr(|| fgetxattr(root, "system.posix_acl_default", &mut [0_u8; 1]));
    matches!(found, Ok(_) | Err(Errno::RANGE))
}

pub(super) fn write_error(path: impl Into<PathBuf>, error: impl Into<io::Error>) -> Error {
    Error::Write { path: Some(path.into()), source: error.into() }
}

impl<'t> Folders<'t> {
    /// Makes all directories.
    pub(super) fn make(
        plan: &'t Plan<'t>,
        levels: &[Vec<usize>],
        root: Arc<HostDir>,
        overwrites: bool,
        stop: &dyn Stop,
    ) -> Result<Self> {
        let hosts = vec![None; plan.folders.len()];
        let mut folders = Folders { plan, overwrites, opener: DirOpener::default(), hosts };
        folders.hosts[0] = Some(root);
        for level in levels.iter().skip(1) {
            let siblings: Vec<&[usize]> =
                level.chunk_by(|one, next| folders.parent(*one) == folders.parent(*next)).collect();
            let made = pool::try_map(&siblings[..], Share::Usual, |siblings| {
                if stop.is_set() {
                    return Err(Error::Cancelled);
                }
                folders.make_siblings(siblings)
            })?;
            for (at, host) in level.iter().zip(made.into_iter().flatten()) {
                folders.hosts[*at] = Some(host);
            }
        }
        Ok(folders)
    }

    fn parent(&self, at: usize) -> Option<usize> {
        self.plan.folders[at].place.map(|(_, parent)| parent)
    }

    /// The directory at this place of the plan, which has been made.
    pub(super) fn host(&self, at: usize) -> &Arc<HostDir> {
        self.hosts[at].as_ref().expect("parents are made first")
    }

    /// Opens it. It is an error if it is not the one that was made.
    pub(super) fn open(&self, at: usize) -> Result<OwnedFd> {
        let host = self.host(at);
        self.opener.open(host).map_err(|error| write_error(host.path(), error))
    }

    /// The path of a leaf on the host.
    pub(super) fn host_path(&self, leaf: Leaf<'_>) -> PathBuf {
        self.host(leaf.folder).path().join(OsStr::from_bytes(leaf.name))
    }

    /// The path of a leaf in the tree.
    pub(super) fn tree_path(&self, leaf: Leaf<'_>) -> Vec<u8> {
        joined(&self.host(leaf.folder).relative_path(), leaf.name)
    }

    /// Makes directories that have one parent.
    fn make_siblings(&self, siblings: &[usize]) -> Result<Vec<Arc<HostDir>>> {
        let Some(parent) = siblings.first().and_then(|first| self.parent(*first)) else {
            return Ok(Vec::new());
        };
        let fd = self.open(parent)?;
        let host = self.host(parent);
        let make = |at: &usize| {
            let (name, _) = self.plan.folders[*at].place.expect("it has a parent");
            let id = self.make_one(&fd, name);
            let id = id.map_err(|error| write_error(join(host, name), error))?;
            Ok(host.child(Arc::clone(name), id))
        };
        siblings.iter().map(make).collect()
    }

    fn make_one(&self, parent: &OwnedFd, name: &[u8]) -> Result<FileId, Errno> {
        let make = || retry_on_intr(|| mkdirat(parent, name, Mode::from_raw_mode(WORKING)));
        let stat = || retry_on_intr(|| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW));
        let is_dir = |mode| FileType::from_raw_mode(mode) == FileType::Directory;
        match make() {
            Err(Errno::EXIST) if self.overwrites => {
                if !is_dir(stat()?.st_mode) {
                    retry_on_intr(|| unlinkat(parent, name, AtFlags::empty()))?;
                    make()?;
                }
            }
            other => other?,
        }
        let found = stat()?;
        if !is_dir(found.st_mode) {
            return Err(Errno::NOTDIR);
        }
        // An umask may have taken these, and an older directory may lack them.
        if found.st_mode & WORKING != WORKING {
            let mode = Mode::from_raw_mode(found.st_mode & 0o7777 | WORKING);
            retry_on_intr(|| chmodat(parent, name, mode, AtFlags::empty()))?;
        }
        Ok(FileId::of(&found))
    }

    /// Gives all directories their metadata, from the deepest on: some can be neither
    /// entered nor changed afterwards.
    pub(super) fn finish(
        &self,
        tree: &Tree,
        levels: &[Vec<usize>],
        keeping: &Keeping,
        stop: &dyn Stop,
        lose: &(dyn Fn(LeftOutKind, Vec<u8>) + Sync),
    ) -> Result<()> {
        for level in levels.iter().rev() {
            pool::try_map(&level[..], Share::Usual, |at| {
                if stop.is_set() {
                    return Err(Error::Cancelled);
                }
                if *at == 0 && !self.plan.is_whole {
                    return Ok(());
                }
                let host = self.host(*at);
                let metadata = &tree.inode(self.plan.folders[*at].id).metadata;
                let path = || joined(&host.relative_path(), b"");
                check_time(metadata, &path)?;
                let fd = self.open(*at)?;
                let left_out = keeping.apply(metadata, Target::Open(fd.as_fd()));
                let left_out = left_out.map_err(|error| write_error(host.path(), error))?;
                left_out.into_iter().for_each(|kind| lose(kind, path()));
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Checks what a system call would take for something else.
pub(super) fn check_time(metadata: &Metadata, path: &dyn Fn() -> Vec<u8>) -> Result<()> {
    match metadata.mtime.nsec < NSEC_END {
        true => Ok(()),
        false => Err(Error::tree(path(), TreeErrorKind::BadTimestamp)),
    }
}

fn join(host: &HostDir, name: &Name) -> PathBuf {
    host.path().join(OsStr::from_bytes(name))
}

/// The absolute path of a name in a directory, or of the directory itself.
fn joined(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = [dir, name].into_iter().filter(|part| !part.is_empty()).collect();
    [b"/", &parts.join(&b'/')[..]].concat()
}
