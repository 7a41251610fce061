//! Reading host directories, many at a time, into a tree.
//!
//! Directories are read level by level in batches: the workers list and stat,
//! the calling thread puts what they found into the tree. Ids, and so
//! everything after, do not depend on which worker was first.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::error::{Error, Result, TreeErrorKind};
use crate::source::{HardLinks, xattrs};
use crate::tree::{
    Content, InodeId, Kind, Metadata, Name, Rdev, Timestamp, Tree, Xattrs, without_case_hack,
};

/// Whether a path is wanted, relative to the source's root.
pub type Keep<'a> = dyn Fn(&[u8]) -> bool + Sync + 'a;

pub(crate) struct ScanOptions<'a> {
    pub(crate) hard_links: HardLinks,
    pub(crate) xattrs: bool,
    pub(crate) keep: Option<&'a Keep<'a>>,
    pub(crate) strip_case_hack: bool,
    /// Whether owners, times and links do not count.
    pub(crate) contents_only: bool,
    pub(crate) threads: Option<NonZeroUsize>,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        ScanOptions {
            hard_links: HardLinks::Keep,
            xattrs: true,
            keep: None,
            strip_case_hack: false,
            contents_only: false,
            threads: None,
        }
    }
}

/// A directory to read: its inode, where it is on the host, and its path
/// relative to the source's root.
pub(crate) type Pending = (InodeId, PathBuf, Vec<u8>);

/// Reads host directories.
pub(crate) struct Scanner<'a> {
    lister: Lister<'a>,
    links: Links,
    pool: ThreadPool,
}

/// Looks at the host.
struct Lister<'a> {
    options: ScanOptions<'a>,
}

/// Puts what was found into a tree.
struct Links {
    policy: HardLinks,
    /// Files of several names: by device and inode number, the inode that the
    /// first name got.
    linked: HashMap<(u64, u64), InodeId>,
}

/// Directories with what is in each.
type Listed<'p> = (&'p [Pending], Vec<Result<Vec<Found>>>);

/// What a worker found under one name.
struct Found {
    /// The name in the image.
    name: Name,
    metadata: Metadata,
    kind: Kind,
    /// For a file of several names: its device and inode number.
    linked: Option<(u64, u64)>,
    /// The name on the host, where it is not the name in the image.
    host_name: Option<Name>,
}

/// How many directories one batch has: enough to keep workers busy, few
/// enough that what they found does not pile up beside the tree.
const BATCH: usize = 256;

impl<'a> Scanner<'a> {
    pub(crate) fn new(options: ScanOptions<'a>) -> Result<Self> {
        let pool = crate::pool::readers(options.threads)?;
        let links = Links { policy: options.hard_links, linked: HashMap::new() };
        Ok(Scanner { lister: Lister { options }, links, pool })
    }

    /// What is at the host path `path`, whose errors name `shown`.
    pub(crate) fn lookup(&mut self, shown: &Path, path: &Path) -> Result<(Metadata, Kind)> {
        let stat = fs::symlink_metadata(path).map_err(|error| Error::read(shown, error))?;
        let found =
            self.lister.found(&|| path.to_path_buf(), Name::from(&b""[..]), &stat, &|| {
                content_at(path, stat.len())
            })?;
        Ok((found.metadata, found.kind))
    }

    /// Puts host paths into the root under the given names, and returns the
    /// directories among them.
    pub(crate) fn insert_all(
        &mut self,
        tree: &mut Tree,
        sources: BTreeMap<Box<[u8]>, PathBuf>,
    ) -> Result<Vec<Pending>> {
        let mut pending = Vec::new();
        let lister = &self.lister;
        let look = |(name, path): (Box<[u8]>, PathBuf)| {
            if !lister.wanted(&name) {
                return Ok(None);
            }
            let stat = fs::symlink_metadata(&path).map_err(|error| Error::read(&path, error))?;
            let content = || content_at(&path, stat.len());
            Ok(Some((lister.found(&|| path.clone(), name.into(), &stat, &content)?, path)))
        };
        let found: Vec<Result<Option<(Found, PathBuf)>>> =
            self.pool.install(|| sources.into_par_iter().map(look).collect());
        let mut batch = Vec::with_capacity(found.len());
        let mut paths = HashMap::new();
        for item in found {
            if let Some((found, path)) = item? {
                paths.insert(found.name.clone(), path);
                batch.push(found);
            }
        }
        for (id, name) in self.links.insert(tree, Tree::ROOT, &[], batch)? {
            let path = paths.remove(&name).expect("every name came with its path");
            pending.push((id, path, name.to_vec()));
        }
        Ok(pending)
    }

