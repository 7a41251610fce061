//! Chunk maps, and files stored in chunks of which equal ones are stored once.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use crate::error::{Error, Limit, Result};
use crate::format::chunk::CHUNK_BITS_MAX;
use crate::format::{to_u64, to_usize};
use crate::options::{BlockSize, ChunkSize, Options};
use crate::plan::hash::{Digest, Reader};
use crate::plan::{DataPlan, Layout, Order, files};
use crate::tree::{Content, InodeId, LengthChanged, OpenContent};

/// The chunks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkMap {
    /// The device that the chunks are on; 0 is the image.
    pub(crate) device: u16,
    /// log2 of the chunk size in bytes.
    pub(crate) chunk_bits: u8,
    /// For each chunk its first block, or [`HOLE`]. Counted from the start of the
    /// device, in the image from that of the chunk area.
    pub(crate) chunks: Vec<u64>,
}

/// In place of a block: the chunk is all zeros.
pub(crate) const HOLE: u64 = u64::MAX;

/// Bytes of a file to copy into the chunk area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: InodeId,
    /// Where in the file they start.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// Their first block, counted from the start of the chunk area.
    pub(crate) block: u64,
}

impl ChunkMap {
    /// A map of chunks that were stored as `chunks`, in as few and as large
    /// chunks as say the same.
    pub(crate) fn new(mut chunks: Vec<u64>, mut chunk_bits: u8, block_size: BlockSize) -> Self {
        while chunks.len() > 1 && u32::from(chunk_bits - block_size.bits()) < CHUNK_BITS_MAX {
            let blocks = 1_u64 << (chunk_bits - block_size.bits());
            let pairs_up = |pair: &[u64]| match pair {
                [HOLE, HOLE] => true,
                [HOLE, _] | [_, HOLE] => false,
                [first, second] => first + blocks == *second,
                rest => rest.len() < 2,
            };
            if !chunks.chunks(2).all(pairs_up) {
                break;
            }
            chunks = chunks.iter().step_by(2).copied().collect();
            chunk_bits += 1;
        }
        ChunkMap { device: 0, chunk_bits, chunks }
    }
}

impl DataPlan {
    /// Stores `len` bytes of `id` from `offset` on at the end of the chunk
    /// area, and returns the first block.
    pub(crate) fn store(
        &mut self,
        id: InodeId,
        offset: u64,
        len: u64,
        options: &Options,
    ) -> Result<u64> {
        let block = self.chunk_blocks(options.block_size.len());
        if block > options.blocks_max() {
            return Err(Error::Full(Limit::of_blocks(options)));
        }
        match self.runs.last_mut() {
            // Only a run of whole blocks can be continued.
            Some(run) if run.id == id && run.offset + run.len == offset => run.len += len,
            _ => self.runs.push(Run { id, offset, len, block }),
        }
        Ok(block)
    }

    /// Gives `id` a chunk map.
    pub(crate) fn set_map(&mut self, id: InodeId, map: ChunkMap) -> Result<()> {
        let index = u32::try_from(self.maps.len()).map_err(|_| Error::Full(Limit::Inodes))?;
        self.maps.push(map);
        self.set(id, Layout::Chunked(index));
        Ok(())
    }
}

/// How much is read at a time.
const STEP: u64 = 1024 * 1024;
/// How much of a file one worker hashes.
const SEGMENT_LEN: u64 = 4 * 1024 * 1024;

/// A file to be stored in chunks.
pub(super) type File<'a> = (InodeId, &'a Content);

/// A part of a file whose chunks one worker hashes.
struct Segment<'a> {
    file: File<'a>,
    start: u64,
    end: u64,
}

/// What a chunk holds, and its length, which only a file's last chunk varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Chunk {
    Zero(u64),
    Data(Digest, u64),
}

/// Stores every file with contents that is not encoded in chunks of `chunk_size`.
pub(crate) fn plan(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    order: &Order,
    options: &Options,
    chunk_size: ChunkSize,
    is_encoded: &(dyn Fn(InodeId) -> bool + Sync),
) -> Result<()> {
    let files: Vec<File<'_>> =
        files(reader.tree, order).filter(|(id, _)| plan.is_open(*id) && !is_encoded(*id)).collect();
    let hashed = chunks(reader, &files, chunk_size.bytes())?;
    store(plan, files.into_iter().zip(hashed), options, chunk_size)
}

