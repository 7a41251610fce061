//! Index of compressed data: from the header and the entries, one for each
//! logical cluster, to a list of extents. Nothing is decompressed.

use super::inode::{Inode, layout};
use super::space::{Space, Use};
use super::superblock::{Config, Superblock, incompat};
use super::{Findings, Image, Rule, extents};
use crate::num::{index, le, up, wide};

/// `h_advise` bits.
pub mod advise {
    /// Compact index has packs of 16; or the data is encoded extents.
    pub const COMPACTED_2B: u64 = 0x01;
    /// Clusters of HEAD1 may have several blocks.
    pub const BIG1: u64 = 0x02;
    /// Clusters of HEAD2 may have several blocks.
    pub const BIG2: u64 = 0x04;
    /// The last cluster is inline.
    pub const INLINE: u64 = 0x08;
    /// Plain clusters are interlaced.
    pub const INTERLACED: u64 = 0x10;
    /// The last extent is a fragment.
    pub const FRAGMENT: u64 = 0x20;
}

/// Entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An extent starts in this cluster.
    Head {
        /// 0 plain, 1 first algorithm, 3 second algorithm.
        kind: u64,
        /// At which byte of the cluster.
        offset: u64,
        /// Its first block.
        block: u64,
        /// Whether it uses only the first bytes of a shared cluster.
        partial: bool,
    },
    /// None starts here.
    Next {
        /// Clusters back to the head, where the entry says so.
        back: Option<u64>,
        /// Clusters forward to the next head, where the entry says so.
        ahead: Option<u64>,
        /// Blocks of the physical cluster, where the entry says so.
        blocks: Option<u64>,
    },
}

/// Where an extent's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Stored bytes of the image, compressed by the algorithm or plain.
    Stored {
        /// First byte.
        at: u64,
        /// Bytes.
        len: u64,
        /// Algorithm; None if plain.
        algorithm: Option<u64>,
    },
    /// Bytes of the packed inode from here.
    Fragment(u64),
    /// Zeros.
    Hole,
}

/// A run of decoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte in the file.
    pub start: u64,
    /// Bytes.
    pub len: u64,
    /// Its source.
    pub place: Place,
    /// Whether it is only the first bytes of its source.
    pub partial: bool,
}

/// Header and extents of a compressed inode.
#[derive(Clone, Debug)]
pub struct Zmap {
    /// Where the header is.
    pub at: u64,
    /// The 8 bytes of the header.
    pub header: Vec<u8>,
    /// Whether the layout is the full one.
    pub full: bool,
    /// Index entries; none if the data is encoded extents.
    pub entries: Vec<Entry>,
    /// All extents.
    pub extents: Vec<Extent>,
}

impl Zmap {
    /// `h_advise`.
    #[must_use]
    pub fn advise(&self) -> u64 {
        le(&self.header, 4, 2)
    }

    /// Algorithm of a kind of head.
    #[must_use]
    pub fn algorithm(&self, kind: u64) -> Option<u64> {
        match kind {
            0 => None,
            1 => Some(u64::from(self.header[6]) & 15),
            _ => Some(u64::from(self.header[6]) >> 4),
        }
    }
}

/// Decodes the map of a compressed inode.
pub fn read(
    image: &Image,
    sb: &Superblock,
    configs: &[Config],
    inode: &Inode,
    space: &mut Space,
    found: &mut Findings,
) -> Option<Zmap> {
    let at = up(inode.end(), 8);
    let Some(header) = image.bytes(at, 8) else {
        found.add(Rule::OutOfImage, at, format!("nid {}: map header", inode.nid));
        return None;
    };
    let full = inode.layout() == layout::COMPRESSED_FULL;
    let mut map = Zmap { at, header, full, entries: Vec::new(), extents: Vec::new() };
    if map.header[7] & 0x80 != 0 {
        space.claim(at, 8, Use::Meta, "map header");
        let offset = le(&map.header, 0, 8) & !(1 << 63);
        let place = Place::Fragment(offset);
        map.extents.push(Extent { start: 0, len: inode.size(), place, partial: false });
    } else if full && map.advise() & advise::COMPACTED_2B != 0 {
        extents::read(image, sb, inode, &mut map, space, found)?;
    } else {
        check_header(sb, inode, &map, found);
        let bits = sb.get("blkszbits") + u64::from(map.header[7] & 15);
        let count = inode.size().div_ceil(1 << bits);
        let end = match full {
            true => read_full(image, &mut map, count, found)?,
            false => super::compact::read(image, &mut map, count, bits, found)?,
        };
        space.claim(at, end - at, Use::Meta, "cluster index");
        check_entries(&map, inode, found);
        let lcluster = 1 << bits;
        map.extents = to_extents(&map, sb, inode, lcluster, end, found)?;
        claim(&map, sb, end, space);
    }
    check_extents(image, sb, configs, inode, &map, found);
    Some(map)
}

