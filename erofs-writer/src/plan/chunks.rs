//! Files stored in chunks. Equal chunks are stored once.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::options::{ChunkSize, Options};
use crate::plan::chunk_map::{At, ChunkMap};
use crate::plan::layout::DataPlan;
use crate::pool::{self, Share};
use crate::shape::{Order, files};
use crate::tree::{Content, Holes, InodeId, Reader, Tree};

/// A collision-resistant hash, so that equal digests mean equal bytes.
pub(super) type Digest = [u8; 32];

/// How many bytes are read at a time.
const STEP: u64 = 1024 * 1024;
/// How many bytes of a file are a part, which one worker hashes.
const FILE_PART_LEN: u64 = 4 * 1024 * 1024;
/// The most parts of a file. The parts of very long files are longer.
const FILE_PARTS_MAX: u64 = 1 << 22;

/// A file to be stored in chunks.
pub(super) type File<'a> = (InodeId, &'a Content);

/// A part of a file whose chunks one worker hashes.
struct FilePart<'a> {
    file: File<'a>,
    start: u64,
    end: u64,
}

/// The contents of a chunk, and its length. Only the last chunk of a file may be shorter
/// than the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Chunk {
    Zero(u64),
    Data(Digest, u64),
}

/// Consecutive chunks of a file.
#[derive(Debug)]
enum ChunkRun {
    /// This many chunks that are all zeros. The last one of a file may be shorter.
    Zeros(u64),
    /// One chunk that is not all zeros, with its length.
    Data(Digest, u64),
}

/// All chunks of a file. Zeros take no memory, however many there are.
#[derive(Debug)]
pub(super) struct FileChunks {
    len: u64,
    chunk_len: u64,
    chunks: Vec<ChunkRun>,
}

impl FileChunks {
    /// How many chunks there are.
    pub(super) fn count(&self) -> u64 {
        self.len.div_ceil(self.chunk_len)
    }

    /// The chunks, each with the number of times that it follows itself. That is more
    /// than 1 only for zeros.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Chunk, u64)> + '_ {
        let tail = self.len % self.chunk_len;
        let last = self.chunks.len().saturating_sub(1);
        self.chunks.iter().enumerate().flat_map(move |(index, chunks)| {
            let (first, second) = match *chunks {
                ChunkRun::Data(digest, len) => ((Chunk::Data(digest, len), 1), None),
                ChunkRun::Zeros(count) if index == last && tail > 0 => {
                    let short = (Chunk::Zero(tail), 1);
                    ((Chunk::Zero(self.chunk_len), count - 1), Some(short))
                }
                ChunkRun::Zeros(count) => ((Chunk::Zero(self.chunk_len), count), None),
            };
            [Some(first), second].into_iter().flatten().filter(|(_, count)| *count > 0)
        })
    }

    fn push(&mut self, chunks: ChunkRun) {
        match (self.chunks.last_mut(), chunks) {
            (_, ChunkRun::Zeros(0)) => {}
            (Some(ChunkRun::Zeros(count)), ChunkRun::Zeros(more)) => *count += more,
            (_, chunks) => self.chunks.push(chunks),
        }
    }
}

/// Stores files in chunks of `chunk_size`: all that have contents and are neither encoded
/// nor stored in another way.
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
    store(plan, reader.tree, files.into_iter().zip(hashed), options, chunk_size)
}

/// The chunks of each of `files`.
pub(super) fn chunks(
    reader: Reader<'_>,
    files: &[File<'_>],
    chunk_len: u64,
) -> Result<Vec<FileChunks>> {
    let parts: Vec<Vec<FilePart<'_>>> =
        pool::try_map(files, Share::Usual, |file| parts(reader, *file, chunk_len))?;
    let parts: Vec<FilePart<'_>> = parts.into_iter().flatten().collect();
    let hashed: Vec<Vec<ChunkRun>> =
        pool::try_map(&parts, Share::Usual, |part| hash(reader, part, chunk_len))?;
    let mut hashed = parts.iter().zip(hashed).peekable();
    let chunks_of = |(id, content): &File<'_>| {
        let mut file = FileChunks { len: content.len(), chunk_len, chunks: Vec::new() };
        let mut end = 0;
        while let Some((part, chunks)) = hashed.next_if(|(part, _)| part.file.0 == *id) {
            file.push(ChunkRun::Zeros((part.start - end) / chunk_len));
            chunks.into_iter().for_each(|chunk| file.push(chunk));
            end = part.end;
        }
        file.push(ChunkRun::Zeros((content.len() - end).div_ceil(chunk_len)));
        file
    };
    Ok(files.iter().map(chunks_of).collect())
}