/// The chunks of each of `files`.
pub(super) fn chunks(
    reader: Reader<'_>,
    files: &[File<'_>],
    chunk_len: u64,
) -> Result<Vec<Vec<Chunk>>> {
    let segment_len = SEGMENT_LEN.max(chunk_len);
    let segments: Vec<Segment<'_>> = files
        .iter()
        .flat_map(|file| {
            let len = file.1.len();
            (0..len.div_ceil(segment_len)).map(move |n| Segment {
                file: *file,
                start: n * segment_len,
                end: ((n + 1) * segment_len).min(len),
            })
        })
        .collect();
    let hashed: Vec<Vec<Chunk>> =
        segments.par_iter().map(|part| hash(reader, part, chunk_len)).collect::<Result<_>>()?;
    let mut by_file: Vec<Vec<Chunk>> = Vec::with_capacity(files.len());
    for (segment, hashed) in segments.iter().zip(hashed) {
        match by_file.last_mut() {
            Some(chunks) if segment.start > 0 => chunks.extend(hashed),
            _ => by_file.push(hashed),
        }
    }
    Ok(by_file)
}

/// Stores files in these chunks, each that differs once.
pub(super) fn store<'a>(
    plan: &mut DataPlan,
    files: impl Iterator<Item = (File<'a>, Vec<Chunk>)>,
    options: &Options,
    chunk_size: ChunkSize,
) -> Result<()> {
    let chunk_len = chunk_size.bytes();
    let mut seen: HashMap<Chunk, u64> = HashMap::new();
    for ((id, content), hashed) in files {
        let mut chunks = Vec::with_capacity(hashed.len());
        let starts = (0..content.len()).step_by(to_usize(chunk_len));
        for (start, chunk) in starts.zip(hashed) {
            let len = chunk_len.min(content.len() - start);
            if matches!(chunk, Chunk::Zero(_)) && options.holes {
                plan.hole_bytes += len;
                chunks.push(HOLE);
            } else if let Some(block) = seen.get(&chunk) {
                plan.shared_bytes += len;
                chunks.push(*block);
            } else {
                let block = plan.store(id, start, len, options)?;
                seen.insert(chunk, block);
                chunks.push(block);
            }
        }
        plan.set_map(id, ChunkMap::new(chunks, chunk_size.bits(), options.block_size))?;
    }
    Ok(())
}

fn hash(reader: Reader<'_>, part: &Segment<'_>, chunk_len: u64) -> Result<Vec<Chunk>> {
    let (id, content) = part.file;
    reader.with_open(id, content, |open| {
        let mut chunks = Vec::new();
        let mut buf = vec![0; to_usize(STEP.min(chunk_len).min(part.end - part.start))];
        let mut start = part.start;
        while start < part.end && !reader.stop.load(Ordering::Relaxed) {
            let end = start.saturating_add(chunk_len).min(part.end);
            match hash_chunk(reader, open, start..end, &mut buf)? {
                Ok(chunk) => chunks.push(chunk),
                Err(changed) => return Ok(Err(changed)),
            }
            start = end;
        }
        // Chunks that are stored already will not be read again.
        if part.end == content.len() && !open.ends_at_len()? {
            return Ok(Err(LengthChanged));
        }
        Ok(Ok(chunks))
    })
}

/// Hashes the bytes of `range`, a buffer at a time.
fn hash_chunk(
    reader: Reader<'_>,
    open: &OpenContent<'_>,
    range: Range<u64>,
    buf: &mut [u8],
) -> io::Result<Result<Chunk, LengthChanged>> {
    // None while there is nothing but zeros, which cost no hashing.
    let mut hasher: Option<blake3::Hasher> = None;
    let mut offset = range.start;
    while offset < range.end && !reader.stop.load(Ordering::Relaxed) {
        let len = buf.len().min(to_usize(range.end - offset));
        let part = &mut buf[..len];
        if let Err(changed) = open.read_exact_at(part, offset)? {
            return Ok(Err(changed));
        }
        if hasher.is_some() || !all_zero(part) {
            // How many zeros came before tells them from others.
            let begun = hasher.get_or_insert_with(|| {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&(offset - range.start).to_le_bytes());
                hasher
            });
            begun.update(part);
        }
        offset += to_u64(len);
    }
    let len = range.end - range.start;
    Ok(Ok(match hasher {
        Some(hasher) => Chunk::Data(*hasher.finalize().as_bytes(), len),
        None => Chunk::Zero(len),
    }))
}

/// Whether all bytes are zero.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    // In pieces of a fixed length the compiler compares whole registers.
    let pieces = bytes.chunks_exact(64);
    let rest = pieces.remainder();
    pieces.into_iter().all(|piece| *piece == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(chunks: &[u64]) -> (u8, Vec<u64>) {
        let map = ChunkMap::new(chunks.to_vec(), 12, BlockSize::default());
        (map.chunk_bits, map.chunks)
    }

    #[test]
    fn contiguous_chunks_become_fewer_larger_ones() {
        assert_eq!(merged(&[5, 6, 7, 8]), (14, vec![5]));
        assert_eq!(merged(&[5, 6, 7]), (14, vec![5]));
        assert_eq!(merged(&[5]), (12, vec![5]));
    }

    #[test]
    fn chunks_that_do_not_follow_each_other_stay() {
        assert_eq!(merged(&[5, 5]), (12, vec![5, 5]));
        assert_eq!(merged(&[5, 6, 6, 7]), (13, vec![5, 6]));
        assert_eq!(merged(&[HOLE, 5]), (12, vec![HOLE, 5]));
        assert_eq!(merged(&[5, HOLE]), (12, vec![5, HOLE]));
    }

    #[test]
    fn holes_merge_with_holes() {
        assert_eq!(merged(&[HOLE, HOLE, 3, 4, HOLE]), (13, vec![HOLE, 3, HOLE]));
        assert_eq!(merged(&[HOLE; 6]), (15, vec![HOLE]));
    }

    #[test]
    fn zeros_are_told_from_data_at_every_place() {
        assert!(all_zero(&[]));
        assert!(all_zero(&[0; 1000]));
        for at in [0, 63, 64, 999] {
            let mut bytes = [0; 1000];
            bytes[at] = 1;
            assert!(!all_zero(&bytes), "byte {at}");
        }
    }
}
