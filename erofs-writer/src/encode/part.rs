//! Encoding parts of files, one worker by itself.

use std::sync::Arc;

use crate::codec::lz4::{Encoder, Level};
use crate::encode::commit::Queue;
use crate::encode::fill::{End, Filler, Filling, Stretch};
use crate::encode::inline::Room;
use crate::encode::packed::{LARGE_PCLUSTER, Packed};
use crate::encode::repeats::{Repeat, Repeats};
use crate::encode::{Extent, Job};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::format::index::DECODED_MAX;
use crate::format::{SLOT_LEN, round_up, to_u64, to_usize};
use crate::options::{Codec, FileCodec};
use crate::plan::all_zero;
use crate::tree::{InodeId, Kind};

/// Where bytes to encode come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    File(InodeId),
    /// The packed inode.
    Packed,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Its place in the order of all parts.
    pub(crate) number: usize,
    pub(crate) source: Source,
    pub(crate) codec: FileCodec,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// How many bytes the file has.
    pub(crate) size: u64,
}

impl Part {
    fn is_whole(&self) -> bool {
        self.len == self.size
    }

    fn is_last(&self) -> bool {
        self.offset + self.len == self.size
    }
}

/// What became of some parts.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Their pclusters.
    pub(crate) bytes: Vec<u8>,
    /// Each part that is worth it.
    pub(crate) parts: Vec<DonePart>,
    pub(crate) digest: Option<Fingerprint>,
}

/// What became of a part.
#[derive(Debug)]
pub(crate) struct DonePart {
    /// That of the part.
    pub(crate) number: usize,
    pub(crate) source: Source,
    pub(crate) filling: Filling,
}

impl Done {
    /// The extents of the part of this number.
    pub(crate) fn extents(&self, number: usize) -> Option<Arc<[Extent]>> {
        let part = self.parts.iter().find(|part| part.number == number)?;
        Some(part.filling.extents.as_slice().into())
    }
}

/// What workers share.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) queue: &'a Queue<'a>,
    pub(crate) room: &'a Room<'a>,
    pub(crate) packed: &'a Packed,
    pub(crate) repeats: &'a Repeats,
}

/// Encodes parts.
pub(crate) struct Worker<'a> {
    shared: Shared<'a>,
    /// One for each level there has been.
    encoders: Vec<(Level, Encoder)>,
    estimator: Encoder,
    /// As long as the longest part so far.
    data: Vec<u8>,
    /// As long as the longest pcluster.
    scratch: Vec<u8>,
    /// What the last part of nothing but zeros has become.
    zeros: Option<Zeros>,
}

