//! The facts as bytes: a header, all different contents, the files with each as a number
//! that says how far back they are, and the parts of the packed inode.
//!
//! Numbers have 1 to 10 bytes, of seven bits each, the lowest first.

use std::collections::HashMap;
use std::sync::Arc;

use twox_hash::XxHash3_64;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::alike::ContentChunk;
use crate::facts::key::FileKey;
use crate::facts::known::{EndFacts, Facts, FileFacts, PART_LEN, PartFacts, RangeFacts};
use crate::format::{to_u64, to_usize};

const MAGIC: [u8; 8] = *b"erofsFCT";
/// The longest table that is read, in bytes: that of some 150 GB of contents.
#[cfg(any(test, feature = "image"))]
const TABLE_MAX: u64 = 1 << 30;

/// The header, before `len` bytes.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    len: U64,
    /// The XXH3 hash of these bytes.
    check: U64,
    /// How many different contents, files and parts of the packed inode there are.
    contents: U32,
    files: U32,
    packed: U32,
    reserved: U32,
}

pub(crate) const HEADER_LEN: u64 = 40;
const _: () = assert!(size_of::<Header>() == 40);

impl Facts {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut files: Vec<(&FileKey, &Arc<FileFacts>)> = self.files.iter().collect();
        files.sort_unstable_by_key(|(key, _)| **key);
        let mut packed: Vec<_> = self.packed.values().collect();
        packed.sort_unstable_by_key(|part| part.digest);

        let mut bytes = vec![0; to_usize(HEADER_LEN)];
        let mut numbers: HashMap<*const FileFacts, u64> = HashMap::new();
        let mut of = Vec::with_capacity(files.len());
        for (key, facts) in files {
            let next = to_u64(numbers.len());
            let number = *numbers.entry(Arc::as_ptr(facts)).or_insert(next);
            if number == next {
                put_file(&mut bytes, facts);
            }
            of.push((key, number));
        }
        for (key, number) in &of {
            bytes.extend_from_slice(*key);
            put(&mut bytes, *number);
        }
        packed.iter().for_each(|part| put_part(&mut bytes, part));

        let payload = &bytes[to_usize(HEADER_LEN)..];
        let count = |len| u32::try_from(len).expect("no more than inodes and blocks").into();
        let header = Header {
            magic: MAGIC,
            len: to_u64(payload.len()).into(),
            check: XxHash3_64::oneshot(payload).into(),
            contents: count(numbers.len()),
            files: count(of.len()),
            packed: count(packed.len()),
            reserved: 0.into(),
        };
        bytes[..to_usize(HEADER_LEN)].copy_from_slice(header.as_bytes());
        bytes
    }

    /// How many bytes follow this header, of [`HEADER_LEN`] bytes. None if it is none.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn len_after(header: &[u8]) -> Option<usize> {
        let header = Header::read_from_bytes(header).ok()?;
        let len = header.len.get();
        (header.magic == MAGIC && len <= TABLE_MAX).then(|| to_usize(len))
    }

    /// The facts in these bytes, which begin with a header. None if they are damaged.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(to_usize(HEADER_LEN))?;
        let header = Header::read_from_bytes(header).ok()?;
        if to_u64(rest.len()) != header.len.get() || XxHash3_64::oneshot(rest) != header.check.get()
        {
            return None;
        }
        let rest = &mut rest;
        // Nothing is reserved: each takes bytes that have to be there.
        let mut contents = Vec::new();
        for _ in 0..header.contents.get() {
            contents.push(Arc::new(take_file(rest)?));
        }
        let mut facts = Facts::default();
        for _ in 0..header.files.get() {
            let key: FileKey = take_bytes(rest)?;
            let number = usize::try_from(take(rest)?).ok()?;
            facts.files.insert(key, Arc::clone(contents.get(number)?));
        }
        for _ in 0..header.packed.get() {
            let part = take_part(rest)?;
            facts.packed.insert(part.digest, Arc::new(part));
        }
        rest.is_empty().then_some(facts)
    }
}

fn put_file(bytes: &mut Vec<u8>, facts: &FileFacts) {
    let FileFacts { len, parts, end } = facts;
    put(bytes, *len);
    assert_eq!(to_u64(parts.len()), len.div_ceil(PART_LEN), "a part for all bytes");
    parts.iter().for_each(|part| put_part(bytes, part));
    put(bytes, end.map_or(0, |end| end.len));
    if let Some(EndFacts { digest, .. }) = end {
        bytes.extend_from_slice(digest);
    }
}

fn put_part(bytes: &mut Vec<u8>, part: &PartFacts) {
    let PartFacts { digest, chunks, ranges } = part;
    bytes.extend_from_slice(digest);
    put(bytes, to_u64(chunks.len()));
    for chunk in &**chunks {
        let ContentChunk { len, digest } = *chunk;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&digest.to_le_bytes());
    }
    put(bytes, to_u64(ranges.len()));
    for RangeFacts { at, len, digest } in ranges {
        put(bytes, u64::from(*at));
        put(bytes, u64::from(*len));
        bytes.extend_from_slice(digest);
    }
}

