//! Encoded extents: a record for each extent of a compressed file, in place of
//! an index with an entry for each block (Linux 6.15).
//!
//! Records of 4 and of 8 bytes do not say where an extent begins in the file. They are
//! for encoders that take the same number of bytes into each extent, and are not used
//! here.

use zerocopy::{FromZeros, IntoBytes};

use crate::encode::Compressed;
use crate::format::compression::{
    ADVISE_EXTENTS, ADVISE_EXTRECSZ_16, ADVISE_EXTRECSZ_32, ADVISE_FRAGMENT_PCLUSTER,
    ADVISE_INTERLACED_PCLUSTER, ExtentsHeader, MAP_HEADER_LEN,
};
use crate::format::index::{
    EXTENT_PLEN_FMT_BIT, EXTENT_PLEN_PARTIAL, EXTENT_RECORD_LEN, ExtentRecord,
    SHORT_EXTENT_RECORD_LEN,
};
use crate::format::{checked_u32, high_bits, low_half, round_up, to_u64, to_usize};

/// The records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Records {
    count: u64,
    /// Whether some extent begins at a byte of the file that does not fit into 32 bits.
    long: bool,
}

impl Records {
    /// The records of `file`, which has `size` bytes, if it can have some. There are
    /// none for an inline pcluster.
    pub(super) fn of(file: &Compressed, size: u64) -> Option<Self> {
        if file.inline().is_some() {
            return None;
        }
        let count = to_u64(file.extents.len()) + u64::from(file.fragment().is_some());
        Some(Records { count, long: u32::try_from(size).is_err() })
    }

    fn record_len(self) -> u64 {
        if self.long { EXTENT_RECORD_LEN } else { SHORT_EXTENT_RECORD_LEN }
    }

    /// Where they end, if the header is at `start`. Only the place within 32 bytes
    /// matters.
    pub(super) fn end(self, start: u64) -> u64 {
        let record_len = self.record_len();
        round_up(start + MAP_HEADER_LEN, record_len) + record_len * self.count
    }

    /// Appends header and records of `file` to `out`, whose first byte is at a
    /// multiple of 32 of the image. That has so many blocks of so many bytes.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        file: &Compressed,
        size: u64,
        (block_len, image_blocks): (u64, u64),
        interlaced: bool,
    ) {
        let mut advise = ADVISE_EXTENTS;
        advise |= if self.long { ADVISE_EXTRECSZ_32 } else { ADVISE_EXTRECSZ_16 };
        if interlaced {
            advise |= ADVISE_INTERLACED_PCLUSTER;
        }
        if file.fragment().is_some() {
            advise |= ADVISE_FRAGMENT_PCLUSTER;
        }
        let header = ExtentsHeader {
            h_extents_lo: low_half(self.count).into(),
            h_advise: advise.into(),
            h_extents_hi: high_bits(self.count).into(),
        };
        out.extend_from_slice(header.as_bytes());
        out.resize(to_usize(round_up(to_u64(out.len()), self.record_len())), 0);
        let mut start = 0;
        for (number, extent) in file.extents.iter().enumerate() {
            let second = file.second.filter(|_| file.is_second(number));
            let algorithm = second.map_or(file.algorithm, |(_, algorithm)| algorithm);
            let mut plen = checked_u32(u64::from(extent.blocks) * block_len);
            if !extent.plain {
                plen |= u32::from(algorithm.number() + 1) << EXTENT_PLEN_FMT_BIT;
            }
            if extent.partial {
                plen |= EXTENT_PLEN_PARTIAL;
            }
            self.push(out, plen, u64::from(extent.address(image_blocks)) * block_len, start);
            start += u64::from(extent.len);
        }
        if let Some(fragment) = file.fragment() {
            self.push(out, low_half(fragment.at), fragment.at >> 32, start);
            start += fragment.len;
        }
        assert!(start == size, "extents have {start} bytes of a file of {size}");
    }

    fn push(self, out: &mut Vec<u8>, plen: u32, pstart: u64, lstart: u64) {
        let mut record = ExtentRecord::new_zeroed();
        record.plen = plen.into();
        record.pstart_lo = low_half(pstart).into();
        record.pstart_hi = checked_u32(pstart >> 32).into();
        record.lstart_lo = low_half(lstart).into();
        record.lstart_hi = checked_u32(lstart >> 32).into();
        out.extend_from_slice(&record.as_bytes()[..to_usize(self.record_len())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Extent, Fragment, PclusterOf, TailPlace};

    fn extent(len: u32, block: u32, blocks: u16) -> Extent {
        Extent { len, block, blocks, plain: false, partial: false, pcluster: PclusterOf::ThisPart }
    }

    #[test]
    fn records_tell_of_files_and_blocks_beyond_4_gib() {
        let file = Compressed {
            extents: vec![extent(u32::MAX, 0xffff_fff0, 2), extent(12 << 20, 7, 256)],
            tail: TailPlace::Fragment(Fragment { at: 0x12_3456_789a, len: 100 }),
            ..Compressed::default()
        };
        let size = u64::from(u32::MAX) + (12 << 20) + 100;
        let records = Records::of(&file, size).expect("it can have some");
        let mut out = vec![0; 64];
        records.write(&mut out, &file, size, (4096, 0), false);
        assert_eq!(to_u64(out.len()), records.end(64));
        assert_eq!(out[64..72], [3, 0, 0, 0, 0x27, 0, 0, 0]);
        assert_eq!(out[72..96], [0; 24]);
        let word = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().expect("4 bytes"));
        let record = |at: usize| [0, 4, 8, 12, 16].map(|field| word(at + field));
        assert_eq!(record(96), [0x1000_2000, 0xffff_0000, 0xfff, 0, 0]);
        assert_eq!(record(128), [0x1010_0000, 0x7000, 0, u32::MAX, 0]);
        assert_eq!(record(160), [0x3456_789a, 0x12, 0, (12 << 20) - 1, 1]);
        assert_eq!(out.len(), 192);
    }

    #[test]
    fn records_begin_at_multiples_of_their_length() {
        let extents = vec![extent(5000, 1, 1); 3];
        let file = Compressed { extents, ..Compressed::default() };
        let records = Records::of(&file, 15_000).expect("it can have some");
        for (start, end) in [(32, 48 + 48), (40, 48 + 48), (64, 80 + 48), (88, 96 + 48)] {
            assert_eq!(records.end(start), end);
            let mut out = vec![0; to_usize(start)];
            records.write(&mut out, &file, 15_000, (4096, 0), true);
            assert_eq!(to_u64(out.len()), end);
            assert_eq!(out[to_usize(start) + 4], 0x15);
        }
    }
}
