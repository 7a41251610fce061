//! Long runs of zeros in large files, which become holes.
//!
//! The result must be the same whether zeros are holes on the host or not, so
//! the host's holes only save reading. Elsewhere a look at the start of each
//! granule rules nearly all of them out; a granule is read whole only if it
//! starts with zeros.

use rayon::prelude::*;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::options::Options;
use crate::plan::chunks::{self, ChunkMap, HOLE};
use crate::plan::hash::Reader;
use crate::plan::{DataPlan, Order, files};
use crate::tree::{Content, InodeId, LengthChanged, OpenContent};

/// Files below this are not looked at.
const MIN_LEN: u64 = 1024 * 1024;
/// Holes are whole granules of at least this.
const MIN_GRANULE: u64 = 64 * 1024;
/// A granule is larger where a map would get more entries than this.
const MAX_ENTRIES: u64 = 1024 * 1024;
/// How much of a granule is looked at first.
const SAMPLE: u64 = 512;

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
    let found: Vec<Vec<bool>> = candidates
        .par_iter()
        .map(|(id, content)| {
            reader.with_open(*id, content, |open| zero_granules(open, content.len()))
        })
        .collect::<Result<_>>()?;
    for ((id, content), zeros) in candidates.into_iter().zip(found) {
        let granule = granule(content.len());
        let hole_bytes = to_u64(zeros.iter().filter(|zero| **zero).count()) * granule;
        // A map must cost clearly less than it saves.
        if hole_bytes <= 16 * to_u64(zeros.len()) {
            continue;
        }
        let mut chunks = Vec::with_capacity(zeros.len());
        for (zero, start) in zeros.into_iter().zip((0..).step_by(to_usize(granule))) {
            let len = granule.min(content.len() - start);
            if zero {
                plan.hole_bytes += len;
                chunks.push(HOLE);
            } else {
                chunks.push(plan.store(id, start, len, options)?);
            }
        }
        let bits = u8::try_from(granule.trailing_zeros()).expect("below 64");
        plan.set_map(id, ChunkMap::new(chunks, bits, options.block_size))?;
    }
    Ok(())
}

/// The length of the granules of a file of `len` bytes: a power of two.
fn granule(len: u64) -> u64 {
    len.div_ceil(MAX_ENTRIES).next_power_of_two().max(MIN_GRANULE)
}

/// For each granule, whether it is all zeros.
fn zero_granules(
    open: &OpenContent<'_>,
    len: u64,
) -> std::io::Result<Result<Vec<bool>, LengthChanged>> {
    if !open.ends_at_len()? {
        return Ok(Err(LengthChanged));
    }
    let granule = granule(len);
    let mut buf = vec![0; to_usize(MIN_GRANULE)];
    let mut zeros = Vec::with_capacity(to_usize(len.div_ceil(granule)));
    // Everything before this is known to be a hole.
    let mut data_from = 0;
    let mut start = 0;
    while start < len {
        let end = (start + granule).min(len);
        if data_from < end {
            data_from = next_data(open, start, len)?;
        }
        let zero = data_from >= end
            || match is_zero(open, start.max(data_from), end, &mut buf)? {
                Ok(zero) => zero,
                Err(changed) => return Ok(Err(changed)),
            };
        zeros.push(zero);
        start = end;
    }
    Ok(Ok(zeros))
}

/// Where the next byte that the host stores lies, at `offset` or after it.
fn next_data(open: &OpenContent<'_>, offset: u64, len: u64) -> std::io::Result<u64> {
    let Some((file, base)) = open.as_file() else {
        return Ok(offset);
    };
    match seek(file, SeekFrom::Data(base + offset)) {
        Ok(pos) => Ok(pos.saturating_sub(base).clamp(offset, len)),
        Err(Errno::NXIO) => Ok(len),
        // A file system that cannot tell stores every byte, so far as we know.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(offset),
        Err(error) => Err(error.into()),
    }
}

/// Whether the bytes from `start` to `end` are all zero.
fn is_zero(
    open: &OpenContent<'_>,
    start: u64,
    end: u64,
    buf: &mut [u8],
) -> std::io::Result<Result<bool, LengthChanged>> {
    let mut offset = start;
    let mut step = SAMPLE;
    while offset < end {
        let part = &mut buf[..to_usize(step.min(end - offset))];
        if let Err(changed) = open.read_exact_at(part, offset)? {
            return Ok(Err(changed));
        }
        if !chunks::all_zero(part) {
            return Ok(Ok(false));
        }
        offset += to_u64(part.len());
        step = MIN_GRANULE;
    }
    Ok(Ok(true))
}
