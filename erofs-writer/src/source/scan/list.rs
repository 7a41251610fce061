//! The work of scan threads: listing a directory and looking at its entries. Everything
//! is found relative to the open directory, and no symlink is followed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Stat, readlinkat, statat};
use rustix::io::{Errno, retry_on_intr};

use crate::cancel::Stop;
use crate::error::{Error, Result, TreeErrorKind};
use crate::format::to_u64;
use crate::pool::{self, Share};
use crate::source::candidate::Candidate;
use crate::source::scan::found::Found;
use crate::source::scan::options::ScanOptions;
use crate::source::xattrs::Ways;
use crate::time::Timestamp;
use crate::tree::{
    Content, DirOpener, FileId, HostDir, Kind, Metadata, Name, Rdev, Xattrs, is_valid_name,
    without_case_hack,
};

/// Lists directories and looks at their entries.
pub(super) struct Lister<'a> {
    pub(super) options: ScanOptions<'a>,
    stop: &'a dyn Stop,
    opener: DirOpener,
    /// Known once the first directory has been opened.
    ways: Option<Ways>,
}

/// The result of listing a directory.
pub(super) enum Listing {
    /// All entries, in the order of the names' bytes.
    Found(Vec<Found>),
    /// The names of a directory that has so many that several threads should look at
    /// them.
    Large(Vec<Entry>),
}

/// An entry as the directory lists it.
pub(super) struct Entry {
    pub(super) name: Name,
    /// The listed type. Some file systems do not list it.
    file_type: FileType,
}

impl Entry {
    pub(super) fn of_unknown_type(name: Name) -> Self {
        Entry { name, file_type: FileType::Unknown }
    }

    /// Whether the entry, which is in the directory `fd`, is a directory. An error
    /// counts as no: if the entry is wanted, the error is found again.
    fn is_dir(&self, fd: BorrowedFd<'_>) -> bool {
        let file_type = match self.file_type {
            FileType::Unknown => {
                retry_on_intr(|| statat(fd, &*self.name, AtFlags::SYMLINK_NOFOLLOW))
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
            }
            known => known,
        };
        file_type == FileType::Directory
    }
}

/// Several threads look at the entries of a directory that has more than this many.
const LARGE: usize = 1024;

impl<'a> Lister<'a> {
    pub(super) fn new(options: ScanOptions<'a>, stop: &'a dyn Stop) -> Self {
        Lister { options, stop, opener: DirOpener::default(), ways: None }
    }

    /// Finds out how attributes can be read, by a try with an open directory.
    pub(super) fn find_ways(&mut self, dir: &OwnedFd) {
        if self.options.xattrs {
            self.ways.get_or_insert_with(|| Ways::find(dir.as_fd()));
        }
    }

