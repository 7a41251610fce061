//! Encoding parts of files, one worker by itself.

use crate::codec::lz4::{Encoder, Level, Segment};
use crate::encode::{Extent, Job};
use crate::error::{Error, Result};
use crate::format::index::{DECODED_MAX, HEADER_LEN};
use crate::format::{round_up, to_u64, to_usize};
use crate::options::Tails;
use crate::tree::{InodeId, Kind, LengthChanged};

/// Some bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) id: InodeId,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// Whether they are all there are.
    pub(crate) is_whole: bool,
}

/// What became of some parts.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Their pclusters.
    pub(crate) bytes: Vec<u8>,
    /// The extents of each part that is worth it.
    pub(crate) parts: Vec<(InodeId, Vec<Extent>)>,
    pub(crate) digest: Option<blake3::Hash>,
}

/// Encodes parts.
pub(crate) struct Worker<'a> {
    job: &'a Job<'a>,
    encoder: Encoder,
    data: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(job: &'a Job<'a>, level: Level) -> Self {
        Worker { job, encoder: Encoder::new(level), data: Vec::new() }
    }

    pub(crate) fn encode(&mut self, parts: &[Part]) -> Result<Done> {
        let mut done = Done::default();
        for part in parts {
            if self.job.is_stopped() {
                return Err(Error::Cancelled);
            }
            self.read(part)?;
            let start = done.bytes.len();
            let extents = self.extents(&mut done.bytes);
            if part.is_whole && !self.is_worth_it(part, done.bytes.len() - start) {
                done.bytes.truncate(start);
                continue;
            }
            done.parts.push((part.id, extents));
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

    /// Whether a file becomes smaller with its index than as it is.
    fn is_worth_it(&self, part: &Part, encoded: usize) -> bool {
        let options = self.job.options;
        let entry_len = if options.full_indexes { 8 } else { 4 };
        let index = 2 * HEADER_LEN + entry_len * options.block_size.blocks(part.len);
        let flat = match options.tails {
            // A tail behind the inode takes no more than its bytes.
            Tails::Inline => part.len,
            Tails::OwnBlock => round_up(part.len, options.block_size.len()),
        };
        to_u64(encoded) + index < flat
    }

    /// Appends the pclusters of the bytes that were read.
    fn extents(&mut self, out: &mut Vec<u8>) -> Vec<Extent> {
        let options = self.job.options;
        let filler = Filler {
            block_len: to_usize(options.block_size.len()),
            pcluster_len: to_usize(options.pcluster_len()),
        };
        let mut extents = Vec::new();
        let mut segment = self.encoder.segment(&self.data);
        let mut start = 0;
        while start < self.data.len() {
            start += filler.fill(&mut segment, &self.data, start, out, &mut extents);
        }
        extents
    }
}

/// Fills pclusters.
struct Filler {
    block_len: usize,
    pcluster_len: usize,
}

impl Filler {
    /// Appends one pcluster, or as many plain ones as replace it, and returns
    /// how many bytes of `data` from `start` on they hold.
    fn fill(
        &self,
        segment: &mut Segment<'_>,
        data: &[u8],
        start: usize,
        out: &mut Vec<u8>,
        extents: &mut Vec<Extent>,
    ) -> usize {
        let base = out.len();
        out.resize(base + self.pcluster_len, 0);
        let end = data.len().min(start + DECODED_MAX);
        let filled = segment.fill(start, end, &mut out[base..]);
        let blocks = filled.written.div_ceil(self.block_len);
        let len = blocks * self.block_len;
        if filled.consumed > len {
            // Zeros come first, and less than a block of them.
            let padding = len - filled.written;
            out.copy_within(base..base + filled.written, base + padding);
            out[base..base + padding].fill(0);
            out.truncate(base + len);
            extents.push(extent(filled.consumed, blocks, false));
            return filled.consumed;
        }
        // All of it would have been larger than it is.
        let blocks = (filled.consumed / self.block_len).max(1);
        let plain = &data[start..data.len().min(start + blocks * self.block_len)];
        out.truncate(base);
        out.extend_from_slice(plain);
        out.resize(base + plain.len().next_multiple_of(self.block_len), 0);
        let lens = plain.chunks(self.block_len).map(<[u8]>::len);
        extents.extend(lens.map(|len| extent(len, 1, true)));
        plain.len()
    }
}

fn extent(len: usize, blocks: usize, plain: bool) -> Extent {
    Extent {
        len: u32::try_from(len).expect("at most 12 MiB"),
        blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
        plain,
    }
}
