//! Reading host directories, many at a time, into a tree.
//!
//! Directories are read level by level, in batches. Worker threads list directories and
//! stat their entries, and the calling thread puts the results into the tree. So ids,
//! and everything that depends on them, do not depend on which worker was first.

mod found;
mod insert;
mod list;
mod options;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::io::retry_on_intr;

use crate::error::{Error, Result};
use crate::event::Phase;
use crate::observer::Observer;
use crate::pool::{self, Share, Threads, Wanted};
use crate::source::xattrs;
use crate::tree::{HostDir, Name, Tree, Xattrs};
use found::Found;
pub(super) use found::Pending;
use insert::Inserter;
use list::{Lister, Listing};
pub(super) use options::ScanOptions;

/// Reads host directories.
pub(super) struct Scanner<'a, 'h> {
    lister: Lister<'a>,
    inserter: Inserter,
    observer: &'a Observer<'h>,
    wanted: Wanted,
    /// The threads that read if there is much to read, once they were needed.
    threads: Option<Threads>,
}

/// For each folder of the host, the names to read in it.
pub(super) type Folders = BTreeMap<PathBuf, Vec<Name>>;

/// The number of directories in a batch: enough to keep all workers busy, and few
/// enough that results waiting for the tree take little memory.
const BATCH: usize = 256;

/// Up to this many directories of a batch are read by the calling thread, or up to this
/// many names of a folder.
const FEW: usize = 8;
const FEW_NAMES: usize = 64;

impl<'a, 'h> Scanner<'a, 'h> {
    /// A scanner that tells `observer` of its phase and its progress.
    pub(crate) fn new(
        options: ScanOptions<'a>,
        observer: &'a Observer<'h>,
        wanted: Wanted,
    ) -> Result<Self> {
        observer.phase(Phase::Scan)?;
        let inserter = Inserter::new(options.hard_links);
        let lister = Lister::new(options, observer);
        Ok(Scanner { lister, inserter, observer, wanted, threads: None })
    }

    /// The threads that read. `much` says whether there is much to read.
    fn threads(&mut self, much: bool) -> Threads {
        match (much, &self.threads) {
            (_, Some(threads)) => threads.clone(),
            (false, None) => Threads::Caller,
            (true, None) => self.threads.insert(self.wanted.get()).clone(),
        }
    }

    /// A tree that has only the metadata of the directory `path`, which the caller
    /// named, and the directory, which is still to be read.
    pub(crate) fn root(&mut self, path: &Path) -> Result<(Tree, Pending)> {
        let read = |error: io::Error| Error::read(path, error);
        let (dir, fd) = HostDir::named(path, true).map_err(read)?;
        self.lister.find_ways(&fd);
        let stat = retry_on_intr(|| fstat(&fd)).map_err(|error| read(error.into()))?;
        let xattrs = match self.lister.options.xattrs {
            true => xattrs::of_open(fd.as_fd()).map_err(read)?,
            false => Xattrs::new(),
        };
        let mut tree = Tree::new(list::metadata(&stat, xattrs));
        tree.host.dirs.push((dir.id(), Tree::ROOT));
        tree.host.is_filtered = self.lister.options.keep.is_some();
        Ok((tree, (Tree::ROOT, dir)))
    }

    /// Reads the given names in folders of the host and puts them into the root.
    /// Returns those that are directories, which are still to be read.
    pub(super) fn insert_all(&mut self, tree: &mut Tree, folders: Folders) -> Result<Vec<Pending>> {
        tree.host.is_filtered = self.lister.options.keep.is_some();
        let mut all = Vec::new();
        let mut dirs = HashMap::new();
        for (path, names) in folders {
            let named = HostDir::named(&path, false);
            let (dir, fd): (Arc<HostDir>, OwnedFd) = named.map_err(|error| {
                let first = names.first().map_or(&b""[..], |name| name);
                Error::read(path.join(list::os_str(first)), error)
            })?;
            self.lister.find_ways(&fd);
            let names: Vec<list::Entry> =
                names.into_iter().map(list::Entry::of_unknown_type).collect();
            let threads = self.threads(names.len() > FEW_NAMES);
            let lister = &self.lister;
            let found = self.observer.watch(&threads, 0, |report| {
                lister.look_parallel(&dir, fd.as_fd(), &names, report)
            })?;
            for found in &found {
                dirs.insert(found.name.clone(), Arc::clone(&dir));
            }
            all.extend(found);
        }
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let inserted =
            self.inserter.insert(tree, Tree::ROOT, all, |name| dirs.get(name).cloned())?;
        let files = &mut tree.host.files;
        files.extend(inserted.files.into_iter().map(|(file, id)| (file, Some(id))));
        Ok(inserted.directories)
    }

    /// Reads the directories `pending`, and all directories below them, into `tree`.
    pub(crate) fn fill(&mut self, tree: &mut Tree, pending: Vec<Pending>) -> Result<()> {
        let mut level = pending;
        while !level.is_empty() {
            let mut next = Vec::new();
            let mut listed: (&[Pending], Vec<Vec<Found>>) = (&[], Vec::new());
            // The next batch is listed while this one is put into the tree.
            for batch in level.chunks(BATCH).chain([&[][..]]) {
                let threads = self.threads(batch.len() > FEW);
                let Scanner { lister, inserter, observer, .. } = self;
                let listings = observer.watch(&threads, 0, |report| {
                    let (inserted, listings) = pool::join(
                        || inserter.insert_listed(tree, listed, &mut next),
                        || pool::try_map(batch, Share::Usual, |(_, dir)| lister.list(dir, report)),
                    );
                    inserted?;
                    listings
                })?;
                listed = (batch, self.resolve(batch, listings)?);
            }
            level = next;
        }
        tree.shrink();
        Ok(())
    }

    /// Looks at the entries of large directories, one directory after the other, each
    /// by several threads. So a thread has only one directory open, however the work is
    /// shared.
    fn resolve(&mut self, batch: &[Pending], listings: Vec<Listing>) -> Result<Vec<Vec<Found>>> {
        let all = batch.iter().zip(listings);
        all.map(|((_, dir), listing)| match listing {
            Listing::Found(found) => Ok(found),
            Listing::Large(names) => {
                let threads = self.threads(true);
                let lister = &self.lister;
                self.observer.watch(&threads, 0, |report| lister.look_all(dir, &names, report))
            }
        })
        .collect()
    }
}
