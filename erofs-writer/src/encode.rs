//! Encoding files into pclusters, in parallel.
//!
//! How much a file shrinks is not known before it is encoded, so its
//! pclusters are written one behind the other as they come: workers encode
//! parts in any order, and parts get their places in the order of the image.
//! Everything else gets its place afterwards.

mod commit;
mod fill;
mod inline;
mod packed;
mod part;
mod repeats;
mod similar;
mod tasks;

use crate::cancel::StopOnPanic;
use crate::error::Result;
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::options::Options;
use crate::plan::{Codecs, DataPlan, Order, Reader};
use crate::pool;
use crate::sink::Sink;
use crate::tree::InodeId;

use commit::{AllPlaced, Queue};
use inline::Room;
use packed::{Fragments, Packed};
use part::{Shared, Source, Worker};
pub(crate) use tasks::Tasks;

/// Bytes of a file that are stored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many bytes of the file.
    pub(crate) len: u32,
    /// The first block that holds them.
    pub(crate) block: u32,
    /// How many blocks do.
    pub(crate) blocks: u16,
    /// Whether they are stored as they are.
    pub(crate) plain: bool,
    /// Whether the blocks hold more than these, from another place on which
    /// they are shared.
    pub(crate) partial: bool,
    pub(crate) lies: Lies,
}

/// Where the pcluster of an extent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lies {
    /// Among those of its part.
    Here,
    /// Elsewhere, as it is that of another extent.
    There,
    /// The same, and it is known to be behind that of the extent before.
    Behind,
}

impl Extent {
    /// Whether its pcluster lies right behind that of `before`, the extent
    /// before it in the part.
    pub(crate) fn follows(&self, before: &Extent) -> bool {
        match self.lies {
            Lies::Here => before.lies == Lies::Here,
            Lies::There => false,
            Lies::Behind => true,
        }
    }
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

/// The end of a file, or all of it, stored in the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Where it begins in the packed inode.
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// A file that is stored in pclusters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Compressed {
    pub(crate) extents: Vec<Extent>,
    /// How many blocks are the file's own, which lie one behind the other.
    pub(crate) own_blocks: u32,
    /// The block behind these.
    pub(crate) behind: u32,
    /// Whether its index has to tell of each block, as some of its extents are,
    /// or might have been, in blocks of others.
    pub(crate) scattered: bool,
    /// Whether its index has to tell of every other block, as only what begins
    /// in one of these and the next lies together.
    pub(crate) jumps: bool,
    pub(crate) inline: Option<InlinePcluster>,
    pub(crate) fragment: Option<Fragment>,
}

impl Compressed {
    /// Appends what is behind this part.
    fn append(&mut self, next: Compressed) {
        self.extents.extend(next.extents);
        self.own_blocks += next.own_blocks;
        self.behind = next.behind;
        self.scattered |= next.scattered;
        (self.inline, self.fragment) = (next.inline, next.fragment);
    }

    /// Lets the index tell of every other block and not of each, if that is
    /// enough.
    fn pair_blocks(&mut self, block_len: u64) {
        if self.scattered && is_paired(&self.extents, block_len) {
            (self.scattered, self.jumps) = (false, true);
        }
    }

    /// Where the file begins in the packed inode, if all of it is there.
    pub(crate) fn whole_fragment(&self) -> Option<u64> {
        self.fragment.filter(|_| self.extents.is_empty()).map(|fragment| fragment.at)
    }
}

/// Whether of `extents` that begin in the same two lclusters, from an even one
/// on, each pcluster lies behind the one before, and holds no more than that.
fn is_paired(extents: &[Extent], block_len: u64) -> bool {
    let ends = extents.iter().scan(0, |at, extent| {
        *at += u64::from(extent.len);
        Some(*at / block_len)
    });
    let starts: Vec<u64> = std::iter::once(0).chain(ends).collect();
    let follows = |[a, b]: [usize; 2]| {
        let behind = u64::from(extents[a].block) + u64::from(extents[a].blocks);
        // A pair may tell of a pcluster by what lies before it, which has to
        // be there.
        let has_room = extents[b].block >= u32::from(extents[a].blocks);
        let is_together = starts[a] / 2 == starts[b] / 2;
        has_room && (!is_together || behind == u64::from(extents[b].block))
    };
    !extents.iter().any(|extent| extent.partial)
        && (1..extents.len()).all(|index| follows([index - 1, index]))
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
    /// The packed inode and how many bytes are in it, if there is one.
    pub(crate) packed: Option<(Box<Compressed>, u64)>,
    /// Bytes that are in pclusters of others.
    pub(crate) repeated_bytes: u64,
    /// Bytes of fragments that are not in it again.
    pub(crate) shared_bytes: u64,
    /// A hash of all pclusters, if it was asked for.
    pub(crate) digest: Option<Fingerprint>,
}

impl Encoded {
    fn find_features(&mut self) {
        let packed = self.packed.as_ref().map(|(file, _)| file);
        let files = || self.files.iter().flatten().chain(packed);
        let mut extents = files().flat_map(|file| &file.extents);
        let has_big_pclusters = extents.any(|extent| extent.blocks > 1);
        let has_inline_pclusters = files().any(|file| file.inline.is_some());
        self.has_big_pclusters = has_big_pclusters;
        self.has_inline_pclusters = has_inline_pclusters;
    }

    /// How `id` is stored, if in pclusters.
    pub(crate) fn file(&self, id: InodeId) -> Option<&Compressed> {
        self.files.get(id.index())?.as_deref()
    }

    /// Whether no file is stored in pclusters.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0 && !self.has_inline_pclusters && self.packed.is_none()
    }
}

