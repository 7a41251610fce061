//! Long runs of zeros in large files, which become holes.
//!
//! The result must be the same whether zeros are holes on the host or not, so the host's
//! holes only save reading. Elsewhere the start of each granule is read first, which
//! rules nearly all of them out. A granule is read whole only if it starts with zeros.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use crate::error::{Error, Result, TreeErrorKind};
use crate::format::algorithm::Algorithm;
use crate::format::chunk::{CHUNK_BITS_MAX, ChunkIndex};
use crate::format::{to_u64, to_usize};
use crate::options::{FileCodec, Options};
use crate::plan::chunk_map::{At, ChunkMap};
use crate::plan::chunks;
use crate::plan::codecs::Codecs;
use crate::plan::layout::DataPlan;
use crate::pool::{self, Share};
use crate::shape::{Order, compressed_len_max, files};
use crate::tree::{Content, Holes, InodeId, OpenContent, Reader};

/// Files shorter than this are not searched for zeros.
const MIN_LEN: u64 = 1024 * 1024;
/// Where files are compressed, files with more data than one part in this many are not
/// looked at: they are hardly ever smaller with holes.
const SPARSE_PART: u64 = 128;
/// What zeros take when they are compressed, with their index: one byte for so many of
/// them if that is done by LZ4 ...
const LZ4_ZEROS: u64 = 200;
/// ... and by others.
const OTHER_ZEROS: u64 = 700;
/// How many bytes are zeros or data together, where it is known what is compressed away.
const PIECE: usize = 4096;
/// The shortest granule, in bytes. Holes are whole granules.
const MIN_GRANULE: u64 = 64 * 1024;
/// Granules are longer where a map would get more entries than this ...
const MAX_ENTRIES: u64 = 1024 * 1024;
/// ... but no longer than this. The chunks of files over 16 TiB may be longer.
const MAX_GRANULE: u64 = 16 * 1024 * 1024;
/// How many bytes of zeros may be stored because chunks are so long. If there is more
/// data than this, as many as there are of data.
const PADDING_MAX: u64 = 1 << 30;
/// How many bytes of a granule are read first.
const SAMPLE: u64 = 512;

/// The granules of a file that are not all zeros, counted from its start.
#[derive(Debug)]
pub(super) struct Granules {
    /// log2 of their length.
    bits: u8,
    runs: Vec<Range<u64>>,
    /// How many granules are in the runs.
    count: u64,
}

/// Files that are stored with holes, and not compressed.
pub(crate) type Sparse = HashMap<InodeId, Granules>;

/// Finds the files with holes and gives them chunk maps.
pub(crate) fn plan(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    order: &Order,
    options: &Options,
) -> Result<()> {
    let candidates: Vec<(InodeId, &Content)> = files(reader.tree, order)
        .filter(|(id, content)| content.len() >= MIN_LEN && plan.is_open(*id))
        .collect();
    let found = survey(reader, &candidates, |_| u64::MAX)?;
    for ((id, content), granules) in candidates.into_iter().zip(found) {
        let granules = granules.expect("there is no limit");
        if granules.pay(content.len()) {
            store(plan, reader, id, content.len(), &granules, options)?;
        }
    }
    Ok(())
}

/// Finds the files that are so sparse, or so long, that they are better stored
/// with holes than compressed.
pub(crate) fn sparse(
    reader: Reader<'_>,
    order: &Order,
    codecs: &Codecs,
    options: &Options,
) -> Result<Sparse> {
    let len_max = compressed_len_max(options);
    let candidates: Vec<(InodeId, &Content)> = files(reader.tree, order)
        .filter(|(_, content)| content.len() >= MIN_LEN && content.device().is_none())
        .collect();
    let most = |len: u64| match len > len_max {
        true => u64::MAX,
        false => len.div_ceil(granule(len)) / SPARSE_PART,
    };
    let found = survey(reader, &candidates, most)?;
    let mut sparse = Sparse::new();
    for ((id, content), granules) in candidates.into_iter().zip(found) {
        let Some(granules) = granules.filter(|granules| granules.pay(content.len())) else {
            continue;
        };
        let is_longer = |codec| compressed_is_longer(reader, id, content, codec, &granules);
        let codec = codecs.of(id).filter(|_| content.len() <= len_max);
        if codec.map_or(Ok(true), is_longer)? {
            sparse.insert(id, granules);
        }
    }
    Ok(sparse)
}

