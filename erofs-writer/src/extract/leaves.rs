//! What is in the directories: files, symlinks, devices and further names.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, linkat, openat, symlinkat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::bytes::Copier;
use super::folders::{Folders, check_time, write_error};
use super::left_out::{LeftOutKind, Losses};
use super::metadata::{Keeping, Target};
use super::plan::{Leaf, Link};
use crate::error::{Error, Result};
use crate::tree::{Content, InodeId, Kind, Metadata, Rdev};

/// Makes leaves.
pub(super) struct Maker<'a> {
    pub(super) folders: &'a Folders<'a>,
    pub(super) copier: Copier<'a>,
    pub(super) keeping: Keeping,
    pub(super) overwrites: bool,
    pub(super) losses: &'a Losses,
    /// Devices that could not be made, and so get no further names either.
    pub(super) missing: Mutex<HashSet<InodeId>>,
}

impl Maker<'_> {
    /// Makes leaves of one directory.
    pub(super) fn group(&self, leaves: &[Leaf<'_>]) -> Result<()> {
        let Some(first) = leaves.first() else { return Ok(()) };
        let dir = self.folders.open(first.folder)?;
        leaves.iter().try_for_each(|leaf| self.leaf(&dir, *leaf))
    }

    fn leaf(&self, dir: &OwnedFd, leaf: Leaf<'_>) -> Result<()> {
        if self.copier.reader.stop.is_set() {
            return Err(Error::Cancelled);
        }
        let inode = self.copier.reader.tree.inode(leaf.id);
        let metadata = &inode.metadata;
        check_time(metadata, &|| self.folders.tree_path(leaf))?;
        let named = |error: Errno| write_error(self.folders.host_path(leaf), error);
        match &inode.kind {
            Kind::File(content) => return self.file(dir, leaf, metadata, content),
            Kind::Symlink(target) => {
                self.make(dir, leaf, || symlinkat(&target[..], dir, &leaf.name[..]))
                    .map_err(named)?;
            }
            Kind::CharDevice(rdev) => {
                return self.node(dir, leaf, metadata, FileType::CharacterDevice, Some(*rdev));
            }
            Kind::BlockDevice(rdev) => {
                return self.node(dir, leaf, metadata, FileType::BlockDevice, Some(*rdev));
            }
            Kind::Fifo => return self.node(dir, leaf, metadata, FileType::Fifo, None),
            Kind::Socket => return self.node(dir, leaf, metadata, FileType::Socket, None),
            Kind::Directory(_) => unreachable!("a leaf is no directory"),
        }
        self.finish(dir, leaf, Target::Named(dir.as_fd(), leaf.name), metadata)
    }

    /// Makes something by `make`. Unless an older one may be replaced, there must be none.
    fn make<T>(
        &self,
        dir: &OwnedFd,
        leaf: Leaf<'_>,
        make: impl Fn() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match retry_on_intr(&make) {
            Err(Errno::EXIST) if self.overwrites => {
                retry_on_intr(|| unlinkat(dir, &leaf.name[..], AtFlags::empty()))?;
                retry_on_intr(make)
            }
            other => other,
        }
    }

    fn file(
        &self,
        dir: &OwnedFd,
        leaf: Leaf<'_>,
        metadata: &Metadata,
        content: &Content,
    ) -> Result<()> {
        let named = |error: io::Error| write_error(self.folders.host_path(leaf), error);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(RawMode::from(metadata.mode & 0o777));
        let file = self.make(dir, leaf, || openat(dir, &leaf.name[..], flags, mode));
        let file = File::from(file.map_err(|error| named(error.into()))?);
        let copied = match content.is_empty() && !content.is_said_to_be_empty() {
            true => Ok(()),
            false => self.copier.copy(leaf.id, content, &file, &named),
        };
        copied.inspect_err(|_| self.remove(dir, leaf))?;
        self.finish(dir, leaf, Target::Open(file.as_fd()), metadata)?;
        match nix::unistd::close(OwnedFd::from(file)) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.remove(dir, leaf);
                Err(named(error.into()))
            }
        }
    }

    /// Makes a device or the like, if that is allowed.
    fn node(
        &self,
        dir: &OwnedFd,
        leaf: Leaf<'_>,
        metadata: &Metadata,
        file_type: FileType,
        rdev: Option<Rdev>,
    ) -> Result<()> {
        match self.make(dir, leaf, || make_node(dir, leaf.name, file_type, metadata.mode, rdev)) {
            Ok(()) => self.finish(dir, leaf, Target::Named(dir.as_fd(), leaf.name), metadata),
            Err(Errno::PERM | Errno::NOTSUP | Errno::INVAL | Errno::NOSYS) => {
                self.losses.add(LeftOutKind::Device, self.folders.tree_path(leaf));
                self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(leaf.id);
                Ok(())
            }
            Err(error) => Err(write_error(self.folders.host_path(leaf), error)),
        }
    }

    /// Gives a leaf that was made its metadata. If that fails, it is removed.
    fn finish(
        &self,
        dir: &OwnedFd,
        leaf: Leaf<'_>,
        target: Target<'_>,
        metadata: &Metadata,
    ) -> Result<()> {
        match self.keeping.apply(metadata, target) {
            Ok(left_out) => {
                for kind in left_out {
                    self.losses.add(kind, self.folders.tree_path(leaf));
                }
                Ok(())
            }
            Err(error) => {
                self.remove(dir, leaf);
                Err(write_error(self.folders.host_path(leaf), error))
            }
        }
    }

    fn remove(&self, dir: &OwnedFd, leaf: Leaf<'_>) {
        // There is an error already.
        let _ = unlinkat(dir, &leaf.name[..], AtFlags::empty());
    }

    /// Gives inodes that were made their further names.
    pub(super) fn links(&self, links: &[Link<'_>]) -> Result<()> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: [Option<(usize, OwnedFd)>; 2] = [None, None];
        for Link { first, leaf } in links {
            if self.copier.reader.stop.is_set() {
                return Err(Error::Cancelled);
            }
            if missing.contains(&leaf.id) {
                continue;
            }
            for (slot, at) in open.iter_mut().zip([first.folder, leaf.folder]) {
                if slot.as_ref().is_none_or(|(known, _)| *known != at) {
                    *slot = Some((at, self.folders.open(at)?));
                }
            }
            let [Some((_, from)), Some((_, to))] = &open else { continue };
            let (old, new) = (&first.name[..], &leaf.name[..]);
            self.make(to, *leaf, || linkat(from, old, to, new, AtFlags::empty()))
                .map_err(|error| write_error(self.folders.host_path(*leaf), error))?;
        }
        Ok(())
    }
}

#[cfg(not(target_vendor = "apple"))]
fn make_node(
    dir: &OwnedFd,
    name: &[u8],
    file_type: FileType,
    mode: u16,
    rdev: Option<Rdev>,
) -> Result<(), Errno> {
    let rdev = rdev.map_or(0, |rdev| rustix::fs::makedev(rdev.major, rdev.minor));
    let mode = Mode::from_raw_mode(RawMode::from(mode & 0o777));
    rustix::fs::mknodat(dir, name, file_type, mode, rdev)
}

#[cfg(target_vendor = "apple")]
fn make_node(_: &OwnedFd, _: &[u8], _: FileType, _: u16, _: Option<Rdev>) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
