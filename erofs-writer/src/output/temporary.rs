//! Files that become the output when they are complete.
//!
//! A file without a name leaves nothing, however the process ends. It gets a name only
//! to be renamed over an older file, or where the file system does not support files
//! without names. There are few such names. The process that uses one holds a lock on
//! its file, so that a file left by a dead process is known by its free lock and
//! removed: nothing piles up, whatever the ids of the processes are.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::cancel::Canceller;
use crate::error::Result;

/// So many fixed names are tried first, and checked for files that were left. Then
/// random names are tried.
const SLOTS: usize = 32;
const RANDOM_NAMES: usize = 100;

/// A file that is to become the output.
pub(super) struct Draft {
    pub(super) file: File,
    folder: PathBuf,
    /// Its name, if it has one.
    name: Option<PathBuf>,
    canceller: Canceller,
}

impl Draft {
    /// A new file of this mode in `folder`.
    pub(super) fn create(
        folder: &Path,
        mode: u32,
        canceller: &Canceller,
    ) -> Result<io::Result<Self>> {
        remove_left_over(folder);
        let draft = |file, name| Draft {
            file,
            folder: folder.to_path_buf(),
            name,
            canceller: canceller.clone(),
        };
        match unnamed(folder, mode) {
            Ok(Some(file)) => return Ok(Ok(draft(file, None))),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        canceller.change_names(|names| {
            let created = take_name(folder, |name| create_locked(name, mode));
            Ok(created.map(|(name, file)| {
                names.push(name.clone());
                draft(file, Some(name))
            }))
        })
    }

    /// Gives the file the name `path`, which is free. False if it is not.
    pub(super) fn take_free(&mut self, path: &Path) -> Result<io::Result<bool>> {
        if self.name.is_some() {
            return Ok(Ok(false));
        }
        let canceller = self.canceller.clone();
        canceller.change_names(|_| {
            Ok(match link(&self.file, path) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            })
        })
    }

    /// Gives the file the name `path`, which another one may have.
    pub(super) fn replace(&mut self, path: &Path) -> Result<io::Result<()>> {
        let canceller = self.canceller.clone();
        canceller.change_names(|names| Ok(self.rename_to(path, names)))
    }

    fn rename_to(&mut self, path: &Path, names: &mut Vec<PathBuf>) -> io::Result<()> {
        if self.name.is_none() {
            let (name, ()) = take_name(&self.folder, |name| link(&self.file, name))?;
            names.push(name.clone());
            self.name = Some(name);
        }
        let name = self.name.as_ref().expect("it has one by now");
        // On a file system that is shared without locks, another process may have taken
        // this file for one that was left, and the name may be its own by now.
        if !is_name_of(name, &self.file) {
            let why = "another process took its temporary name away";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        fs::rename(name, path)?;
        names.retain(|taken| taken != name);
        self.name = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.canceller.remove(name);
        }
    }
}

/// A file in `folder` without a name, if the system supports that and can name it later.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, mode: u32) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mode = rustix::fs::Mode::from_raw_mode(mode);
    let file = match retry_on_intr(|| rustix::fs::open(folder, flags, mode)) {
        Ok(file) => File::from(file),
        // The errors of file systems and kernels that do not support it.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Without `/proc` nothing can give it a name.
    if fs::symlink_metadata(descriptor(&file)).is_err() {
        return Ok(None);
    }
    // Locked before it has a name, so that nobody can take it for a file that was left.
    // Where there are no locks, nobody takes any file for one.
    let _ = lock(&file);
    Ok(Some(file))
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: u32) -> io::Result<Option<File>> {
    Ok(None)
}

/// Takes the lock by which others know that the file is in use.
fn lock(file: &File) -> rustix::io::Result<()> {
    retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive))
}