/// The parts of a file that have data, as far as its source knows. There are some million
/// at most, however long the file is.
fn parts<'a>(reader: Reader<'_>, file: File<'a>, chunk_len: u64) -> Result<Vec<FilePart<'a>>> {
    let (id, content) = file;
    let len = content.len();
    let part_len = FILE_PART_LEN.max(chunk_len).max((len / FILE_PARTS_MAX).next_power_of_two());
    let part = |start: u64| FilePart { file, start, end: (start + part_len).min(len) };
    if len <= part_len {
        return Ok(vec![part(0)]);
    }
    reader.with_open(id, content, |open| {
        let mut holes = Holes::of(open, len);
        let mut parts = Vec::new();
        let mut start = 0;
        while start < len && !reader.stop.is_set() {
            let data = holes.data_from(start)?;
            if data == len {
                break;
            }
            parts.push(part(data / part_len * part_len));
            start = parts.last().map_or(len, |part| part.end);
        }
        // If all is a hole, nothing else checks where the file ends.
        open.check_end()?;
        Ok(parts)
    })
}

/// Stores files in these chunks. Equal chunks are stored once.
pub(super) fn store<'a>(
    plan: &mut DataPlan,
    tree: &Tree,
    files: impl Iterator<Item = (File<'a>, FileChunks)>,
    options: &Options,
    chunk_size: ChunkSize,
) -> Result<()> {
    let chunk_len = chunk_size.bytes();
    let mut seen: HashMap<Chunk, u64> = HashMap::new();
    for ((id, content), hashed) in files {
        let mut map = ChunkMap::new(chunk_size.bits(), options.block_size);
        let mut start = 0;
        for (chunk, count) in hashed.runs() {
            let len = content.len().min(start + count * chunk_len) - start;
            if matches!(chunk, Chunk::Zero(_)) && options.holes {
                plan.hole_bytes = plan.hole_bytes.saturating_add(len);
                map.push(count, At::Hole);
            } else if let Some(block) = seen.get(&chunk) {
                plan.shared_bytes = plan.shared_bytes.saturating_add(len);
                map.push(count, At::Same(*block));
            } else {
                let stored = chunk_len.min(len);
                let block = plan.store(id, start, stored, options)?;
                seen.insert(chunk, block);
                plan.shared_bytes = plan.shared_bytes.saturating_add(len - stored);
                map.push(count, At::Same(block));
            }
            start += len;
        }
        plan.set_map(tree, id, map.merged(options.block_size))?;
    }
    Ok(())
}

fn hash(reader: Reader<'_>, part: &FilePart<'_>, chunk_len: u64) -> Result<Vec<ChunkRun>> {
    let (id, content) = part.file;
    reader.with_open(id, content, |open| {
        let mut holes = Holes::of(open, content.len());
        let mut chunks = Vec::new();
        let step = STEP.min(chunk_len);
        let mut buf = vec![0; to_usize(step.min(part.end - part.start))];
        let mut start = part.start;
        while start < part.end && !reader.stop.is_set() {
            let hole = (holes.data_from(start)?.min(part.end) - start) / chunk_len;
            if hole > 0 {
                chunks.push(ChunkRun::Zeros(hole));
                start += hole * chunk_len;
                continue;
            }
            let end = start.saturating_add(chunk_len).min(part.end);
            chunks.push(hash_chunk(reader, &mut holes, start..end, step, &mut buf)?);
            start = end;
        }
        // Chunks that are stored already are not read again, so this is checked here.
        if part.end == content.len() {
            open.check_end()?;
        }
        Ok(chunks)
    })
}

/// Hashes the bytes of `range`, a step at a time. Steps of zeros are left out: they cost
/// no hashing, and in a hole no reading.
fn hash_chunk(
    reader: Reader<'_>,
    holes: &mut Holes<'_>,
    range: Range<u64>,
    step: u64,
    buf: &mut [u8],
) -> io::Result<ChunkRun> {
    let mut hasher: Option<blake3::Hasher> = None;
    let mut offset = range.start;
    while offset < range.end && !reader.stop.is_set() {
        let data = holes.data_from(offset)?.min(range.end);
        // Steps begin at fixed places of the chunk, wherever its holes are.
        offset += (data - offset) / step * step;
        if data == range.end {
            break;
        }
        let part = &mut buf[..to_usize(step.min(range.end - offset))];
        holes.open.read_exact_at(part, offset)?;
        if !all_zero(part) {
            // The offset tells these bytes from the same ones among other zeros.
            let hasher = hasher.get_or_insert_with(blake3::Hasher::new);
            hasher.update(&(offset - range.start).to_le_bytes());
            hasher.update(part);
        }
        offset += to_u64(part.len());
    }
    let len = range.end - range.start;
    Ok(match hasher {
        Some(hasher) => ChunkRun::Data(*hasher.finalize().as_bytes(), len),
        None => ChunkRun::Zeros(1),
    })
}

/// Whether all bytes are zero.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    // In runs of a fixed length the compiler compares whole registers.
    let runs = bytes.chunks_exact(64);
    let rest = runs.remainder();
    runs.into_iter().all(|run| *run == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
