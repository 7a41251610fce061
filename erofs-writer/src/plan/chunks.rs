//! Files stored in chunks, of which equal ones are stored once.

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

/// How much is read at a time.
const STEP: u64 = 1024 * 1024;
/// How much of a file one worker hashes.
const SEGMENT_LEN: u64 = 4 * 1024 * 1024;
/// No file is cut into more segments.
const SEGMENTS_MAX: u64 = 1 << 22;

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

/// Chunks of a file, one behind the other.
#[derive(Debug)]
enum Piece {
    /// So many that are all zeros. The last one of a file may be shorter.
    Zeros(u64),
    /// One that is not, with its length.
    Data(Digest, u64),
}

/// All chunks of a file. What is zeros takes no memory, however long it is.
#[derive(Debug)]
pub(super) struct FileChunks {
    len: u64,
    chunk_len: u64,
    chunks: Vec<Piece>,
}

impl FileChunks {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.len.div_ceil(self.chunk_len)
    }

    /// Each chunk with how often it comes one behind the other, which only
    /// zeros do here.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Chunk, u64)> + '_ {
        let tail = self.len % self.chunk_len;
        let last = self.chunks.len().saturating_sub(1);
        self.chunks.iter().enumerate().flat_map(move |(index, chunks)| {
            let (first, second) = match *chunks {
                Piece::Data(digest, len) => ((Chunk::Data(digest, len), 1), None),
                Piece::Zeros(count) if index == last && tail > 0 => {
                    let short = (Chunk::Zero(tail), 1);
                    ((Chunk::Zero(self.chunk_len), count - 1), Some(short))
                }
                Piece::Zeros(count) => ((Chunk::Zero(self.chunk_len), count), None),
            };
            [Some(first), second].into_iter().flatten().filter(|(_, count)| *count > 0)
        })
    }

    fn push(&mut self, chunks: Piece) {
        match (self.chunks.last_mut(), chunks) {
            (_, Piece::Zeros(0)) => {}
            (Some(Piece::Zeros(count)), Piece::Zeros(more)) => *count += more,
            (_, chunks) => self.chunks.push(chunks),
        }
    }
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
    store(plan, reader.tree, files.into_iter().zip(hashed), options, chunk_size)
}

/// The chunks of each of `files`.
pub(super) fn chunks(
    reader: Reader<'_>,
    files: &[File<'_>],
    chunk_len: u64,
) -> Result<Vec<FileChunks>> {
    let segments: Vec<Vec<Segment<'_>>> =
        pool::try_map(files, Share::Usual, |file| segments(reader, *file, chunk_len))?;
    let segments: Vec<Segment<'_>> = segments.into_iter().flatten().collect();
    let hashed: Vec<Vec<Piece>> =
        pool::try_map(&segments, Share::Usual, |part| hash(reader, part, chunk_len))?;
    let mut hashed = segments.iter().zip(hashed).peekable();
    let chunks_of = |(id, content): &File<'_>| {
        let mut file = FileChunks { len: content.len(), chunk_len, chunks: Vec::new() };
        let mut end = 0;
        while let Some((segment, chunks)) = hashed.next_if(|(segment, _)| segment.file.0 == *id) {
            file.push(Piece::Zeros((segment.start - end) / chunk_len));
            chunks.into_iter().for_each(|chunk| file.push(chunk));
            end = segment.end;
        }
        file.push(Piece::Zeros((content.len() - end).div_ceil(chunk_len)));
        file
    };
    Ok(files.iter().map(chunks_of).collect())
}

/// The parts of a file that have data, as far as its source knows. There are no
/// more than some million, however long it is.
fn segments<'a>(reader: Reader<'_>, file: File<'a>, chunk_len: u64) -> Result<Vec<Segment<'a>>> {
    let (id, content) = file;
    let len = content.len();
    let segment_len = SEGMENT_LEN.max(chunk_len).max((len / SEGMENTS_MAX).next_power_of_two());
    let segment = |start: u64| Segment { file, start, end: (start + segment_len).min(len) };
    if len <= segment_len {
        return Ok(vec![segment(0)]);
    }
    reader.with_open(id, content, |open| {
        let mut holes = Holes::of(open, len);
        let mut segments = Vec::new();
        let mut start = 0;
        while start < len && !reader.stop.is_set() {
            let data = holes.data_from(start)?;
            if data == len {
                break;
            }
            segments.push(segment(data / segment_len * segment_len));
            start = segments.last().map_or(len, |segment| segment.end);
        }
        // Where all is a hole, nobody else looks.
        open.check_end()?;
        Ok(segments)
    })
}

/// Stores files in these chunks, each that differs once.
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

fn hash(reader: Reader<'_>, part: &Segment<'_>, chunk_len: u64) -> Result<Vec<Piece>> {
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
                chunks.push(Piece::Zeros(hole));
                start += hole * chunk_len;
                continue;
            }
            let end = start.saturating_add(chunk_len).min(part.end);
            chunks.push(hash_chunk(reader, &mut holes, start..end, step, &mut buf)?);
            start = end;
        }
        // Chunks that are stored already will not be read again.
        if part.end == content.len() {
            open.check_end()?;
        }
        Ok(chunks)
    })
}

/// Hashes the bytes of `range`, a step at a time. What is all zeros is left out,
/// so that it costs no hashing, and if it is a hole no reading.
fn hash_chunk(
    reader: Reader<'_>,
    holes: &mut Holes<'_>,
    range: Range<u64>,
    step: u64,
    buf: &mut [u8],
) -> io::Result<Piece> {
    let mut hasher: Option<blake3::Hasher> = None;
    let mut offset = range.start;
    while offset < range.end && !reader.stop.is_set() {
        let data = holes.data_from(offset)?.min(range.end);
        // Steps are counted from the start of the chunk.
        offset += (data - offset) / step * step;
        if data == range.end {
            break;
        }
        let part = &mut buf[..to_usize(step.min(range.end - offset))];
        holes.open.read_exact_at(part, offset)?;
        if !all_zero(part) {
            // Where it is tells it from the same bytes among other zeros.
            let hasher = hasher.get_or_insert_with(blake3::Hasher::new);
            hasher.update(&(offset - range.start).to_le_bytes());
            hasher.update(part);
        }
        offset += to_u64(part.len());
    }
    let len = range.end - range.start;
    Ok(match hasher {
        Some(hasher) => Piece::Data(*hasher.finalize().as_bytes(), len),
        None => Piece::Zeros(1),
    })
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
