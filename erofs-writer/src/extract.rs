//! Taking a tree apart: its files are made in a directory of the host.
//!
//! Nothing is made outside of that directory. Every name is made in an open directory, as
//! a new one, and no symlink is followed. A directory is opened by its path, and then has
//! to be the one that was made there, whoever else works in it meanwhile.

mod bytes;
mod folders;
mod leaves;
mod left_out;
mod metadata;
mod plan;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPool;

use crate::cancel::{Canceller, Stop};
use crate::error::{Error, Result};
use crate::event::{Event, InodeCounts, Phase};
use crate::format::to_u64;
use crate::observer::{Conduct, Observer};
use crate::pool;
use crate::tree::{Kind, OpenDirs, Reader, Tree};

use bytes::Copier;
use folders::Folders;
use leaves::Maker;
use left_out::Losses;
pub use left_out::{LeftOut, LeftOutKind};
use metadata::Keeping;
use plan::Plan;

/// Extracts trees, such as those of [images](crate::source::Image), to directories of the
/// host.
///
/// Contents, modes, times and hard links are those of the tree, whatever the umask. Holes
/// stay holes. Root keeps owners as well; for others the files are their own, and a file
/// with another owner than in the tree loses its setuid or setgid bit. What a user may not
/// make or a file system cannot hold, such as devices and attributes, is left out, and
/// [`Extracted::left_out`] says so.
///
/// Nothing is made outside of the directory: symlinks are never followed, neither those of
/// the tree nor those that somebody makes meanwhile. Until all is there, only the user can
/// enter the directories below it.
///
/// ```no_run
/// use erofs_writer::source::Image;
/// use erofs_writer::Extractor;
///
/// let tree = Image::open("rootfs.erofs")?.read()?;
/// let extracted = Extractor::new().extract(&tree, "rootfs")?;
/// println!("{} files", extracted.inodes.files);
/// # Ok::<(), erofs_writer::Error>(())
/// ```
///
/// **Bounds.** Besides the tree some 100 bytes are held for each inode, and for each thread
/// a buffer of 1 MiB and three open files. A directory is as deep as the tree says.
#[derive(Default)]
pub struct Extractor<'a> {
    owners: Option<bool>,
    no_xattrs: bool,
    overwrites: bool,
    paths: Vec<Vec<u8>>,
    conduct: Conduct<'a>,
}

/// The result of an extraction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The inodes that were extracted, by kind. Those that were left out count too.
    pub inodes: InodeCounts,
    /// The lengths of their regular files added up, in bytes.
    pub bytes: u64,
    /// What was left out, one entry of each kind.
    pub left_out: Vec<LeftOut>,
}

impl std::fmt::Debug for Extractor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extractor")
            .field("owners", &self.owners)
            .field("xattrs", &!self.no_xattrs)
            .field("overwrites", &self.overwrites)
            .finish_non_exhaustive()
    }
}

impl<'a> Extractor<'a> {
    /// An extractor of whole trees.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether owners are those of the tree. If so, one that cannot be set is an error.
    /// Default: yes for root. For others no, and then it is told as left out.
    #[must_use]
    pub fn owners(mut self, on: bool) -> Self {
        self.owners = Some(on);
        self
    }

    /// Whether extended attributes and ACLs are extracted. Default: yes.
    #[must_use]
    pub fn xattrs(mut self, on: bool) -> Self {
        self.no_xattrs = !on;
        self
    }

    /// Whether files that are there already are replaced. A directory stays if one is to
    /// be there, with all else that is in it, and gets the metadata of the tree; it is
    /// never replaced by a file. Default: no, and a name that is there already is an error.
    #[must_use]
    pub fn overwrite(mut self, on: bool) -> Self {
        self.overwrites = on;
        self
    }

    /// Extracts also this path, with all that is in it. The directories on the way to it
    /// are made, too. Without any path, the whole tree is extracted.
    #[must_use]
    pub fn path(mut self, path: impl Into<Vec<u8>>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Calls `on_event` with what happens, as
    /// [`ImageWriter::on_event`](crate::ImageWriter::on_event) does. If it returns
    /// `Break`, the extraction ends with [`Error::Cancelled`].
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(Event) -> ControlFlow<()> + Send + 'a) -> Self {
        self.conduct.on_event = Some(Box::new(on_event));
        self
    }