fn check_header(sb: &Superblock, inode: &Inode, map: &Zmap, found: &mut Findings) {
    let (at, advise) = (map.at, map.advise());
    let text = format!("nid {}: {:02x?}", inode.nid, map.header);
    let big = advise & (advise::BIG1 | advise::BIG2);
    let compact = inode.layout() == layout::COMPRESSED_COMPACT;
    let both = advise::BIG1 | advise::BIG2;
    let mut good = advise >> 6 == 0 && map.header[7] & 0x70 == 0;
    good &= !compact || big == 0 || big == both;
    good &= advise & (advise::INLINE | advise::FRAGMENT) != advise::INLINE | advise::FRAGMENT;
    let tail = le(&map.header, 0, 4);
    good &= match advise & (advise::INLINE | advise::FRAGMENT) {
        0 => tail == 0,
        advise::INLINE => tail & 0xffff == 0 && tail != 0,
        _ => true,
    };
    found.expect(good, Rule::ZHeader, at, &text);
    let features = sb.get("feature_incompat");
    for (used, bit) in [
        (true, incompat::LZ4_0PADDING),
        (big != 0, incompat::COMPR_CFGS),
        (advise & advise::INLINE != 0, incompat::ZTAILPACKING),
        (advise & advise::FRAGMENT != 0, incompat::FRAGMENTS),
    ] {
        let good = !used || features & bit != 0;
        found.expect(good, Rule::MissingFeature, at, format!("{text} bit {bit:#x}"));
    }
}

fn read_full(image: &Image, map: &mut Zmap, count: u64, found: &mut Findings) -> Option<u64> {
    let start = map.at + 16;
    let Some(bytes) = image.bytes(map.at + 8, 8 + 8 * count) else {
        found.add(Rule::OutOfImage, start, "full index");
        return None;
    };
    found.expect(le(&bytes, 0, 8) == 0, Rule::Reserved, map.at + 8, "before a full index");
    for (number, entry) in bytes[8..].chunks(8).enumerate() {
        let (bits, offset, u) = (le(entry, 0, 2), le(entry, 2, 2), le(entry, 4, 4));
        let good = bits & 0x7ffc == 0;
        found.expect(good, Rule::ZIndex, start + 8 * wide(number), "di_advise");
        map.entries.push(match bits & 3 {
            2 => next(u & 0xffff, Some(u >> 16)),
            kind => Entry::Head { kind, offset, block: u, partial: bits >> 15 != 0 },
        });
    }
    Some(start + 8 * count)
}

/// An entry without head whose first number is `back` or a block count.
pub(super) fn next(back: u64, ahead: Option<u64>) -> Entry {
    let is_count = back & 0x800 != 0;
    Entry::Next {
        back: (!is_count).then_some(back),
        ahead,
        blocks: is_count.then_some(back & 0x7ff),
    }
}

/// Distances and block counts of the entries without a head.
fn check_entries(map: &Zmap, inode: &Inode, found: &mut Findings) {
    let count = map.entries.len();
    let is_head = |entry: &Entry| matches!(entry, Entry::Head { .. });
    // Distance to the next head or the end, from each entry.
    let mut ahead_of = vec![0; count];
    let mut next_head = count;
    for (number, entry) in map.entries.iter().enumerate().rev() {
        ahead_of[number] = wide(next_head - number);
        if is_head(entry) {
            next_head = number;
        }
    }
    let mut head = (0, 0);
    for (number, entry) in map.entries.iter().enumerate() {
        let (back, ahead, blocks) = match *entry {
            Entry::Head { kind, .. } => {
                head = (number, kind);
                continue;
            }
            Entry::Next { back, ahead, blocks } => (back, ahead, blocks),
        };
        let distance = wide(number - head.0);
        let big = map.advise() & if head.1 == 3 { advise::BIG2 } else { advise::BIG1 } != 0;
        let counted = big && distance == 1;
        let mut good =
            blocks.is_some() == counted || (counted && back.is_none() && ahead.is_some());
        good &= back.is_none_or(|back| back == distance.min(0x7ff));
        let wanted = ahead_of[number];
        good &= ahead.is_none_or(|ahead| ahead == wanted.min(0x7ff) || ahead == wanted.min(0xffff));
        let text = format!("nid {}: entry {number}: {entry:?}", inode.nid);
        found.expect(good, Rule::ZIndex, map.at, text);
    }
    let starts =
        map.entries.first().is_none_or(|first| matches!(first, Entry::Head { offset: 0, .. }));
    found.expect(starts, Rule::ZIndex, map.at, "no head at byte 0");
}

