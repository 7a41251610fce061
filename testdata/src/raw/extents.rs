//! Encoded extents: compressed data addressed by bytes instead of an index of
//! clusters.

use super::inode::Inode;
use super::space::{Space, Use};
use super::superblock::{Superblock, incompat};
use super::zmap::{Extent, Place, Zmap, advise};
use super::{Findings, Image, Rule};
use crate::num::{le, up, wide};

/// Decodes the records after the header into `map.extents`.
pub fn read(
    image: &Image,
    sb: &Superblock,
    inode: &Inode,
    map: &mut Zmap,
    space: &mut Space,
    found: &mut Findings,
) -> Option<()> {
    let text = format!("nid {}: {:02x?}", inode.nid, map.header);
    let good = sb.incompat(incompat::BIT48);
    found.expect(good, Rule::MissingFeature, map.at, &text);
    let good = sb.incompat(incompat::LZ4_0PADDING);
    found.expect(good, Rule::MissingFeature, map.at, &text);
    let has_fragment = map.advise() & advise::FRAGMENT != 0;
    let good = !has_fragment || sb.incompat(incompat::FRAGMENTS);
    found.expect(good, Rule::MissingFeature, map.at, &text);
    let known = advise::COMPACTED_2B | 6 | advise::INTERLACED | advise::FRAGMENT;
    found.expect(map.advise() & !known == 0, Rule::ZHeader, map.at, &text);
    let record = 4 << (map.advise() >> 1 & 3);
    let piece = 1 << (sb.get("blkszbits") + u64::from(map.header[7] & 15));
    let count = match record {
        4 | 8 => inode.size().div_ceil(piece),
        _ => le(&map.header, 0, 4) | le(&map.header, 6, 2) << 32,
    };
    let first = match record {
        4 => map.at + 16,
        _ => up(map.at + 8, record),
    };
    if record > 8 {
        let gap = image.bytes(map.at + 8, first - map.at - 8);
        let good = gap.is_none_or(|gap| gap.iter().all(|&byte| byte == 0));
        found.expect(good, Rule::Padding, map.at + 8, "before extent records");
    }
    let Some(bytes) = image.bytes(first, count.saturating_mul(record)) else {
        found.add(Rule::OutOfImage, first, text);
        return None;
    };
    space.claim(map.at, 8, Use::Meta, "map header");
    space.claim(first, count * record, Use::Meta, "extent records");
    let mut running = 0;
    if record == 4 {
        let start = image.bytes(map.at + 8, 8)?;
        space.claim(map.at + 8, 8, Use::Meta, "first extent");
        running = le(&start, 0, 8);
    }
    let records: Vec<_> = bytes
        .chunks(crate::num::index(record))
        .map(|bytes| Record::decode(bytes, &mut running))
        .collect();
    for (number, this) in records.iter().enumerate() {
        let start = match record {
            4 | 8 => piece * wide(number),
            _ => this.start,
        };
        let end = match (record, records.get(number + 1)) {
            (4 | 8, Some(_)) => start + piece,
            (_, Some(next)) => next.start,
            (_, None) => inode.size(),
        };
        let at = first + record * wide(number);
        let is_fragment = has_fragment && number + 1 == records.len();
        let reserved = if is_fragment { 0 } else { this.plen >> 21 & 0x3f };
        let good = start < end && (number > 0 || start == 0) && this.rest_is_zero;
        let good = good && reserved == 0;
        found.expect(good, Rule::ZExtents, at, format!("{text}: {this:?}"));
        let partial = !is_fragment && this.plen >> 27 & 1 != 0;
        let place = this.place(is_fragment);
        if let Place::Stored { at, len, .. } = place {
            space.claim_cluster(at, len, "extent");
        }
        map.extents.push(Extent { start, len: end.saturating_sub(start), place, partial });
    }
    Some(())
}

#[derive(Debug)]
struct Record {
    plen: u64,
    pstart: u64,
    start: u64,
    rest_is_zero: bool,
}

impl Record {
    /// Records of 4 bytes hold no address: each cluster follows the one before.
    fn decode(bytes: &[u8], running: &mut u64) -> Self {
        let field = |at| match at < bytes.len() {
            true => le(bytes, at, 4),
            false => 0,
        };
        let plen = field(0);
        let pstart = match bytes.len() {
            4 => *running,
            _ => field(4) | field(8) << 32,
        };
        *running += plen & 0x1f_ffff;
        Self {
            plen,
            pstart,
            start: field(12) | field(16) << 32,
            rest_is_zero: (20..bytes.len()).all(|at| bytes[at] == 0),
        }
    }

    fn place(&self, is_fragment: bool) -> Place {
        let len = self.plen & 0x1f_ffff;
        if is_fragment {
            Place::Fragment(self.plen | self.pstart << 32)
        } else if len == 0 {
            Place::Hole
        } else {
            Place::Stored { at: self.pstart, len, algorithm: (self.plen >> 28).checked_sub(1) }
        }
    }
}