fn put(bytes: &mut Vec<u8>, value: u64) {
    let mut left = value;
    while left >= 0x80 {
        bytes.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    bytes.push(left.to_le_bytes()[0]);
}

#[cfg(any(test, feature = "image"))]
fn take_file(bytes: &mut &[u8]) -> Option<FileFacts> {
    let len = take(bytes)?;
    let mut parts = Vec::new();
    for _ in 0..len.div_ceil(PART_LEN) {
        parts.push(take_part(bytes)?);
    }
    let end = match take(bytes)? {
        0 => None,
        end if end <= len => Some(EndFacts { len: end, digest: take_bytes(bytes)? }),
        _ => return None,
    };
    (len > 0).then_some(FileFacts { len, parts, end })
}

#[cfg(any(test, feature = "image"))]
fn take_part(bytes: &mut &[u8]) -> Option<PartFacts> {
    let digest = take_bytes(bytes)?;
    let mut chunks = Vec::new();
    for _ in 0..take(bytes)? {
        let len = u16::from_le_bytes(take_bytes(bytes)?);
        chunks.push(ContentChunk { len, digest: u64::from_le_bytes(take_bytes(bytes)?) });
    }
    let mut ranges: Vec<RangeFacts> = Vec::new();
    for _ in 0..take(bytes)? {
        let at = u32::try_from(take(bytes)?).ok()?;
        let len = u32::try_from(take(bytes)?).ok()?;
        let is_next = ranges.last().is_none_or(|last| (last.at, last.len) < (at, len));
        is_next.then_some(())?;
        ranges.push(RangeFacts { at, len, digest: take_bytes(bytes)? });
    }
    Some(PartFacts { digest, chunks: chunks.into(), ranges })
}

#[cfg(any(test, feature = "image"))]
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(any(test, feature = "image"))]
fn take_bytes<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Facts {
        let chunk = |len, digest| ContentChunk { len, digest };
        let range = |at, len| RangeFacts { at, len, digest: [9; 32] };
        let part = |byte, chunks: Vec<ContentChunk>, ranges| PartFacts {
            digest: [byte; 32],
            chunks: chunks.into(),
            ranges,
        };
        let short = FileFacts { len: 7, parts: vec![part(1, vec![], vec![])], end: None };
        let parts = vec![
            part(0xb2, vec![chunk(512, 1), chunk(u16::MAX, u64::MAX)], vec![]),
            part(3, vec![chunk(1, 0)], vec![range(0, 1), range(0, 300), range(u32::MAX, 70_000)]),
        ];
        let end = Some(EndFacts { len: 300, digest: [4; 32] });
        let (short, long) =
            (Arc::new(short), Arc::new(FileFacts { len: PART_LEN + 1, parts, end }));
        let files = [([1; 16], &long), ([2; 16], &short), ([3; 16], &long), ([4; 16], &short)];
        let packed = Arc::new(part(5, vec![chunk(3, 3)], vec![range(5, 5)]));
        Facts {
            files: files.into_iter().map(|(key, facts)| (key, Arc::clone(facts))).collect(),
            packed: [(packed.digest, packed)].into(),
        }
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        for facts in [example(), Facts::default()] {
            let bytes = facts.to_bytes();
            let header = &bytes[..to_usize(HEADER_LEN)];
            assert_eq!(Facts::len_after(header), Some(bytes.len() - header.len()));
            assert_eq!(Facts::of_bytes(&bytes), Some(facts));
        }
        let bytes = example().to_bytes();
        let digests = bytes.windows(32).filter(|window| *window == [0xb2; 32]).count();
        assert_eq!(digests, 1, "equal contents are there once");
    }

    #[test]
    fn damaged_facts_are_none() {
        let good = example();
        let bytes = good.to_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x11;
            let is_seen = Facts::len_after(&damaged[..40]) != Facts::len_after(&bytes[..40])
                || Facts::of_bytes(&damaged) != Some(good.clone());
            // The last four bytes of the header do not count.
            assert!(is_seen || (36..40).contains(&at), "byte {at}");
            assert!(Facts::of_bytes(&bytes[..at]).is_none(), "{at} bytes");
        }
    }

    #[test]
    fn a_false_count_takes_no_memory() {
        let mut long = vec![0; 40];
        put(&mut long, u64::MAX);
        let mut chunks = vec![0; 40];
        put(&mut chunks, 1);
        chunks.extend([0; 32]);
        put(&mut chunks, u64::MAX);
        for mut bytes in [long, chunks] {
            let payload = bytes.split_off(40);
            let header = Header {
                magic: MAGIC,
                len: to_u64(payload.len()).into(),
                check: XxHash3_64::oneshot(&payload).into(),
                contents: u32::MAX.into(),
                files: u32::MAX.into(),
                packed: u32::MAX.into(),
                reserved: 0.into(),
            };
            assert_eq!(Facts::of_bytes(&[header.as_bytes(), &payload].concat()), None);
        }
    }
}