/// The name by which the kernel knows an open file of this process.
pub(super) fn descriptor(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Gives a file without a name its first one.
fn link(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let linked = || linkat(CWD, descriptor(file), CWD, name, AtFlags::SYMLINK_FOLLOW);
    Ok(retry_on_intr(linked)?)
}

/// Lets `take` have the first name in `folder` that is free.
fn take_name<T>(folder: &Path, take: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    let slots = (0..SLOTS).map(|slot| slot_name(folder, slot));
    let others = (0..RANDOM_NAMES).map(|_| {
        let random = RandomState::new().build_hasher().finish();
        folder.join(format!(".mkfs-erofs-{random:016x}.tmp"))
    });
    for name in slots.chain(others) {
        match take(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(taken) => return Ok((name, taken)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn slot_name(folder: &Path, slot: usize) -> PathBuf {
    folder.join(format!(".mkfs-erofs-{slot}.tmp"))
}

/// Creates the file `name`, which no one else has, and locks it.
fn create_locked(name: &Path, mode: u32) -> io::Result<File> {
    // Readable so that the kernel can copy within it.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(name)?;
    // Somebody may have locked it first, to remove it as one that was left.
    let taken = lock(&file) == Err(Errno::WOULDBLOCK);
    match !taken && is_name_of(name, &file) {
        true => Ok(file),
        false => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Removes files that processes left in `folder` when they were killed.
pub(super) fn remove_left_over(folder: &Path) {
    for slot in 0..SLOTS {
        let name = slot_name(folder, slot);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::from_ne_bytes(flags.bits().to_ne_bytes());
        let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&name);
        let Ok(file) = opened else { continue };
        // If the lock is free, its owner is gone. Only the holder of the lock may
        // remove the file, if it still has this name.
        let is_left = file.metadata().is_ok_and(|found| found.is_file())
            && lock(&file).is_ok()
            && is_name_of(&name, &file);
        if is_left {
            // If it stays, another name is tried.
            drop(fs::remove_file(&name));
        }
    }
}

fn is_name_of(name: &Path, file: &File) -> bool {
    let same = |name: std::fs::Metadata, file: std::fs::Metadata| {
        (name.dev(), name.ino()) == (file.dev(), file.ino())
    };
    let named = fs::symlink_metadata(name);
    named.is_ok_and(|named| file.metadata().is_ok_and(|file| same(named, file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn open_named(name: &Path) -> io::Result<File> {
        create_locked(name, 0o644)
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("is there").count()
    }

    #[test]
    fn what_dead_processes_left_is_removed_and_what_others_have_is_not() {
        let folder = tempfile::tempdir().expect("there is room");
        let (mine, lock) = take_name(folder.path(), open_named).expect("is free");
        assert_eq!(mine, slot_name(folder.path(), 0));
        for slot in 1..SLOTS {
            fs::write(slot_name(folder.path(), slot), "left").expect("there is room");
        }
        fs::write(folder.path().join(".mkfs-erofs-1-0.tmp"), "another's").expect("there is room");
        remove_left_over(folder.path());
        assert_eq!(names(folder.path()), 2);
        drop(lock);
        remove_left_over(folder.path());
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn there_are_names_for_more_drafts_than_slots() {
        let folder = tempfile::tempdir().expect("there is room");
        let all: Vec<_> = (0..SLOTS + 5)
            .map(|_| take_name(folder.path(), open_named).expect("some name is free"))
            .collect();
        assert_eq!(names(folder.path()), SLOTS + 5);
        remove_left_over(folder.path());
        assert_eq!(names(folder.path()), all.len());
    }

    #[test]
    fn a_draft_with_a_name_is_taken_away_or_becomes_the_output() {
        let folder = tempfile::tempdir().expect("there is room");
        let canceller = Canceller::new();
        let named = || {
            let create = |names: &mut Vec<PathBuf>| {
                let (name, file) = take_name(folder.path(), open_named).expect("is free");
                names.push(name.clone());
                let (folder, canceller) = (folder.path().to_path_buf(), canceller.clone());
                Ok(Draft { file, folder, name: Some(name), canceller })
            };
            canceller.change_names(create).expect("not cancelled")
        };
        drop(named());
        assert_eq!(names(folder.path()), 0);
        let output = folder.path().join("output");
        let mut draft = named();
        assert!(!draft.take_free(&output).expect("not cancelled").expect("works"));
        draft.replace(&output).expect("not cancelled").expect("works");
        drop(draft);
        assert!(output.exists() && names(folder.path()) == 1);
        let mut late = named();
        canceller.cancel();
        assert_eq!(names(folder.path()), 1);
        assert!(matches!(late.replace(&output), Err(Error::Cancelled)));
        drop(late);
        assert!(output.exists());
    }

    #[test]
    fn a_name_that_another_one_has_taken_is_not_renamed() {
        let folder = tempfile::tempdir().expect("there is room");
        let canceller = Canceller::new();
        let (name, file) = take_name(folder.path(), open_named).expect("is free");
        let at = folder.path().to_path_buf();
        let mut draft = Draft { file, folder: at, name: Some(name.clone()), canceller };
        fs::remove_file(&name).expect("is mine");
        fs::write(&name, "another's").expect("there is room");
        let output = folder.path().join("output");
        draft.replace(&output).expect("not cancelled").expect_err("is another file");
        assert!(!output.exists());
        assert_eq!(fs::read(&name).expect("is there"), b"another's");
    }
}
