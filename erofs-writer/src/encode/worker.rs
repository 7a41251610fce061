//! One worker, which encodes one part after the other.

use crate::codec::Segment;
use crate::encode::encoders::{EncoderPair, Encoders};
use crate::encode::extent::Extent;
use crate::encode::inputs::Inputs;
use crate::encode::packed::LARGE_PCLUSTER;
use crate::encode::pclusters::{End, FillInput, Filler, Pclusters, Stretch, Tail};
use crate::encode::queue::Queue;
use crate::encode::read::PartReader;
use crate::encode::repeats::{Repeat, Repeats};
use crate::encode::room::Room;
use crate::encode::task::{EncodedPart, EncodedTask, Part, Stream};
use crate::error::{Error, Result};
use crate::format::index::DECODED_MAX;
use crate::format::{SLOT_LEN, round_up, to_u64, to_usize};
use crate::options::FileCodec;
use crate::plan::all_zero;
use crate::tree::InodeId;

/// The data that all workers share.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(super) queue: &'a Queue<'a>,
    pub(crate) room: &'a Room<'a>,
    pub(crate) reader: PartReader<'a>,
    pub(crate) repeats: &'a Repeats,
}

/// Encodes parts.
pub(crate) struct Worker<'a> {
    shared: Shared<'a>,
    encoders: Encoders,
    /// A buffer for the bytes of a part, as long as the longest part so far needs.
    data: Vec<u8>,
    /// A buffer for one pcluster.
    scratch: Vec<u8>,
    /// The result of the last part of nothing but zeros.
    zeros: Option<Zeros>,
}