/// How long inodes are, which is known before anything is encoded.
#[derive(Clone, Copy)]
pub(crate) struct InodeLens<'a> {
    /// An inode with its xattrs.
    pub(crate) head: &'a (dyn Fn(InodeId) -> u64 + Sync),
    /// With the index of the file, if it has so many bytes, and its pclusters
    /// may be scattered.
    pub(crate) with_index: &'a (dyn Fn(InodeId, u64, bool) -> u64 + Sync),
}

/// What encoding needs of the stages before.
pub(crate) struct Job<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) order: &'a Order,
    pub(crate) plan: &'a DataPlan,
    pub(crate) codecs: &'a Codecs,
    pub(crate) options: &'a Options,
    pub(crate) inode_lens: InodeLens<'a>,
    pub(crate) sink: &'a Sink<'a>,
    /// Where the pclusters go.
    pub(crate) first_block: u64,
    /// How many encode at a time.
    pub(crate) workers: usize,
}

/// The files when they are encoded, and what is left for the packed inode.
pub(crate) struct Files {
    files: Vec<Option<Box<Compressed>>>,
    fragments: Fragments,
    repeated_bytes: u64,
    /// The block behind their pclusters.
    end: u64,
    digest: Fingerprint,
}

impl Files {
    /// How many bytes the packed inode has.
    pub(crate) fn packed_len(&self) -> u64 {
        self.fragments.len
    }
}

impl Job<'_> {
    /// Encodes files that become smaller by it.
    pub(crate) fn run(&self, tasks: &Tasks, report: &(dyn Fn(u64) + Sync)) -> Result<Files> {
        let placed = self.encode(tasks, &Packed::default(), self.first_block, report)?;
        let mut files = vec![None; self.reader.tree.arena_len()];
        let mut tails = Vec::new();
        let AllPlaced { end, digest, repeated_bytes, parts } = placed;
        for part in parts {
            let Source::File(id) = part.source else { panic!("only files were encoded") };
            append(&mut files[id.index()], part.file);
            tails.extend(part.tail.map(|tail| (id, tail)));
        }
        let fragments = self.fragments(tails);
        Ok(Files { files, fragments, repeated_bytes, end, digest })
    }

    /// Encodes the packed inode.
    pub(crate) fn run_packed(
        &self,
        files: Files,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Encoded> {
        let Files { mut files, fragments, repeated_bytes, end, digest } = files;
        let shared_bytes = fragments.shared_bytes;
        let packed = fragments.place(self, &mut files)?;
        let tasks = self.packed_tasks(&packed)?;
        let placed = self.encode(&tasks, &packed, end, report)?;
        let mut packed_file = None;
        placed.parts.into_iter().for_each(|part| append(&mut packed_file, part.file));
        if let Some(file) = &mut packed_file {
            file.pair_blocks(self.options.block_size.len());
        }
        let mut encoded = Encoded {
            blocks: placed.end - self.first_block,
            packed: packed_file.map(|file| (file, packed.len)),
            repeated_bytes: repeated_bytes + placed.repeated_bytes,
            shared_bytes,
            files,
            ..Encoded::default()
        };
        encoded.find_features();
        if self.options.derives_uuid() && !encoded.is_empty() {
            let mut both = Fingerprinter::default();
            both.update(digest.as_bytes()).update(placed.digest.as_bytes());
            encoded.digest = Some(both.finish());
        }
        Ok(encoded)
    }

    /// Lets all workers do the tasks, and places what they give at `block`
    /// and behind it.
    fn encode(
        &self,
        tasks: &Tasks,
        packed: &Packed,
        block: u64,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<AllPlaced> {
        let Tasks { tasks, repeats } = tasks;
        let room = &Room::new(self, repeats);
        let queue = Queue::new(self, tasks, repeats, block);
        pool::crew(self.workers, || {
            let _guard = StopOnPanic(self.reader.stop);
            let shared = Shared { job: self, queue: &queue, room, packed, repeats };
            let mut worker = Worker::new(shared);
            while let Some((index, bytes)) = queue.take() {
                let done = worker.encode(&tasks[index], bytes);
                let len = tasks[index].iter().map(|part| part.len).sum();
                queue.put(index, done);
                report(len);
            }
        });
        let mut placed = queue.finish()?;
        if self.options.may_have_inline_pclusters() {
            // What lies behind an inode was made to fit behind this index.
            for part in &mut placed.parts {
                part.file.scattered = repeats.are_in(part.source);
            }
        }
        Ok(placed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.reader.stop.is_set()
    }
}

/// Puts a part of a file behind those before it.
fn append(file: &mut Option<Box<Compressed>>, part: Box<Compressed>) {
    match file {
        Some(file) => file.append(*part),
        none => *none = Some(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(len: u32, block: u32, blocks: u16) -> Extent {
        Extent { len, block, blocks, plain: false, partial: false, lies: Lies::Here }
    }

    #[test]
    fn what_begins_in_two_lclusters_lies_together() {
        let [a, b, c] = [extent(9000, 10, 2), extent(5000, 5, 1), extent(5000, 6, 1)];
        // They begin in the lclusters 0, 2 and 3; and in 0, 1 and 3.
        assert!(is_paired(&[a, b, c], 4096));
        assert!(!is_paired(&[a, c, b], 4096));
        assert!(!is_paired(&[b, a, c], 4096));
        assert!(is_paired(&[b, c], 4096) && is_paired(&[a], 4096) && is_paired(&[], 4096));
        // A block that no address can come before.
        assert!(!is_paired(&[a, extent(9000, 1, 1)], 4096));
        assert!(!is_paired(&[a, Extent { partial: true, ..b }], 4096));
    }
}