    /// Lets `canceller` end the extraction from another thread. Files that are not
    /// complete are removed before [`extract`](Self::extract) returns.
    #[must_use]
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.conduct.canceller = canceller.clone();
        self
    }

    /// The number of threads that an extraction makes for itself. Default: as for
    /// [`ImageWriter::threads`](crate::ImageWriter::threads).
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.conduct.wanted.threads = Some(threads);
        self
    }

    /// Lets the threads of `pool` extract, as with
    /// [`ImageWriter::pool`](crate::ImageWriter::pool).
    #[must_use]
    pub fn pool(mut self, pool: &Arc<ThreadPool>) -> Self {
        self.conduct.wanted.pool = Some(Arc::clone(pool));
        self
    }

    /// Extracts `tree` into the directory `dir`, which is made if it is missing. Its
    /// parent must exist. The directory gets the metadata of the root if the whole tree is
    /// extracted.
    ///
    /// # Errors
    /// [`Error::Tree`] if the tree does not have a path that is asked for, before anything
    /// is made. [`Error::Write`] if something cannot be made, such as a name that is there
    /// already, and [`Error::Read`] if contents cannot be read. [`Error::Cancelled`] if the
    /// extraction was cancelled. All that was complete before stays.
    pub fn extract(mut self, tree: &Tree, dir: impl AsRef<Path>) -> Result<Extracted> {
        let paths = std::mem::take(&mut self.paths);
        let threads = self.conduct.wanted.get();
        let keeps_owners = self.owners.unwrap_or_else(|| rustix::process::geteuid().is_root());
        let keeping = Keeping {
            owners: keeps_owners,
            tells_owners: self.owners.is_none(),
            xattrs: !self.no_xattrs,
            inherits_acls: false,
        };
        let overwrites = self.overwrites;
        let observer = &self.conduct.observer();
        observer.phase(Phase::Extract)?;
        let plan = &Plan::new(tree, &paths)?;
        let losses = Losses::default();
        let dirs = &OpenDirs::new(threads.len());
        let run = Run { tree, plan, dirs, keeping, overwrites, losses: &losses };
        let (dir, crew) = (dir.as_ref(), threads.len());
        observer.watch(&threads, plan.bytes, |report| run.extract(dir, crew, observer, report))?;
        let inodes = counts(tree, plan);
        Ok(Extracted { inodes, bytes: plan.bytes, left_out: losses.into_all() })
    }
}

/// One extraction.
struct Run<'r> {
    tree: &'r Tree,
    plan: &'r Plan<'r>,
    dirs: &'r OpenDirs,
    keeping: Keeping,
    overwrites: bool,
    losses: &'r Losses,
}

impl Run<'_> {
    fn extract(
        mut self,
        dir: &Path,
        crew: usize,
        stop: &Observer<'_>,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let (root, fd) = folders::open_root(dir)?;
        self.keeping.inherits_acls = folders::inherits_acls(&fd);
        drop(fd);
        let levels = &self.plan.levels();
        let folders = &Folders::make(self.plan, levels, root, self.overwrites, stop)?;
        let maker = Maker {
            folders,
            copier: Copier { reader: Reader { tree: self.tree, stop, dirs: self.dirs }, report },
            keeping: self.keeping,
            overwrites: self.overwrites,
            losses: self.losses,
            missing: Mutex::default(),
        };
        self.leaves(&maker, crew, stop)?;
        maker.links(&self.plan.links)?;
        let lose = |kind, path| self.losses.add(kind, path);
        folders.finish(self.tree, levels, &self.keeping, stop, &lose)
    }

    /// Makes all leaves, in their order: neighbours in an image are often in one pcluster.
    fn leaves(&self, maker: &Maker<'_>, crew: usize, stop: &Observer<'_>) -> Result<()> {
        let groups = self.plan.groups(self.tree);
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<((bool, usize), Error)>> = Mutex::default();
        pool::crew(crew.min(groups.len()), || {
            while !stop.is_set() {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else { return };
                if let Err(error) = maker.group(group) {
                    // Others end as cancelled because of the first error.
                    let rank = (matches!(error, Error::Cancelled), at);
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|(first, _)| rank < *first) {
                        *failed = Some((rank, error));
                    }
                    stop.set();
                }
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None if stop.is_set() => Err(Error::Cancelled),
            None => Ok(()),
        }
    }
}

fn counts(tree: &Tree, plan: &Plan<'_>) -> InodeCounts {
    let mut counts = InodeCounts { directories: to_u64(plan.folders.len()), ..Default::default() };
    for leaf in &plan.leaves {
        match tree.inode(leaf.id).kind {
            Kind::File(_) => counts.files += 1,
            Kind::Symlink(_) => counts.symlinks += 1,
            _ => counts.others += 1,
        }
    }
    counts
}
