//! Encoding files into pclusters, in parallel.
//!
//! How much a file shrinks is not known before it is encoded, so its
//! pclusters are written one behind the other as they come: workers encode
//! parts in any order, and parts get their places in the order of the image.
//! Everything else gets its place afterwards.

mod commit;
mod fill;
mod inline;
mod part;
mod tasks;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::options::Options;
use crate::plan::{DataPlan, Order, Reader};
use crate::sink::Sink;
use crate::tree::InodeId;

use commit::Queue;
use inline::Room;
use part::Worker;

/// Bytes of a file that are stored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many bytes of the file.
    pub(crate) len: u32,
    /// How many blocks hold them.
    pub(crate) blocks: u16,
    /// Whether they are stored as they are.
    pub(crate) plain: bool,
}

/// The end of a file, stored behind its inode and index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InlinePcluster {
    /// How many bytes of the file.
    pub(crate) len: u32,
    /// Whether they are stored as they are.
    pub(crate) plain: bool,
    pub(crate) bytes: Box<[u8]>,
}

/// A file that is stored in pclusters, which lie one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compressed {
    /// The first block.
    pub(crate) block: u32,
    pub(crate) extents: Vec<Extent>,
    pub(crate) inline: Option<InlinePcluster>,
}

impl Compressed {
    pub(crate) fn blocks(&self) -> u32 {
        self.extents.iter().map(|extent| u32::from(extent.blocks)).sum()
    }
}

/// The files that were worth encoding.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// By arena index; empty if nothing was to be encoded.
    files: Vec<Option<Box<Compressed>>>,
    /// How many blocks their pclusters have.
    pub(crate) blocks: u64,
    /// Whether some of these have more than one.
    pub(crate) has_big_pclusters: bool,
    /// Whether some files end behind their inodes.
    pub(crate) has_inline_pclusters: bool,
    /// A hash of all pclusters, if it was asked for.
    pub(crate) digest: Option<blake3::Hash>,
}

impl Encoded {
    /// How `id` is stored, if in pclusters.
    pub(crate) fn file(&self, id: InodeId) -> Option<&Compressed> {
        self.files.get(id.index())?.as_deref()
    }

    /// Whether no file is stored in pclusters.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0 && !self.has_inline_pclusters
    }
}

/// How long inodes are, which is known before anything is encoded.
#[derive(Clone, Copy)]
pub(crate) struct InodeLens<'a> {
    /// An inode with its xattrs.
    pub(crate) head: &'a (dyn Fn(InodeId) -> u64 + Sync),
    /// With the index of the file, if it has so many bytes.
    pub(crate) with_index: &'a (dyn Fn(InodeId, u64) -> u64 + Sync),
}

/// What encoding needs of the stages before.
pub(crate) struct Job<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) order: &'a Order,
    pub(crate) plan: &'a DataPlan,
    pub(crate) options: &'a Options,
    pub(crate) inode_lens: InodeLens<'a>,
    pub(crate) sink: &'a Sink<'a>,
    pub(crate) stop: &'a AtomicBool,
    /// Where the pclusters go.
    pub(crate) first_block: u64,
}

/// Lets no worker wait for one that has panicked.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Job<'_> {
    /// Encodes what becomes smaller by it.
    pub(crate) fn run(&self, report: &(dyn Fn(u64) + Sync)) -> Result<Encoded> {
        if !self.options.may_compress() {
            return Ok(Encoded::default());
        }
        let tasks = self.tasks()?;
        let room = &Room::new(self);
        let queue = Queue::new(self, tasks.len());
        rayon::broadcast(|_| {
            let _guard = StopOnPanic(self.stop);
            let mut worker = Worker::new(self, room);
            while let Some(index) = queue.take() {
                let done = worker.encode(&tasks[index]);
                let len = tasks[index].iter().map(|part| part.len).sum();
                queue.put(index, done);
                report(len);
            }
        });
        queue.finish(self.reader.tree.arena_len())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