/// The result of a part of nothing but zeros that is not the end of a file and has no
/// repeats. All such parts with the same length and codec have the same result.
#[derive(Debug)]
struct Zeros {
    codec: FileCodec,
    len: u64,
    extents: Vec<Extent>,
    bytes: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: Shared<'a>) -> Self {
        let scratch = vec![0; to_usize(shared.inputs.options.pcluster_len_max())];
        let encoders = Encoders::new(to_usize(shared.inputs.options.block_size.len()));
        Worker { shared, encoders, data: Vec::new(), scratch, zeros: None }
    }

    /// Encodes `parts` into `bytes`, which is an empty buffer.
    pub(crate) fn encode(&mut self, parts: &[Part], bytes: Vec<u8>) -> Result<EncodedTask> {
        let mut done = EncodedTask { bytes, ..EncodedTask::default() };
        for part in parts {
            if self.shared.inputs.is_stopped() {
                return Err(Error::Cancelled);
            }
            if let Some(pclusters) = self.hole(part, &mut done.bytes)? {
                done.parts.push(EncodedPart::new(part, pclusters));
                continue;
            }
            self.read(part)?;
            self.shared.repeats.see(part.number, &self.data[..to_usize(part.len)]);
            let start = done.bytes.len();
            let stretches = self.stretches(part, parts, &done);
            let pclusters = self.fill(part, &stretches, &mut done.bytes);
            if self.shared.inputs.is_stopped() {
                return Err(Error::Cancelled);
            }
            self.learn_zeros(part, &pclusters, &done.bytes[start..]);
            if let Stream::File(id) = part.stream {
                let encoded = done.bytes.len() - start;
                let is_needed = self.shared.repeats.are_of(part.stream);
                if part.is_whole() && !is_needed && !self.is_worth_it(id, part, encoded, &pclusters)
                {
                    done.bytes.truncate(start);
                    continue;
                }
            }
            done.parts.push(EncodedPart::new(part, pclusters));
        }
        Ok(done)
    }

    fn read(&mut self, part: &Part) -> Result<()> {
        let len = to_usize(part.len);
        self.data.resize(self.data.len().max(len + 1), 0);
        self.shared.reader.read(part, &mut self.data[..=len])
    }

    /// The result of `part`, if it is a hole and the result of such parts is known.
    fn hole(&self, part: &Part, out: &mut Vec<u8>) -> Result<Option<Pclusters>> {
        let same = |zeros: &&Zeros| zeros.codec == part.codec && zeros.len == part.len;
        let Some(zeros) = self.zeros.as_ref().filter(same) else { return Ok(None) };
        if !self.is_by_itself(part) || !self.shared.reader.is_hole(part)? {
            return Ok(None);
        }
        out.extend_from_slice(&zeros.bytes);
        Ok(Some(Pclusters { extents: zeros.extents.clone(), ..Pclusters::default() }))
    }

    /// Remembers the result of `part`, if it is nothing but zeros.
    fn learn_zeros(&mut self, part: &Part, pclusters: &Pclusters, bytes: &[u8]) {
        let data = &self.data[..to_usize(part.len)];
        if self.is_by_itself(part) && all_zero(data) {
            let (extents, bytes) = (pclusters.extents.clone(), bytes.to_vec());
            self.zeros = Some(Zeros { codec: part.codec, len: part.len, extents, bytes });
        }
    }

    /// Whether the result of `part` depends on nothing but its bytes.
    fn is_by_itself(&self, part: &Part) -> bool {
        let repeats = self.shared.repeats;
        part.stream != Stream::Packed
            && !part.is_last()
            && repeats.of(part.number).is_empty()
            && repeats.cuts(part.number).is_empty()
            && !repeats.are_of(part.stream)
    }

    /// The stretches of `part` that repeat encoded parts. These may be parts of the same
    /// task, whose results so far are `done`.
    fn stretches(&self, part: &Part, task: &[Part], done: &EncodedTask) -> Vec<Stretch> {
        let data = &self.data[..to_usize(part.len)];
        let repeats = self.shared.repeats.confirmed(part.number, data);
        let stretch = |repeat: &Repeat| {
            let Repeat { at, len, source, source_at } = *repeat;
            let bytes = source_at..source_at + len;
            let extents = if source == part.number {
                None
            } else if source >= task[0].number {
                Some(done.extents(source, bytes)?)
            } else {
                Some(self.shared.queue.extents(source, bytes)?)
            };
            Some(Stretch { at, len, source, source_at, extents })
        };
        repeats.filter_map(stretch).collect()
    }

    /// Whether a file takes less room when it is encoded, with its index, than as it is.
    /// Inodes start at multiples of 32 bytes.
    fn is_worth_it(&self, id: InodeId, part: &Part, encoded: usize, pclusters: &Pclusters) -> bool {
        let inodes = self.shared.inputs.inodes;
        let (inline, fragment) = match &pclusters.tail {
            Tail::Blocks => (0, 0),
            Tail::Inline(inline) => (to_u64(inline.bytes.len()), 0),
            // It is not known yet how much fragments shrink.
            Tail::Fragment(fragment) => (0, fragment.len / 2),
        };
        let form = self.shared.repeats.index_form(part.stream);
        let inode = inodes.len_with_index(id, form) + inline;
        let stored = to_u64(encoded) + fragment + round_up(inode, SLOT_LEN);
        stored < inodes.flat(id).stored_len()
    }

    /// Appends the pclusters of the bytes that were read.
    fn fill(&mut self, part: &Part, repeats: &[Stretch], out: &mut Vec<u8>) -> Pclusters {
        let options = self.shared.inputs.options;
        let end = self.end(part);
        let data = &self.data[..to_usize(part.len)];
        let input = FillInput {
            data,
            cuts: self.shared.repeats.cuts(part.number),
            block_len: to_usize(options.block_size.len()),
            pcluster_len: to_usize(part.codec.pcluster_len),
            extent_len: options.max_extent_len.map_or(DECODED_MAX, to_usize).min(DECODED_MAX),
            end,
            kept: &self.shared.inputs.plan.findings.kept,
            interlaced: options.has_interlaced_pclusters(),
            // Only the index of the packed inode is long enough to matter.
            paired: part.stream == Stream::Packed
                && part.codec.pcluster_len >= LARGE_PCLUSTER
                && !options.full_indexes,
            stop: self.shared.inputs.reader.stop,
        };
        let EncoderPair { encoder, estimator } = self.encoders.of(part.codec);
        let segment = Segment::new(&mut **encoder, data);
        Filler::new(input, segment, &mut **estimator, out, &mut self.scratch).run(repeats)
    }

    /// Where the end of a part may go.
    fn end(&self, part: &Part) -> End {
        let Shared { inputs, room, repeats, .. } = self.shared;
        let options = inputs.options;
        if !part.is_last() {
            return End::Part;
        }
        match part.stream {
            Stream::File(_) if options.may_have_fragments() => {
                // A file that fits into one pcluster would be a fragment already if that
                // paid.
                if part.size > part.codec.pcluster_len { End::Fragment } else { End::Blocks }
            }
            Stream::File(id) if options.may_have_inline_pclusters() => {
                End::Inline(to_usize(room.of(id, repeats.index_form(part.stream))))
            }
            _ => End::Blocks,
        }
    }
}