fn to_extents(
    map: &Zmap,
    sb: &Superblock,
    inode: &Inode,
    lcluster: u64,
    end: u64,
    found: &mut Findings,
) -> Option<Vec<Extent>> {
    let (bs, size) = (sb.block_size(), inode.size());
    let mut extents: Vec<Extent> = Vec::new();
    for (number, entry) in map.entries.iter().enumerate() {
        let Entry::Head { kind, offset, block, partial } = *entry else {
            continue;
        };
        let start = lcluster * wide(number) + offset;
        if offset >= lcluster || start > size || (start == size && kind != 0) {
            let text = format!("nid {}: entry {number}: {entry:?}", inode.nid);
            found.add(Rule::ZIndex, map.at, text);
            return None;
        }
        if let Some(last) = extents.last_mut() {
            last.len = start - last.start;
        }
        if start == size {
            // It marks where the last extent ends, nothing more.
            break;
        }
        let blocks = match map.entries.get(number + 1) {
            Some(Entry::Next { blocks: Some(blocks), .. }) => *blocks,
            _ => 1,
        };
        extents.push(Extent {
            start,
            len: size - start,
            place: Place::Stored {
                at: block * bs,
                len: blocks * bs,
                algorithm: map.algorithm(kind),
            },
            partial,
        });
    }
    if let Some(last) = extents.last_mut() {
        set_tail(map, last, lcluster, end);
    }
    Some(extents)
}

/// The last extent lies elsewhere if the header says so.
fn set_tail(map: &Zmap, last: &mut Extent, lcluster: u64, end: u64) {
    let Place::Stored { algorithm, .. } = last.place else {
        return;
    };
    if map.advise() & advise::INLINE != 0 {
        last.place = Place::Stored { at: end, len: le(&map.header, 2, 2), algorithm };
    } else if map.advise() & advise::FRAGMENT != 0 {
        let high = match map.entries.get(index(last.start / lcluster)) {
            Some(Entry::Head { block, .. }) if map.full => *block,
            _ => 0,
        };
        last.place = Place::Fragment(le(&map.header, 0, 4) | high << 32);
    }
}

fn claim(map: &Zmap, sb: &Superblock, end: u64, space: &mut Space) {
    for extent in &map.extents {
        let Place::Stored { at, len, algorithm } = extent.place else {
            continue;
        };
        let inline = at == end && map.advise() & advise::INLINE != 0;
        let interlaced = map.advise() & advise::INTERLACED != 0;
        match (inline, algorithm) {
            (true, _) => space.claim(at, len, Use::Meta, "inline cluster"),
            // The bytes of a plain block after its extent must be zero.
            (false, None) if !interlaced => {
                space.claim_cluster(at, extent.len.min(sb.block_size()), "plain cluster");
            }
            (false, _) => space.claim_cluster(at, len, "cluster"),
        }
    }
}

fn check_extents(
    image: &Image,
    sb: &Superblock,
    configs: &[Config],
    inode: &Inode,
    map: &Zmap,
    found: &mut Findings,
) {
    let bs = sb.block_size();
    for extent in &map.extents {
        let Place::Stored { at, len, algorithm } = extent.place else {
            continue;
        };
        let text = format!("nid {}: {extent:?}", inode.nid);
        let Some(algorithm) = algorithm else {
            found.expect(extent.len <= len && !extent.partial, Rule::ZCluster, at, text);
            continue;
        };
        let known = match sb.incompat(incompat::COMPR_CFGS) {
            true => configs.iter().any(|config| config.algorithm == algorithm),
            false => algorithm == 0,
        };
        found.expect(known, Rule::CompressionConfig, map.at, &text);
        let good = !extent.partial || sb.incompat(incompat::FRAGMENTS);
        found.expect(good, Rule::MissingFeature, map.at, &text);
        let good = (1..=1 << 20).contains(&len) && extent.len <= 12 << 20;
        found.expect(good, Rule::ZCluster, at, &text);
        if len % bs == 0 && at % bs == 0 {
            let first = image.bytes(at, bs);
            let good = first.is_none_or(|block| block.iter().any(|&byte| byte != 0));
            found.expect(good, Rule::ZCluster, at, format!("{text}: a block of padding"));
        } else if at % bs + len > bs && !map.entries.is_empty() {
            found.add(Rule::ZCluster, at, format!("{text}: inline across blocks"));
        }
    }
}

/// Pclusters that several extents of the image share: all agree on their length, and
/// extents without all of their bytes are marked.
pub fn check_shared<'a>(maps: impl Iterator<Item = &'a Zmap>, found: &mut Findings) {
    let mut extents: Vec<(u64, u64, &Extent)> = Vec::new();
    for extent in maps.flat_map(|map| &map.extents) {
        if let Place::Stored { at, len, .. } = extent.place {
            extents.push((at, len, extent));
        }
    }
    extents.sort_unstable_by_key(|(at, _, extent)| (*at, extent.len));
    for same in extents.chunk_by(|(a, ..), (b, ..)| a == b) {
        let longest = same.iter().map(|(_, _, extent)| extent.len).max();
        for (at, len, extent) in same {
            let good = *len == same[0].1 && (extent.partial || Some(extent.len) == longest);
            found.expect(good, Rule::ZCluster, *at, format!("shared by {extent:?}"));
        }
    }
}