/// A part of nothing but zeros that is not the end of a file, and has nothing to
/// do with other parts. Each such part becomes the same.
#[derive(Debug)]
struct Zeros {
    codec: FileCodec,
    len: u64,
    extents: Vec<Extent>,
    bytes: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: Shared<'a>) -> Self {
        let scratch = vec![0; to_usize(shared.job.options.pcluster_len_max())];
        let estimator = Encoder::new(Level::FAST);
        Worker { shared, encoders: Vec::new(), estimator, data: Vec::new(), scratch, zeros: None }
    }

    /// Encodes `parts` into `bytes`, which are empty.
    pub(crate) fn encode(&mut self, parts: &[Part], bytes: Vec<u8>) -> Result<Done> {
        let mut done = Done { bytes, ..Done::default() };
        for part in parts {
            if self.shared.job.is_stopped() {
                return Err(Error::Cancelled);
            }
            if let Some(filling) = self.hole(part, &mut done.bytes)? {
                done.parts.push(DonePart { number: part.number, source: part.source, filling });
                continue;
            }
            self.read(part)?;
            self.shared.repeats.see(part.number, &self.data[..to_usize(part.len)]);
            let start = done.bytes.len();
            let stretches = self.stretches(part, parts, &done);
            let filling = self.fill(part, &stretches, &mut done.bytes);
            if self.shared.job.is_stopped() {
                return Err(Error::Cancelled);
            }
            self.learn_zeros(part, &filling, &done.bytes[start..]);
            if let Source::File(id) = part.source {
                let encoded = done.bytes.len() - start;
                let is_needed = self.shared.repeats.are_of(part.source);
                if part.is_whole() && !is_needed && !self.is_worth_it(id, part, encoded, &filling) {
                    done.bytes.truncate(start);
                    continue;
                }
            }
            done.parts.push(DonePart { number: part.number, source: part.source, filling });
        }
        done.digest = self.shared.job.options.derives_uuid().then(|| Fingerprint::of(&done.bytes));
        Ok(done)
    }

    fn read(&mut self, part: &Part) -> Result<()> {
        let len = to_usize(part.len);
        self.data.resize(self.data.len().max(len + 1), 0);
        self.shared.job.read_part(part, self.shared.packed, &mut self.data[..=len])
    }

    /// What `part` becomes, if it is a hole and it is known what these become.
    fn hole(&self, part: &Part, out: &mut Vec<u8>) -> Result<Option<Filling>> {
        let same = |zeros: &&Zeros| zeros.codec == part.codec && zeros.len == part.len;
        let Some(zeros) = self.zeros.as_ref().filter(same) else { return Ok(None) };
        if !self.is_by_itself(part) || !self.shared.job.is_hole(part)? {
            return Ok(None);
        }
        out.extend_from_slice(&zeros.bytes);
        Ok(Some(Filling { extents: zeros.extents.clone(), ..Filling::default() }))
    }

    /// Remembers what has become of a part of nothing but zeros.
    fn learn_zeros(&mut self, part: &Part, filling: &Filling, bytes: &[u8]) {
        let data = &self.data[..to_usize(part.len)];
        if self.is_by_itself(part) && all_zero(data) {
            let (extents, bytes) = (filling.extents.clone(), bytes.to_vec());
            self.zeros = Some(Zeros { codec: part.codec, len: part.len, extents, bytes });
        }
    }

    /// Whether what becomes of `part` depends on nothing but its bytes.
    fn is_by_itself(&self, part: &Part) -> bool {
        let repeats = self.shared.repeats;
        part.source != Source::Packed
            && !part.is_last()
            && repeats.of(part.number).is_empty()
            && repeats.cuts(part.number).is_empty()
            && !repeats.are_of(part.source)
    }

    /// What `part` repeats of parts that have become pclusters. It may be one
    /// of this task, of which `done` is done.
    fn stretches(&self, part: &Part, task: &[Part], done: &Done) -> Vec<Stretch> {
        let data = &self.data[..to_usize(part.len)];
        let repeats = self.shared.repeats.confirmed(part.number, data);
        let stretch = |repeat: &Repeat| {
            let Repeat { at, len, source, source_at } = *repeat;
            let extents = if source == part.number {
                None
            } else if source >= task[0].number {
                Some(done.extents(source)?)
            } else {
                Some(self.shared.queue.extents(source)?)
            };
            Some(Stretch { at, len, source, source_at, extents })
        };
        repeats.filter_map(stretch).collect()
    }

    /// Whether a file becomes smaller with its index than as it is, where
    /// inodes start at multiples of 32 bytes.
    fn is_worth_it(&self, id: InodeId, part: &Part, encoded: usize, filling: &Filling) -> bool {
        let options = self.shared.job.options;
        let block_size = options.block_size;
        let lens = &self.shared.job.inode_lens;
        let inline = filling.inline.as_ref().map_or(0, |inline| to_u64(inline.bytes.len()));
        let inode =
            (lens.with_index)(id, part.size, self.shared.repeats.are_in(part.source)) + inline;
        // How much fragments shrink is not known yet.
        let tail = filling.tail.as_ref().map_or(0, |tail| tail.len / 2);
        let head = (lens.head)(id);
        let flat_tail = block_size.tail(part.size);
        let is_inline = options.may_have_inline_tails() && head + flat_tail <= block_size.len();
        let flat = match is_inline {
            true => part.size - flat_tail + round_up(head + flat_tail, SLOT_LEN),
            false => round_up(part.size, block_size.len()) + round_up(head, SLOT_LEN),
        };
        to_u64(encoded) + tail + round_up(inode, SLOT_LEN) < flat
    }

    /// Appends the pclusters of the bytes that were read.
    fn fill(&mut self, part: &Part, repeats: &[Stretch], out: &mut Vec<u8>) -> Filling {
        let options = self.shared.job.options;
        let Codec::Lz4(level) = part.codec.codec else {
            panic!("only files with a codec are encoded");
        };
        let known = self.encoders.iter().position(|(known, _)| *known == level);
        let index = known.unwrap_or_else(|| {
            self.encoders.push((level, Encoder::new(level)));
            self.encoders.len() - 1
        });
        let end = self.end(part);
        let data = &self.data[..to_usize(part.len)];
        Filler {
            segment: self.encoders[index].1.segment(data),
            estimator: &mut self.estimator,
            data,
            cuts: self.shared.repeats.cuts(part.number),
            out,
            scratch: &mut self.scratch,
            block_len: to_usize(options.block_size.len()),
            pcluster_len: to_usize(part.codec.pcluster_len),
            extent_len: options.max_extent_len.map_or(DECODED_MAX, to_usize).min(DECODED_MAX),
            end,
            kept: &self.shared.job.plan.seen.kept,
            interlaced: options.has_interlaced_pclusters(),
            // Only for this the index is long enough to matter.
            paired: part.source == Source::Packed
                && part.codec.pcluster_len >= LARGE_PCLUSTER
                && !options.full_indexes,
            stop: self.shared.job.reader.stop,
        }
        .run(repeats)
    }

    /// Where the end of a part may go.
    fn end(&self, part: &Part) -> End {
        let Shared { job, room, repeats, .. } = self.shared;
        let options = job.options;
        if !part.is_last() {
            return End::Part;
        }
        match part.source {
            Source::File(_) if options.may_have_fragments() => {
                // What one pcluster holds would be a fragment if that paid.
                if part.size > part.codec.pcluster_len { End::Fragment } else { End::Blocks }
            }
            Source::File(id) if options.may_have_inline_pclusters() => {
                let scattered = repeats.are_in(part.source);
                End::Inline(to_usize(room.of(id, part.size, scattered)))
            }
            _ => End::Blocks,
        }
    }
}