    /// Lists a directory, looks at its entries, and reports how many were found. A
    /// large directory is only listed.
    pub(super) fn list(
        &self,
        dir: &Arc<HostDir>,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Listing> {
        let read = |error: Errno| Error::read(dir.path(), error.into());
        let fd = self.opener.open(dir).map_err(|error| Error::read(dir.path(), error))?;
        let mut stream = Dir::new(fd).map_err(read)?;
        let names = names(&mut stream).map_err(read)?;
        if names.len() > LARGE {
            return Ok(Listing::Large(names));
        }
        let fd = stream.fd().map_err(read)?;
        let path = self.keep_path(dir);
        let look = |entry: &Entry| self.entry(dir, fd, &path, entry).transpose();
        let found: Vec<Found> = names.iter().filter_map(look).collect::<Result<_>>()?;
        report(to_u64(found.len()));
        Ok(Listing::Found(sorted(found)))
    }

    /// Looks at these entries of a directory, by several threads.
    pub(super) fn look_all(
        &self,
        dir: &Arc<HostDir>,
        names: &[Entry],
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Found>> {
        let fd = self.opener.open(dir).map_err(|error| Error::read(dir.path(), error))?;
        self.look_parallel(dir, fd.as_fd(), names, report)
    }

    /// Looks at these entries of an open directory, by several threads.
    pub(super) fn look_parallel(
        &self,
        dir: &Arc<HostDir>,
        fd: BorrowedFd<'_>,
        names: &[Entry],
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Found>> {
        let path = self.keep_path(dir);
        let look = |entry: &Entry| {
            let found = self.entry(dir, fd, &path, entry)?;
            report(1);
            Ok(found)
        };
        let found = pool::try_map(names, Share::Usual, look)?;
        Ok(sorted(found.into_iter().flatten().collect()))
    }

    /// The path of `dir` with a final slash, as the filter gets it. Empty for the root,
    /// or if there is no filter.
    fn keep_path(&self, dir: &HostDir) -> Vec<u8> {
        let mut path = Vec::new();
        if self.options.keep.is_some() {
            path = dir.relative_path();
            if !path.is_empty() {
                path.push(b'/');
            }
        }
        path
    }

    /// Looks at one entry of the directory `dir`, open as `fd`. None if the filter does
    /// not want it.
    fn entry(
        &self,
        dir: &Arc<HostDir>,
        fd: BorrowedFd<'_>,
        path: &[u8],
        entry: &Entry,
    ) -> Result<Option<Found>> {
        if self.stop.is_set() {
            return Err(Error::Cancelled);
        }
        let name = &entry.name;
        if let Some(keep) = &self.options.keep {
            if !keep(Candidate::new(&[path, name].concat(), entry.is_dir(fd))) {
                return Ok(None);
            }
        }
        let look = || {
            if name.contains(&0) {
                let why = "file name contained an unexpected NUL byte";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            if self.options.contents_only && entry.file_type == FileType::Symlink {
                return self.symlink(fd, name);
            }
            let stat = retry_on_intr(|| statat(fd, &**name, AtFlags::SYMLINK_NOFOLLOW))?;
            self.found(dir, fd, name, &stat)
        };
        let found = look().map_err(|error| Error::read(dir.path().join(os_str(name)), error))?;
        if !is_valid_name(&found.name) {
            let path = [b"/", &dir.relative_path()[..], b"/", name].concat();
            return Err(Error::tree(path, TreeErrorKind::BadName));
        }
        Ok(Some(found))
    }

    /// Reads a symlink of which only the target counts. This saves a call for half of a
    /// system's inodes.
    fn symlink(&self, fd: BorrowedFd<'_>, name: &Name) -> io::Result<Found> {
        let kind = Kind::Symlink(target(fd, name)?);
        let found = self.named(name, Metadata::new(0o777), kind);
        Ok(Found { is_linked: false, ..found })
    }

    /// The entry that `stat` describes.
    fn found(
        &self,
        dir: &Arc<HostDir>,
        fd: BorrowedFd<'_>,
        name: &Name,
        stat: &Stat,
    ) -> io::Result<Found> {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let xattrs = match self.ways {
            Some(ways) => ways.read(dir, fd, name, file_type)?,
            None => Xattrs::new(),
        };
        let file = FileId::of(stat);
        let kind = match file_type {
            FileType::RegularFile => {
                let len = u64::try_from(stat.st_size).unwrap_or_default();
                Kind::File(Content::in_directory(Arc::clone(dir), name.clone(), file, len))
            }
            FileType::Directory => Kind::Directory(BTreeMap::new()),
            FileType::Symlink => Kind::Symlink(target(fd, name)?),
            FileType::CharacterDevice => Kind::CharDevice(rdev(stat.st_rdev)),
            FileType::BlockDevice => Kind::BlockDevice(rdev(stat.st_rdev)),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let is_linked = stat.st_nlink > 1 && file_type != FileType::Directory;
        Ok(Found { file, is_linked, ..self.named(name, metadata(stat, xattrs), kind) })
    }

    /// An entry with the name that it has in the image.
    fn named(&self, name: &Name, metadata: Metadata, kind: Kind) -> Found {
        let image_name = match self.options.strip_case_hack {
            true => without_case_hack(name),
            false => name,
        };
        let (name, host_name) = match image_name.len() == name.len() {
            true => (name.clone(), None),
            false => (image_name.into(), Some(name.clone())),
        };
        Found { name, metadata, kind, file: FileId::default(), is_linked: false, host_name }
    }
}

fn sorted(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The names in a directory.
fn names(stream: &mut Dir) -> Result<Vec<Entry>, Errno> {
    let mut names = Vec::new();
    loop {
        match stream.read() {
            None => return Ok(names),
            Some(Err(Errno::INTR)) => {
                // The stream ends after an error, so it starts again.
                stream.rewind();
                names.clear();
            }
            Some(Err(error)) => return Err(error),
            Some(Ok(entry)) => {
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.push(Entry { name: name.into(), file_type: entry.file_type() });
                }
            }
        }
    }
}

/// The target of a symlink.
fn target(fd: BorrowedFd<'_>, name: &[u8]) -> io::Result<Box<[u8]>> {
    let target = retry_on_intr(|| readlinkat(fd, name, Vec::new()))?;
    Ok(target.into_bytes().into())
}

pub(super) fn os_str(name: &[u8]) -> PathBuf {
    OsStr::from_bytes(name).into()
}

#[allow(clippy::useless_conversion, reason = "the types differ between hosts")]
pub(super) fn metadata(stat: &Stat, xattrs: Xattrs) -> Metadata {
    Metadata {
        mode: u16::try_from(stat.st_mode & 0o7777).expect("12 bits fit"),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Timestamp {
            sec: stat.st_mtime.into(),
            nsec: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        },
        xattrs,
    }
}

fn rdev(dev: rustix::fs::Dev) -> Rdev {
    Rdev { major: rustix::fs::major(dev), minor: rustix::fs::minor(dev) }
}