    /// Reads the directories `pending` and all below them into `tree`.
    pub(crate) fn fill(&mut self, tree: &mut Tree, pending: Vec<Pending>) -> Result<()> {
        let Scanner { lister, links, pool } = self;
        let mut level = pending;
        while !level.is_empty() {
            let mut next = Vec::new();
            let mut listed: Listed<'_> = (&[], Vec::new());
            // While one batch is put into the tree the next is listed.
            for batch in level.chunks(BATCH).chain([&[][..]]) {
                let (inserted, listings) = pool.install(|| {
                    rayon::join(
                        || links.insert_listed(tree, listed, &mut next),
                        || batch.par_iter().map(|dir| lister.list(dir)).collect(),
                    )
                });
                inserted?;
                listed = (batch, listings);
            }
            level = next;
        }
        tree.shrink();
        Ok(())
    }
}

impl Lister<'_> {
    /// Lists one directory, in the order of the names' bytes.
    fn list(&self, (_, host, path): &Pending) -> Result<Vec<Found>> {
        let dir = Arc::new(host.clone());
        let entries = fs::read_dir(host).map_err(|error| Error::read(host, error))?;
        let entries: Vec<fs::DirEntry> =
            entries.collect::<io::Result<_>>().map_err(|error| Error::read(host, error))?;
        let look = |entry: &fs::DirEntry| self.entry(&dir, path, entry).transpose();
        // Half of what there is may lie in one directory.
        let mut listing: Vec<Found> =
            entries.par_iter().with_min_len(32).filter_map(look).collect::<Result<_>>()?;
        listing.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// What is in the directory `dir`, which is `path` to the source, under
    /// one name, if it is wanted.
    fn entry(
        &self,
        dir: &Arc<PathBuf>,
        path: &[u8],
        entry: &fs::DirEntry,
    ) -> Result<Option<Found>> {
        let name: Name = entry.file_name().into_vec().into();
        if self.options.keep.is_some_and(|keep| !keep(&joined(path, &name))) {
            return Ok(None);
        }
        let host_path = || dir.join(OsStr::from_bytes(&name));
        if self.options.contents_only && entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            return self.symlink(name.clone(), &host_path).map(Some);
        }
        let stat = entry.metadata().map_err(|error| Error::read(host_path(), error))?;
        let content = || Content::in_directory(dir.clone(), name.clone(), stat.len());
        self.found(&host_path, name.clone(), &stat, &content).map(Some)
    }

    /// A symlink of which nothing but its target counts: half of a system's
    /// inodes are such.
    fn symlink(&self, name: Name, path: &dyn Fn() -> PathBuf) -> Result<Found> {
        let path = path();
        let target = fs::read_link(&path).map_err(|error| Error::read(path, error))?;
        let kind = Kind::Symlink(target.into_os_string().into_vec().into());
        Ok(self.named(name, Metadata::new(0o777), kind, None))
    }

    fn wanted(&self, path: &[u8]) -> bool {
        self.options.keep.is_none_or(|keep| keep(path))
    }

    /// What `stat` says is at `path`, which most inodes need not have made.
    fn found(
        &self,
        path: &dyn Fn() -> PathBuf,
        name: Name,
        stat: &fs::Metadata,
        content: &dyn Fn() -> Content,
    ) -> Result<Found> {
        let xattrs = if self.options.xattrs {
            let path = path();
            xattrs::read(&path).map_err(|error| Error::read(path, error))?
        } else {
            Xattrs::new()
        };
        let kind = kind(path, stat, content).map_err(|error| Error::read(path(), error))?;
        let is_linked = stat.nlink() > 1 && !stat.is_dir();
        let linked = is_linked.then(|| (stat.dev(), stat.ino()));
        Ok(self.named(name, metadata(stat, xattrs), kind, linked))
    }

    /// What was found under `name`, as the image names it.
    fn named(
        &self,
        name: Name,
        metadata: Metadata,
        kind: Kind,
        linked: Option<(u64, u64)>,
    ) -> Found {
        let image_name = self.image_name(&name);
        let host_name = (image_name.len() != name.len()).then(|| name.clone());
        let name = if host_name.is_none() { name } else { image_name.into() };
        Found { name, metadata, kind, linked, host_name }
    }

    /// The part of a host name that the image shows.
    fn image_name<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        if !self.options.strip_case_hack {
            return name;
        }
        without_case_hack(name)
    }
}