/// Whether a file takes more room if it is compressed than with holes. Its data may shrink
/// a little.
fn compressed_is_longer(
    reader: Reader<'_>,
    id: InodeId,
    content: &Content,
    codec: FileCodec,
    granules: &Granules,
) -> Result<bool> {
    let len = content.len();
    let mut data = 0;
    for run in &granules.runs {
        let bytes = run.start << granules.bits..len.min(run.end << granules.bits);
        reader.steps(id, content, bytes, MIN_GRANULE, false, |_, step| {
            let pieces = step.chunks(PIECE).filter(|piece| !chunks::all_zero(piece));
            data += pieces.map(|piece| to_u64(piece.len())).sum::<u64>();
        })?;
    }
    let zeros = match codec.codec.algorithm() {
        Algorithm::Lz4 => LZ4_ZEROS,
        _ => OTHER_ZEROS,
    };
    let compressed = (len - data) / zeros + data / 4 * 3;
    let map = len.div_ceil(1 << granules.bits) * to_u64(size_of::<ChunkIndex>());
    let stored = (granules.count << granules.bits).min(len) + map;
    Ok(granules.count == 0 || stored < compressed)
}

/// Gives the files in `sparse` that have no other layout yet their chunk maps.
pub(super) fn store_sparse(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    order: &Order,
    sparse: &Sparse,
    options: &Options,
) -> Result<()> {
    for (id, content) in files(reader.tree, order) {
        if let Some(granules) = sparse.get(&id).filter(|_| plan.is_open(id)) {
            store(plan, reader, id, content.len(), granules, options)?;
        }
    }
    Ok(())
}

/// The granules of each file that are not all zeros; `None` if there are more than `most`
/// says for its length.
fn survey(
    reader: Reader<'_>,
    files: &[(InodeId, &Content)],
    most: impl Fn(u64) -> u64 + Sync,
) -> Result<Vec<Option<Granules>>> {
    let look = |(id, content): &(InodeId, &Content)| {
        let len = content.len();
        reader.with_open(*id, content, |open| data_granules(reader, open, len, most(len)))
    };
    pool::try_map(files, Share::Usual, look)
}

/// The length of the granules of a file of `len` bytes: a power of two.
fn granule(len: u64) -> u64 {
    len.div_ceil(MAX_ENTRIES).next_power_of_two().clamp(MIN_GRANULE, MAX_GRANULE)
}

impl Granules {
    /// Whether the map of a file of `len` bytes costs clearly less than it
    /// saves.
    fn pay(&self, len: u64) -> bool {
        let all = len.div_ceil(1 << self.bits);
        u128::from(all - self.count) << self.bits > 16 * u128::from(all)
    }

    fn add(&mut self, granule: u64) {
        self.count += 1;
        match self.runs.last_mut() {
            Some(run) if run.end == granule => run.end += 1,
            _ => self.runs.push(granule..granule + 1),
        }
    }

    /// The runs in chunks of 2^`bits` bytes, which are no shorter than the granules.
    fn in_chunks(&self, bits: u8) -> Vec<Range<u64>> {
        let shift = bits - self.bits;
        let mut runs: Vec<Range<u64>> = Vec::new();
        for run in &self.runs {
            let (start, end) = (run.start >> shift, ((run.end - 1) >> shift) + 1);
            match runs.last_mut() {
                Some(last) if start <= last.end => last.end = end,
                _ => runs.push(start..end),
            }
        }
        runs
    }
}

/// Gives a file of `len` bytes its chunk map.
fn store(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    id: InodeId,
    len: u64,
    granules: &Granules,
    options: &Options,
) -> Result<()> {
    let (bits, runs) = chunks_of(len, granules, options).map_err(|stored| {
        let kind = TreeErrorKind::TooSparse { len, stored };
        Error::tree(reader.tree.path_of(id), kind)
    })?;
    let mut map = ChunkMap::new(bits, options.block_size);
    let mut end = 0;
    let mut stored_len = 0;
    for run in runs {
        map.push(run.start - end, At::Hole);
        let start = run.start << bits;
        let run_len = len.min(run.end << bits) - start;
        let block = plan.store(id, start, run_len, options)?;
        map.push(run.end - run.start, At::Blocks(block));
        stored_len += run_len;
        end = run.end;
    }
    map.push(len.div_ceil(1 << bits) - end, At::Hole);
    plan.hole_bytes = plan.hole_bytes.saturating_add(len - stored_len);
    plan.set_map(reader.tree, id, map.merged(options.block_size))
}

