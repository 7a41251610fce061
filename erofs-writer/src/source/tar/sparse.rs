//! Sparse files, of which an archive has only some runs. Between the runs are zeros.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Change, TarErrorKind, Unreadable};
use crate::format::{to_u64, to_usize};
use crate::source::tar::header::{BLOCK_LEN, Block, number};
use crate::source::tar::pax::decimal;
use crate::tree::device::{self, Device, Scattered};
use crate::tree::{Content, ReadAt};

/// The offset of a run in the file, and its length, in bytes.
type Run = (u64, u64);

/// The most chunks of all sparse files of an index. With more, the index has over 128
/// MiB, and most likely the files have no contents.
pub(super) const CHUNKS_MAX: u64 = 1 << 24;

/// The runs of a file, as the archive lists them.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) runs: Vec<Run>,
}

impl Map {
    /// A map from offsets and lengths in turn.
    pub(super) fn from_numbers(numbers: &[u64]) -> Result<Self, TarErrorKind> {
        let pairs = numbers.chunks_exact(2);
        match pairs.remainder() {
            [] => Ok(Map { runs: pairs.map(|pair| (pair[0], pair[1])).collect() }),
            _ => Err(TarErrorKind::Sparse),
        }
    }

    /// A map from numbers with commas between them, as in `GNU.sparse.map`.
    pub(super) fn from_list(list: &[u8]) -> Result<Self, TarErrorKind> {
        if list.is_empty() {
            return Ok(Map::default());
        }
        let numbers = list.split(|byte| *byte == b',').map(decimal).collect::<Option<Vec<u64>>>();
        Map::from_numbers(&numbers.ok_or(TarErrorKind::Sparse)?)
    }

    /// Adds the runs of an old GNU header, at most four. Returns whether a block with
    /// more follows, and the length of the file.
    pub(super) fn add_header(&mut self, block: &Block) -> Result<(bool, u64), TarErrorKind> {
        let has_more = self.add_entries(&block[386..483])?;
        Ok((has_more, old_number(&block[483..495])?))
    }

    /// Adds the runs of a block that follows an old GNU header. Returns whether one
    /// more follows.
    pub(super) fn add_block(&mut self, block: &Block) -> Result<bool, TarErrorKind> {
        self.add_entries(&block[..505])
    }

    /// Adds runs from entries of an offset and a length. Returns whether there are
    /// more.
    fn add_entries(&mut self, entries: &[u8]) -> Result<bool, TarErrorKind> {
        let (has_more, entries) = entries.split_last().ok_or(TarErrorKind::Sparse)?;
        for entry in entries.chunks_exact(24).filter(|entry| entry[0] != 0) {
            let (offset, len) = entry.split_at(12);
            self.runs.push((old_number(offset)?, old_number(len)?));
        }
        Ok(*has_more != 0)
    }