impl Links {
    /// Puts directories into the tree, and appends those in them to `next`.
    fn insert_listed(
        &mut self,
        tree: &mut Tree,
        (batch, listings): Listed<'_>,
        next: &mut Vec<Pending>,
    ) -> Result<()> {
        for ((id, host, path), listing) in batch.iter().zip(listings) {
            for (child, name) in self.insert(tree, *id, path, listing?)? {
                next.push((child, host.join(OsStr::from_bytes(&name)), joined(path, &name)));
            }
        }
        Ok(())
    }

    /// Puts what was found into the directory `dir`, and returns the
    /// directories among it with their names on the host.
    fn insert(
        &mut self,
        tree: &mut Tree,
        dir: InodeId,
        path: &[u8],
        listing: Vec<Found>,
    ) -> Result<Vec<(InodeId, Name)>> {
        let mut directories = Vec::new();
        let mut children = Vec::with_capacity(listing.len());
        for found in listing {
            let is_dir = matches!(found.kind, Kind::Directory(_));
            let id = self.inode(tree, found.metadata, found.kind, found.linked)?;
            if is_dir {
                directories.push((id, found.host_name.unwrap_or_else(|| found.name.clone())));
            }
            children.push((found.name, id));
        }
        let expected = children.len();
        let target = tree.children_mut(dir);
        target.extend(children);
        if target.len() < expected {
            // Only stripped suffixes can make two names one.
            return Err(Error::tree([b"/", path].concat(), TreeErrorKind::Exists));
        }
        Ok(directories)
    }

    /// The inode of something found: a new one, or that of an earlier name.
    fn inode(
        &mut self,
        tree: &mut Tree,
        metadata: Metadata,
        mut kind: Kind,
        linked: Option<(u64, u64)>,
    ) -> Result<InodeId> {
        let first = linked.and_then(|key| self.linked.get(&key).copied());
        if let Some(first) = first {
            if self.policy == HardLinks::Keep {
                return Ok(first);
            }
            // An inode of its own, but known to have the same bytes without
            // reading them.
            if let (Kind::File(content), Kind::File(same)) = (&mut kind, &tree.inode(first).kind) {
                if content.len() == same.len() {
                    *content = same.clone();
                }
            }
        }
        let id = tree.add(metadata, kind)?;
        if let (Some(key), None) = (linked, first) {
            self.linked.insert(key, id);
        }
        Ok(id)
    }
}

/// The path of `name` in the directory `path`, relative to the source's root.
fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path {
        [] => name.to_vec(),
        path => [path, b"/", name].concat(),
    }
}

/// The contents of a file that was named, not found by listing. They are
/// found by its directory all the same, so that a symlink which takes its place
/// is not followed.
fn content_at(path: &Path, len: u64) -> Content {
    match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) => {
            Content::in_directory(Arc::new(dir.to_path_buf()), name.as_bytes().into(), len)
        }
        _ => Content::from_path(path, len),
    }
}

fn metadata(stat: &fs::Metadata, xattrs: Xattrs) -> Metadata {
    Metadata {
        mode: u16::try_from(stat.mode() & 0o7777).expect("12 bits fit"),
        uid: stat.uid(),
        gid: stat.gid(),
        mtime: Timestamp {
            sec: stat.mtime(),
            nsec: u32::try_from(stat.mtime_nsec()).unwrap_or_default(),
        },
        xattrs,
    }
}

fn kind(
    path: &dyn Fn() -> PathBuf,
    stat: &fs::Metadata,
    content: &dyn Fn() -> Content,
) -> io::Result<Kind> {
    let file_type: FileType = stat.file_type();
    Ok(if file_type.is_file() {
        Kind::File(content())
    } else if file_type.is_dir() {
        Kind::Directory(BTreeMap::new())
    } else if file_type.is_symlink() {
        Kind::Symlink(fs::read_link(path())?.into_os_string().into_vec().into())
    } else if file_type.is_char_device() {
        Kind::CharDevice(rdev(stat.rdev()))
    } else if file_type.is_block_device() {
        Kind::BlockDevice(rdev(stat.rdev()))
    } else if file_type.is_fifo() {
        Kind::Fifo
    } else if file_type.is_socket() {
        Kind::Socket
    } else {
        return Err(io::ErrorKind::Unsupported.into());
    })
}

#[allow(clippy::useless_conversion, reason = "the type differs between hosts")]
fn rdev(dev: u64) -> Rdev {
    let dev = rustix::fs::Dev::try_from(dev).unwrap_or_default();
    Rdev { major: rustix::fs::major(dev), minor: rustix::fs::minor(dev) }
}