/// The chunks of a file: log2 of their length, and the runs of those that are stored.
///
/// In files over 16 TiB their length is the one for which the map and the stored bytes
/// take the least together. If too many zeros would be stored even so, the error is the
/// number of stored bytes.
fn chunks_of(
    len: u64,
    granules: &Granules,
    options: &Options,
) -> Result<(u8, Vec<Range<u64>>), u64> {
    let cost = |bits: u8| {
        let runs = granules.in_chunks(bits);
        let stored: u64 =
            runs.iter().map(|run| len.min(run.end << bits) - (run.start << bits)).sum();
        // A map of one hole is merged into one chunk.
        let chunks = if runs.is_empty() { 1 } else { len.div_ceil(1 << bits) };
        (stored.saturating_add(chunks * to_u64(size_of::<ChunkIndex>())), stored, bits, runs)
    };
    let longest = u32::from(options.block_size.bits()) + CHUNK_BITS_MAX;
    let longest = u8::try_from(longest).expect("at most 47");
    let bits_max = if len > MAX_ENTRIES * MAX_GRANULE { longest } else { granules.bits };
    let (_, stored, bits, runs) = (granules.bits..=bits_max.max(granules.bits))
        .map(cost)
        .min_by_key(|(cost, ..)| *cost)
        .expect("there is one");
    let data = granules.count << granules.bits;
    match stored > data.saturating_add(data.max(PADDING_MAX)) {
        true => Err(stored),
        false => Ok((bits, runs)),
    }
}

/// The granules that are not all zeros; `None` if there are more than `most`.
fn data_granules(
    reader: Reader<'_>,
    open: &OpenContent<'_>,
    len: u64,
    most: u64,
) -> io::Result<Option<Granules>> {
    open.check_end()?;
    let granule = granule(len);
    let bits = u8::try_from(granule.trailing_zeros()).expect("below 64");
    let mut granules = Granules { bits, runs: Vec::new(), count: 0 };
    let mut buf = vec![0; to_usize(MIN_GRANULE)];
    let mut holes = Holes::of(open, len);
    let mut start = 0;
    while start < len && !reader.stop.is_set() {
        let data = holes.data_from(start)?;
        if data == len {
            break;
        }
        start = data / granule * granule;
        let end = (start + granule).min(len);
        match is_zero(&mut holes, data..end, &mut buf)? {
            true => {}
            false if granules.count == most => return Ok(None),
            false => granules.add(start / granule),
        }
        start = end;
    }
    Ok(Some(granules))
}

/// Whether these bytes are all zero.
fn is_zero(holes: &mut Holes<'_>, bytes: Range<u64>, buf: &mut [u8]) -> io::Result<bool> {
    let mut offset = bytes.start;
    let mut step = SAMPLE;
    loop {
        offset = holes.data_from(offset)?;
        if offset >= bytes.end {
            return Ok(true);
        }
        let end = holes.data_end().min(bytes.end);
        let part = &mut buf[..to_usize(step.min(end - offset))];
        holes.open.read_exact_at(part, offset)?;
        if !chunks::all_zero(part) {
            return Ok(false);
        }
        offset += to_u64(part.len());
        step = MIN_GRANULE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granules(bits: u8, runs: &[Range<u64>]) -> Granules {
        let count = runs.iter().map(|run| run.end - run.start).sum();
        Granules { bits, runs: runs.to_vec(), count }
    }

    #[test]
    fn granules_grow_with_the_file_up_to_16_mib() {
        assert_eq!(granule(1), 64 << 10);
        assert_eq!(granule(64 << 30), 64 << 10);
        assert_eq!(granule((64 << 30) + 1), 128 << 10);
        assert_eq!(granule(16 << 40), 16 << 20);
        assert_eq!(granule(u64::MAX >> 1), 16 << 20);
    }

    #[test]
    fn chunks_of_huge_files_are_as_long_as_costs_least() {
        let options = Options::new();
        let run = |start: u64| start..start + 1;
        let one = granules(24, &[run(5)]);
        assert_eq!(chunks_of(16 << 40, &one, &options), Ok((24, vec![run(5)])));
        let (bits, runs) = chunks_of(1 << 50, &one, &options).expect("it can be stored");
        assert_eq!((bits, runs), (26, vec![run(1)]));
        // A chunk would be 4 GiB long.
        assert_eq!(chunks_of(1 << 62, &one, &options), Err(4 << 30));
        assert!(chunks_of(1 << 62, &granules(24, &[]), &options).is_ok());
        assert_eq!(granules(24, &[0..1, 3..4, 9..10]).in_chunks(26), [0..1, 2..3]);
        assert_eq!(granules(24, &[0..1, 3..5, 12..13]).in_chunks(26), [0..2, 3..4]);
    }
}
