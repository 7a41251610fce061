//! Writing metadata and data to their places, in parallel.
//!
//! All addresses are known, so the work is cut into jobs that touch disjoint
//! parts of the image: windows of metadata with the small files that belong
//! to them, and pieces of large files. How it is cut depends on the tree
//! alone, as the derived UUID depends on the order of jobs.

mod piece;
mod run;
mod spools;
mod window;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::format::{to_u64, to_usize};
use crate::meta::inode::Inodes;
use crate::meta::packed;
use crate::meta::place::Placement;
use crate::meta::xattr::XattrTable;
use crate::observer::Observer;
use crate::options::{BlockSize, Options};
use crate::plan::{DataPlan, Order, Reader};
use crate::pool::{self, Threads};
use crate::sink::Sink;
use crate::tree::InodeId;
use crate::write::piece::Piece;
use crate::write::run::Run;
use crate::write::spools::Spools;
use crate::write::window::Window;

/// The results of all stages before, and where to write.
pub(crate) struct Job<'a> {
    /// Its `stop` is set when the work is to end early.
    pub(crate) reader: Reader<'a>,
    pub(crate) order: &'a Order,
    pub(crate) xattrs: &'a XattrTable,
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) plan: &'a DataPlan,
    pub(crate) placement: &'a Placement<'a>,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a Sink<'a>,
}

/// What is left to do when everything else is written.
pub(crate) struct Written {
    /// The start of the image, without the superblock.
    pub(crate) head: Vec<u8>,
    /// A hash of every byte but the superblock, if it was asked for.
    pub(crate) digest: Option<Fingerprint>,
}

/// One thing for a worker to do.
enum Task {
    Window(Window),
    /// The packed inode.
    Packed(Vec<u8>),
    Pieces(Vec<Piece>),
}

/// What a task gives back.
#[derive(Default)]
struct Done {
    head: Option<Vec<u8>>,
    digest: Option<Fingerprint>,
}

/// How long the part of the image is that is written last: the superblock
/// with all that its checksum covers.
pub(crate) fn head_len(block_size: BlockSize) -> usize {
    to_usize(match block_size.len() {
        len if len > 1024 => len,
        len => 1024 + len,
    })
}

impl Job<'_> {
    /// Writes everything but the head.
    pub(crate) fn run(&self, observer: &Observer<'_>, threads: &Threads) -> Result<Written> {
        let tasks = self.tasks();
        let total = tasks.iter().map(|task| task.weight()).sum();
        let spools = &Spools::new(self, &tasks);
        let done = observer.watch(threads, total, |report| {
            let perform = |index: usize| {
                if self.reader.stop.is_set() {
                    return Ok((index, Err(Error::Cancelled)));
                }
                let done = self.perform(&tasks[index]);
                spools.done(index);
                report(tasks[index].weight());
                if done.is_err() {
                    self.reader.stop.set();
                }
                Ok((index, done))
            };
            let mut results = pool::try_map(spools.order(tasks.len()), perform)?;
            results.sort_by_key(|(index, _)| *index);
            first_error(results.into_iter().map(|(_, result)| result))
        })?;
        Ok(self.combine(done))
    }

    fn tasks(&self) -> Vec<Task> {
        let windows = window::cut(self).into_iter().map(Task::Window);
        let packed = packed::write(self.placement, self.inodes).map(Task::Packed);
        windows.chain(packed).chain(piece::cut(self).into_iter().map(Task::Pieces)).collect()
    }

    fn perform(&self, task: &Task) -> Result<Done> {
        match task {
            Task::Window(window) => {
                let (head, digest) = window.write(self)?;
                Ok(Done { head, digest })
            }
            Task::Packed(bytes) => {
                let mut run = Run::new(self);
                run.seek(self.placement.packed_pos())?;
                run.add(bytes)?;
                run.pad()?;
                Ok(Done { head: None, digest: run.finish(&[])? })
            }
            Task::Pieces(pieces) => Ok(Done { head: None, digest: piece::write(self, pieces)? }),
        }
    }

    /// Puts the digests of the tasks together, in the order of tasks.
    fn combine(&self, done: Vec<Done>) -> Written {
        let mut hasher = Fingerprinter::default();
        if let Some(digest) = self.placement.encoded.digest {
            hasher.update(digest.as_bytes());
        }
        let mut head = Vec::new();
        for done in done {
            if let Some(digest) = done.digest {
                hasher.update(digest.as_bytes());
            }
            if let Some(bytes) = done.head {
                head = bytes;
            }
        }
        let digest = self.hashes().then(|| hasher.finish());
        Written { head, digest }
    }

    /// Whether the UUID depends on every byte.
    fn hashes(&self) -> bool {
        self.options.derives_uuid()
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> Result<()> {
        self.sink.write(buf, pos).map_err(|source| Error::Write { path: None, source })
    }

    /// The path to name in an error about the contents of `id`.
    fn shown_path(&self, id: InodeId) -> PathBuf {
        crate::plan::shown_path(self.reader.tree, id)
    }
}

impl Task {
    /// The files it may read.
    fn files(&self, job: &Job<'_>) -> Vec<InodeId> {
        match self {
            Task::Window(window) => window.inodes(job).to_vec(),
            Task::Packed(_) => Vec::new(),
            Task::Pieces(pieces) => pieces.iter().filter_map(|piece| piece.id).collect(),
        }
    }

    fn weight(&self) -> u64 {
        match self {
            Task::Window(window) => window.weight,
            Task::Packed(bytes) => to_u64(bytes.len()),
            Task::Pieces(pieces) => pieces.iter().map(|piece| piece.len).sum(),
        }
    }
}

/// The results, or the first error that is not merely the consequence of
/// another one.
fn first_error(results: impl Iterator<Item = Result<Done>>) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    let mut cancelled = false;
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(Error::Cancelled) => cancelled = true,
            Err(error) => return Err(error),
        }
    }
    if cancelled { Err(Error::Cancelled) } else { Ok(done) }
}