impl Job<'_> {
    /// Reads the bytes of `part` into `data`, which has one byte more.
    pub(super) fn read_part(&self, part: &Part, packed: &Packed, data: &mut [u8]) -> Result<()> {
        let Source::File(id) = part.source else {
            let mut at = 0;
            for piece in packed.range(part.offset, part.offset + part.len) {
                let len = to_usize(piece.len);
                // What is too much of a piece is overwritten by the next one.
                self.read(piece.id, piece.offset, &mut data[at..=at + len])?;
                at += len;
            }
            return Ok(());
        };
        self.read(id, part.offset, data)
    }

    /// Whether the source says that `part` is nothing but zeros.
    pub(super) fn is_hole(&self, part: &Part) -> Result<bool> {
        let Source::File(id) = part.source else { return Ok(false) };
        let Kind::File(content) = &self.reader.tree.inode(id).kind else {
            panic!("only files are encoded");
        };
        let bytes = part.offset..part.offset + part.len;
        self.reader.with_open(id, content, |open| open.is_hole(&bytes))
    }

    /// Reads the bytes of the file `id` from `offset` on into `data`, which has
    /// one byte more, to see whether the file has become longer.
    pub(super) fn read(&self, id: InodeId, offset: u64, data: &mut [u8]) -> Result<()> {
        let Kind::File(content) = &self.reader.tree.inode(id).kind else {
            panic!("only files are encoded");
        };
        self.reader.with_open(id, content, |open| open.read_range(data, offset))
    }
}