    /// The runs that are not empty, each with its place in the archive. The first one
    /// is at `start`, and each further one follows the one before.
    pub(super) fn placed(&self, start: u64) -> impl Iterator<Item = (Run, u64)> + '_ {
        let mut next = start;
        let runs = self.runs.iter().filter(|(_, len)| *len > 0);
        runs.map(move |run| {
            let at = next;
            next += run.1;
            (*run, at)
        })
    }

    /// A file of `len` bytes with these runs, which stay in the archive, the first one
    /// at `start`. The number of its chunks is subtracted from `chunks_left`.
    pub(super) fn on_device(
        &self,
        device: Arc<Device>,
        start: u64,
        len: u64,
        chunks_left: &mut u64,
    ) -> Result<Content, TarErrorKind> {
        let runs =
            self.placed(start).map(|((offset, len), pos)| device::DeviceRun { offset, len, pos });
        let runs: Vec<device::DeviceRun> = runs.collect();
        let bits = device::chunk_bits(&runs, len);
        let is_aligned = runs.iter().all(|run| run.pos % to_u64(BLOCK_LEN) == 0);
        // A file shorter than a block must be one chunk: a single run, or all zeros.
        let is_whole = runs.iter().all(|run| run.offset == 0 && run.len == len);
        let edges_are = is_whole || 1_u64 << bits >= to_u64(BLOCK_LEN);
        let left = chunks_left.checked_sub(len >> bits);
        let (true, true, Some(left)) = (is_aligned, edges_are, left) else {
            return Err(TarErrorKind::SparseIndex);
        };
        *chunks_left = left;
        let in_file = |(file, at): &(Arc<File>, u64)| -> Box<dyn ReadAt> {
            Box::new(SparseFile::new(file.clone(), at + start, len, self))
        };
        let reader = device.readable().map(in_file);
        Ok(Content::scattered(len, Scattered { device, runs, reader }))
    }

    /// Checks that the runs are in order, do not overlap, end at or before `len`, and
    /// have `stored` bytes in all.
    pub(super) fn check(&self, len: u64, stored: u64) -> Result<(), TarErrorKind> {
        let (mut end, mut sum) = (0, 0_u64);
        for (offset, run) in &self.runs {
            let next = offset.checked_add(*run).filter(|next| *offset >= end && *next <= len);
            end = next.ok_or(TarErrorKind::Sparse)?;
            sum += run;
        }
        if sum == stored { Ok(()) } else { Err(TarErrorKind::Sparse) }
    }
}

fn old_number(field: &[u8]) -> Result<u64, TarErrorKind> {
    number(field).and_then(|number| u64::try_from(number).ok()).ok_or(TarErrorKind::Sparse)
}

/// The contents of a sparse file.
#[derive(Debug)]
pub(super) struct SparseFile {
    file: Arc<File>,
    len: u64,
    /// The runs that are not empty, each with its place in `file`.
    runs: Vec<(Run, u64)>,
}

impl SparseFile {
    /// A file of `len` bytes. Its runs are contiguous in `file`, and the first one is
    /// at `start`.
    pub(super) fn new(file: Arc<File>, start: u64, len: u64, map: &Map) -> Self {
        SparseFile { file, len, runs: map.placed(start).collect() }
    }
}

impl ReadAt for SparseFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buf.len().min(left);
        let index = self.runs.partition_point(|((start, len), _)| start + len <= offset);
        match self.runs.get(index) {
            Some(((start, len), at)) if *start <= offset => {
                let within = offset - start;
                let wanted = to_u64(wanted).min(len - within);
                match self.file.read_at(&mut buf[..to_usize(wanted)], at + within)? {
                    // The archive has become shorter.
                    0 if wanted > 0 => {
                        let length = Change::Length { before: self.len, now: offset };
                        Err(Unreadable::Changed(length).into())
                    }
                    len => Ok(len),
                }
            }
            next => {
                let hole = next.map_or(u64::MAX, |((start, _), _)| start - offset);
                let wanted = to_usize(to_u64(wanted).min(hole));
                buf[..wanted].fill(0);
                Ok(wanted)
            }
        }
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let index = self.runs.partition_point(|((start, len), _)| start + len <= offset);
        let run = self.runs.get(index).map(|((start, len), _)| *start..start + len);
        Ok(run.unwrap_or(self.len..self.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_must_be_in_order_and_complete() {
        let map = |list: &[u8]| Map::from_list(list);
        let good = map(b"0,3,5,2,9,0").expect("pairs");
        assert_eq!(good.check(9, 5), Ok(()));
        assert_eq!(good.check(8, 5), Err(TarErrorKind::Sparse));
        assert_eq!(good.check(9, 6), Err(TarErrorKind::Sparse));
        assert_eq!(map(b"5,2,0,3").expect("pairs").check(9, 5), Err(TarErrorKind::Sparse));
        assert_eq!(map(b"").expect("none").check(9, 0), Ok(()));
        let huge = map(b"1,18446744073709551615").expect("a pair");
        assert_eq!(huge.check(u64::MAX, u64::MAX), Err(TarErrorKind::Sparse));
        assert!(map(b"0,3,5").is_err() && map(b"0,").is_err() && map(b"a,b").is_err());
    }
}
