//! Encoding parts of files, one worker by itself.

use crate::codec::lz4::{Encoder, Level};
use crate::encode::Job;
use crate::encode::fill::{Filler, Filling};
use crate::encode::inline::Room;
use crate::error::{Error, Result};
use crate::format::index::DECODED_MAX;
use crate::format::{SLOT_LEN, round_up, to_u64, to_usize};
use crate::options::{Codec, FileCodec, Tails};
use crate::tree::{InodeId, Kind, LengthChanged};

/// Some bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) id: InodeId,
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
    pub(crate) parts: Vec<(InodeId, Filling)>,
    pub(crate) digest: Option<blake3::Hash>,
}

/// Encodes parts.
pub(crate) struct Worker<'a> {
    job: &'a Job<'a>,
    room: &'a Room<'a>,
    /// One for each level there has been.
    encoders: Vec<(Level, Encoder)>,
    data: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(job: &'a Job<'a>, room: &'a Room<'a>) -> Self {
        Worker { job, room, encoders: Vec::new(), data: Vec::new() }
    }

    pub(crate) fn encode(&mut self, parts: &[Part]) -> Result<Done> {
        let mut done = Done::default();
        for part in parts {
            if self.job.is_stopped() {
                return Err(Error::Cancelled);
            }
            self.read(part)?;
            let start = done.bytes.len();
            let filling = self.fill(part, &mut done.bytes);
            if part.is_whole() && !self.is_worth_it(part, done.bytes.len() - start, &filling) {
                done.bytes.truncate(start);
                continue;
            }
            done.parts.push((part.id, filling));
        }
        done.digest = self.job.options.derives_uuid().then(|| blake3::hash(&done.bytes));
        Ok(done)
    }

    fn read(&mut self, part: &Part) -> Result<()> {
        let Kind::File(content) = &self.job.reader.tree.inode(part.id).kind else {
            panic!("only files are encoded");
        };
        self.data.resize(to_usize(part.len), 0);
        let data = &mut self.data[..];
        self.job.reader.with_open(part.id, content, |open| {
            Ok(match open.read_exact_at(data, part.offset)? {
                Ok(()) if !open.ends_at_len()? => Err(LengthChanged),
                read => read,
            })
        })
    }

    /// Whether a file becomes smaller with its index than as it is, where
    /// inodes start at multiples of 32 bytes.
    fn is_worth_it(&self, part: &Part, encoded: usize, filling: &Filling) -> bool {
        let block_size = self.job.options.block_size;
        let lens = &self.job.inode_lens;
        let inline = filling.inline.as_ref().map_or(0, |inline| to_u64(inline.bytes.len()));
        let inode = (lens.with_index)(part.id, part.size) + inline;
        let head = (lens.head)(part.id);
        let tail = block_size.tail(part.size);
        let is_inline = self.job.options.tails == Tails::Inline && head + tail <= block_size.len();
        let flat = match is_inline {
            true => part.size - tail + round_up(head + tail, SLOT_LEN),
            false => round_up(part.size, block_size.len()) + round_up(head, SLOT_LEN),
        };
        to_u64(encoded) + round_up(inode, SLOT_LEN) < flat
    }

    /// Appends the pclusters of the bytes that were read.
    fn fill(&mut self, part: &Part, out: &mut Vec<u8>) -> Filling {
        let options = self.job.options;
        let Codec::Lz4(level) = part.codec.codec else {
            panic!("only files with a codec are encoded");
        };
        let known = self.encoders.iter().position(|(known, _)| *known == level);
        let index = known.unwrap_or_else(|| {
            self.encoders.push((level, Encoder::new(level)));
            self.encoders.len() - 1
        });
        let room = if part.is_last() { self.room.of(part.id, part.size) } else { 0 };
        Filler {
            segment: self.encoders[index].1.segment(&self.data),
            data: &self.data,
            out,
            block_len: to_usize(options.block_size.len()),
            pcluster_len: to_usize(part.codec.pcluster_len),
            extent_len: options.max_extent_len.map_or(DECODED_MAX, to_usize).min(DECODED_MAX),
            room: to_usize(room),
        }
        .run()
    }
}
