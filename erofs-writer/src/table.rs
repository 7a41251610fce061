//! Tables that may follow an image: the header of one, and what stands in it.
//!
//! The superblock does not count them, so they are no part of the file system: whoever
//! reads the image passes over them. Numbers have 1 to 10 bytes, of seven bits each, the
//! lowest first.

use twox_hash::XxHash3_64;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::format::{to_u64, to_usize};

/// Another version of a table is none.
const VERSION: u32 = 1;

/// The header, before `len` bytes.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    len: U64,
    /// The XXH3 hash of these bytes.
    check: U64,
    version: U32,
    reserved: U32,
}

pub(crate) const HEADER_LEN: u64 = 32;
const _: () = assert!(size_of::<Header>() == 32);

/// A table that is written.
#[derive(Debug)]
pub(crate) struct TableWriter(Vec<u8>);

impl TableWriter {
    pub(crate) fn new() -> Self {
        TableWriter(vec![0; to_usize(HEADER_LEN)])
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn number(&mut self, value: u64) {
        let mut left = value;
        while left >= 0x80 {
            self.0.push(left.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        self.0.push(left.to_le_bytes()[0]);
    }

    /// The table with its header.
    pub(crate) fn finish(self, magic: [u8; 8]) -> Vec<u8> {
        let TableWriter(mut bytes) = self;
        let (_, payload) = bytes.split_at(to_usize(HEADER_LEN));
        let header = Header {
            magic,
            len: to_u64(payload.len()).into(),
            check: XxHash3_64::oneshot(payload).into(),
            version: VERSION.into(),
            reserved: 0.into(),
        };
        bytes[..to_usize(HEADER_LEN)].copy_from_slice(header.as_bytes());
        bytes
    }
}

/// How many bytes follow this header of a table with this magic number and at most `most`
/// bytes. `None` if it is none.
#[cfg(any(test, feature = "image"))]
pub(crate) fn len_after(header: &[u8], magic: [u8; 8], most: u64) -> Option<usize> {
    let header = Header::read_from_bytes(header).ok()?;
    let is_one = header.magic == magic && header.version.get() == VERSION;
    let len = header.len.get();
    (is_one && len <= most).then(|| to_usize(len))
}

/// The rest of a table that is read. Nothing is reserved for a number that it has: what is
/// counted takes bytes, which have to be there.
#[cfg(any(test, feature = "image"))]
#[derive(Debug)]
pub(crate) struct TableReader<'a>(&'a [u8]);

#[cfg(any(test, feature = "image"))]
impl<'a> TableReader<'a> {
    /// A reader of a table, which begins with its header. `None` if it is damaged.
    pub(crate) fn new(table: &'a [u8]) -> Option<Self> {
        let (header, rest) = table.split_at_checked(to_usize(HEADER_LEN))?;
        let header = Header::read_from_bytes(header).ok()?;
        let is_whole = to_u64(rest.len()) == header.len.get();
        let is_right = is_whole && XxHash3_64::oneshot(rest) == header.check.get();
        is_right.then_some(TableReader(rest))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.bytes()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"a table!";

    #[test]
    fn what_is_written_is_read() {
        let numbers = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::MAX >> 1, u64::MAX];
        let mut writer = TableWriter::new();
        writer.bytes(b"abc");
        numbers.iter().for_each(|number| writer.number(*number));
        let table = writer.finish(MAGIC);
        let header = &table[..32];
        assert_eq!(len_after(header, MAGIC, 1000), Some(table.len() - 32));
        assert_eq!(len_after(header, MAGIC, 10), None);
        assert_eq!(len_after(header, *b"another!", 1000), None);
        let mut reader = TableReader::new(&table).expect("is whole");
        assert_eq!(reader.bytes(), Some(*b"abc"));
        assert!(numbers.iter().all(|number| reader.number() == Some(*number)));
        assert!(reader.is_empty() && reader.number().is_none() && reader.bytes::<1>().is_none());
    }

    #[test]
    fn damage_is_found() {
        let mut writer = TableWriter::new();
        writer.bytes(b"abcdefgh");
        let table = writer.finish(MAGIC);
        let is_good = |table: &[u8]| {
            let header = table.get(..32).and_then(|header| len_after(header, MAGIC, 1000));
            header.is_some_and(|len| len == 8) && TableReader::new(table).is_some()
        };
        assert!(is_good(&table));
        for at in 0..table.len() {
            let mut damaged = table.clone();
            damaged[at] ^= 0x11;
            // The last four bytes of the header do not count.
            assert_eq!(is_good(&damaged), (28..32).contains(&at), "byte {at}");
            assert!(!is_good(&table[..at]), "{at} bytes");
        }
        // A number that does not end.
        let mut writer = TableWriter::new();
        writer.bytes(&[0xff; 20]);
        let table = writer.finish(MAGIC);
        assert_eq!(TableReader::new(&table).and_then(|mut reader| reader.number()), None);
    }
}
