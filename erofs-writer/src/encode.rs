//! Encoding files into pclusters, in parallel.
//!
//! How much a file shrinks is not known before it is encoded, so its
//! pclusters are written one behind the other as they come: workers encode
//! parts in any order, and parts get their places in the order of the image.
//! Everything else gets its place afterwards.

mod commit;
mod part;

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::codec::lz4;
use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::options::{Codec, Options};
use crate::plan::{DataPlan, Order, Reader};
use crate::sink::Sink;
use crate::tree::{Content, InodeId};

use commit::Queue;
use part::{Part, Worker};

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

/// A file that is stored in pclusters, which lie one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compressed {
    /// The first block.
    pub(crate) block: u32,
    pub(crate) extents: Vec<Extent>,
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
    /// A hash of all pclusters, if it was asked for.
    pub(crate) digest: Option<blake3::Hash>,
}

impl Encoded {
    /// How `id` is stored, if in pclusters.
    pub(crate) fn file(&self, id: InodeId) -> Option<&Compressed> {
        self.files.get(id.index())?.as_deref()
    }
}

/// What encoding needs of the stages before.
pub(crate) struct Job<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) order: &'a Order,
    pub(crate) plan: &'a DataPlan,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a Sink<'a>,
    pub(crate) stop: &'a AtomicBool,
    /// Where the pclusters go.
    pub(crate) first_block: u64,
}

/// Parts are put together, and large files cut, to about this many bytes.
const TASK_LEN: u64 = 4 << 20;
/// A file of more than a part is looked at in so many places ...
const PROBES: u64 = 16;
/// ... of so many bytes, to see whether it can be compressed.
const PROBE_LEN: u64 = 32 * 1024;

impl Job<'_> {
    /// What there is to do, in bytes.
    pub(crate) fn total(&self) -> u64 {
        self.files().map(|(_, content)| content.len()).sum()
    }

    /// Encodes what becomes smaller by it.
    pub(crate) fn run(&self, report: &(dyn Fn(u64) + Sync)) -> Result<Encoded> {
        let Codec::Lz4(level) = self.options.codec else {
            return Ok(Encoded::default());
        };
        let tasks = self.tasks()?;
        let queue = Queue::new(self, tasks.len());
        rayon::broadcast(|_| {
            let mut worker = Worker::new(self, level);
            while let Some(index) = queue.take() {
                let done = worker.encode(&tasks[index]);
                let len = tasks[index].iter().map(|part| part.len).sum();
                queue.put(index, done);
                report(len);
            }
        });
        queue.finish(self.reader.tree.arena_len())
    }

    /// The files that may become smaller: of more than a block, and not
    /// stored otherwise.
    fn files(&self) -> impl Iterator<Item = (InodeId, &Content)> {
        let block_len = self.options.block_size.len();
        crate::plan::files(self.reader.tree, self.order)
            .filter(move |(id, content)| content.len() > block_len && self.plan.may_compress(*id))
    }

    /// Cuts the files into parts and puts these together.
    fn tasks(&self) -> Result<Vec<Vec<Part>>> {
        let long: Vec<(InodeId, &Content)> =
            self.files().filter(|(_, content)| content.len() > TASK_LEN).collect();
        let worth: Vec<bool> = long
            .par_iter()
            .map(|(id, content)| self.shrinks(*id, content))
            .collect::<Result<_>>()?;
        let mut worth = worth.into_iter();
        let mut tasks: Vec<Vec<Part>> = Vec::new();
        let mut len = TASK_LEN;
        for (id, content) in self.files() {
            let is_long = content.len() > TASK_LEN;
            if is_long && !worth.next().expect("asked for every long file") {
                continue;
            }
            for offset in (0..content.len()).step_by(to_usize(TASK_LEN)) {
                let part = Part {
                    id,
                    offset,
                    len: TASK_LEN.min(content.len() - offset),
                    is_whole: !is_long,
                };
                if len + part.len > TASK_LEN {
                    tasks.push(Vec::new());
                    len = 0;
                }
                len += part.len;
                tasks.last_mut().expect("pushed above").push(part);
            }
        }
        Ok(tasks)
    }

    /// Whether a long file can be compressed, as far as some places tell.
    /// Its parts are encoded far from each other, so that none can tell for
    /// the whole file; and what cannot be compressed is better copied.
    fn shrinks(&self, id: InodeId, content: &Content) -> Result<bool> {
        let mut encoder = lz4::Encoder::new(lz4::Level::FAST);
        let mut data = vec![0; to_usize(PROBE_LEN)];
        let mut out = vec![0; to_usize(PROBE_LEN)];
        let mut saved = 0;
        for probe in 0..PROBES {
            let offset = (content.len() - PROBE_LEN) / (PROBES - 1) * probe;
            self.reader.with_open(id, content, |open| open.read_exact_at(&mut data, offset))?;
            let filled = encoder.segment(&data).fill(0, data.len(), &mut out);
            saved += filled.consumed.saturating_sub(filled.written);
        }
        Ok(to_u64(saved) > PROBES * PROBE_LEN / 64)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
