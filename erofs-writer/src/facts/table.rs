//! The facts as a table: all different contents; the files, each with its key and the number
//! of its contents; and the parts of the packed inode.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alike::ContentChunk;
use crate::facts::key::FileKey;
use crate::facts::known::{EndFacts, Facts, FileFacts, PART_LEN, PartFacts, RangeFacts};
use crate::format::to_u64;
use crate::table::TableWriter;
#[cfg(any(test, feature = "image"))]
use crate::table::{self, TableReader};

const MAGIC: [u8; 8] = *b"erofsFC2";
/// The longest table that is read, in bytes: that of some 150 GB of contents.
#[cfg(any(test, feature = "image"))]
const TABLE_MAX: u64 = 1 << 30;

impl Facts {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut files: Vec<(&FileKey, &Arc<FileFacts>)> = self.files.iter().collect();
        files.sort_unstable_by_key(|(key, _)| **key);
        let mut packed: Vec<_> = self.packed.values().collect();
        packed.sort_unstable_by_key(|part| part.digest);

        let mut numbers: HashMap<*const FileFacts, u64> = HashMap::new();
        let mut different = Vec::new();
        let mut of = Vec::with_capacity(files.len());
        for (key, facts) in files {
            let next = to_u64(different.len());
            let number = *numbers.entry(Arc::as_ptr(facts)).or_insert(next);
            if number == next {
                different.push(facts);
            }
            of.push((key, number));
        }
        let mut table = TableWriter::new();
        table.number(to_u64(different.len()));
        different.iter().for_each(|facts| put_file(&mut table, facts));
        table.number(to_u64(of.len()));
        for (key, number) in of {
            table.bytes(key);
            table.number(number);
        }
        table.number(to_u64(packed.len()));
        packed.iter().for_each(|part| put_part(&mut table, part));
        table.finish(MAGIC)
    }

    /// How many bytes follow this header. `None` if it is none.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn len_after(header: &[u8]) -> Option<usize> {
        table::len_after(header, MAGIC, TABLE_MAX)
    }

    /// The facts in these bytes, which begin with a header. `None` if they are damaged.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let table = &mut TableReader::new(bytes)?;
        let mut contents = Vec::new();
        for _ in 0..table.number()? {
            contents.push(Arc::new(take_file(table)?));
        }
        let mut facts = Facts::default();
        for _ in 0..table.number()? {
            let key: FileKey = table.bytes()?;
            let number = usize::try_from(table.number()?).ok()?;
            facts.files.insert(key, Arc::clone(contents.get(number)?));
        }
        for _ in 0..table.number()? {
            let part = take_part(table)?;
            facts.packed.insert(part.digest, Arc::new(part));
        }
        table.is_empty().then_some(facts)
    }
}

fn put_file(table: &mut TableWriter, facts: &FileFacts) {
    let FileFacts { len, parts, end, probes } = facts;
    table.number(*len);
    assert_eq!(to_u64(parts.len()), len.div_ceil(PART_LEN), "a part for all bytes");
    parts.iter().for_each(|part| put_part(table, part));
    probes.iter().for_each(|hash| table.bytes(&hash.to_le_bytes()));
    table.number(end.map_or(0, |end| end.len));
    if let Some(EndFacts { digest, .. }) = end {
        table.bytes(digest);
    }
}

fn put_part(table: &mut TableWriter, part: &PartFacts) {
    let PartFacts { digest, chunks, ranges } = part;
    table.bytes(digest);
    table.number(to_u64(chunks.len()));
    for chunk in &**chunks {
        let ContentChunk { len, digest } = *chunk;
        table.bytes(&len.to_le_bytes());
        table.bytes(&digest.to_le_bytes());
    }
    table.number(to_u64(ranges.len()));
    for RangeFacts { at, len, digest } in ranges {
        table.number(u64::from(*at));
        table.number(u64::from(*len));
        table.bytes(digest);
    }
}

#[cfg(any(test, feature = "image"))]
fn take_file(table: &mut TableReader<'_>) -> Option<FileFacts> {
    let len = table.number()?;
    let mut parts = Vec::new();
    for _ in 0..len.div_ceil(PART_LEN) {
        parts.push(take_part(table)?);
    }
    let mut probe = || Some(u64::from_le_bytes(table.bytes()?));
    let probes = [probe()?, probe()?];
    let end = match table.number()? {
        0 => None,
        end if end <= len => Some(EndFacts { len: end, digest: table.bytes()? }),
        _ => return None,
    };
    (len > 0).then_some(FileFacts { len, parts, end, probes })
}

#[cfg(any(test, feature = "image"))]
fn take_part(table: &mut TableReader<'_>) -> Option<PartFacts> {
    let digest = table.bytes()?;
    let mut chunks = Vec::new();
    for _ in 0..table.number()? {
        let len = u16::from_le_bytes(table.bytes()?);
        chunks.push(ContentChunk { len, digest: u64::from_le_bytes(table.bytes()?) });
    }
    let mut ranges: Vec<RangeFacts> = Vec::new();
    for _ in 0..table.number()? {
        let at = u32::try_from(table.number()?).ok()?;
        let len = u32::try_from(table.number()?).ok()?;
        let is_next = ranges.last().is_none_or(|last| (last.at, last.len) < (at, len));
        is_next.then_some(())?;
        ranges.push(RangeFacts { at, len, digest: table.bytes()? });
    }
    Some(PartFacts { digest, chunks: chunks.into(), ranges })
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
        let short =
            FileFacts { len: 7, parts: vec![part(1, vec![], vec![])], end: None, probes: [0; 2] };
        let parts = vec![
            part(0xb2, vec![chunk(512, 1), chunk(u16::MAX, u64::MAX)], vec![]),
            part(3, vec![chunk(1, 0)], vec![range(0, 1), range(0, 300), range(u32::MAX, 70_000)]),
        ];
        let end = Some(EndFacts { len: 300, digest: [4; 32] });
        let (short, long) = (
            Arc::new(short),
            Arc::new(FileFacts { len: PART_LEN + 1, parts, end, probes: [5, 6] }),
        );
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
            assert_eq!(Facts::len_after(&bytes[..32]), Some(bytes.len() - 32));
            assert_eq!(Facts::of_bytes(&bytes), Some(facts));
        }
        let bytes = example().to_bytes();
        let digests = bytes.windows(32).filter(|window| *window == [0xb2; 32]).count();
        assert_eq!(digests, 1, "equal contents are there once");
    }

    #[test]
    fn facts_that_are_cut_or_false_are_none() {
        let all = example().to_bytes();
        for end in 32..all.len() {
            let mut table = TableWriter::new();
            table.bytes(&all[32..end]);
            assert_eq!(Facts::of_bytes(&table.finish(MAGIC)), None, "{end} bytes");
        }
        // Contents without bytes, and the chunks of a file that are too many.
        for numbers in [&[1, 0, 0, 0, 0][..], &[1, u64::MAX], &[u64::MAX], &[0, u64::MAX]] {
            let mut table = TableWriter::new();
            numbers.iter().for_each(|number| table.number(*number));
            assert_eq!(Facts::of_bytes(&table.finish(MAGIC)), None);
        }
    }
}
