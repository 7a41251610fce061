//! The indexes of compressed files: which pcluster each lcluster begins in.
//!
//! An lcluster is a block. At most one extent begins in each, so an index has
//! one entry a block, which tells of the extent that begins there, or how far
//! it is to the lclusters in which the one before and the next do.

use crate::encode::{Compressed, Extent};
use crate::format::fragment;
use crate::format::index::{
    ADVISE_BIG_PCLUSTER_1, ADVISE_BIG_PCLUSTER_2, ADVISE_COMPACTED_2B, ADVISE_FRAGMENT_PCLUSTER,
    ADVISE_INLINE_PCLUSTER, ADVISE_INTERLACED_PCLUSTER, DELTA_MAX, DELTA0_CBLKCNT, HEADER_LEN,
    PARTIAL_REF, TYPE_HEAD1, TYPE_NONHEAD, TYPE_PLAIN,
};
use crate::format::inode::{LAYOUT_COMPRESSED_COMPACT, LAYOUT_COMPRESSED_FULL};
use crate::format::{checked_u32, low_half, round_up, to_u64, to_usize};
use crate::meta::extents::Records;
use crate::options::{BlockSize, Options};

/// Which of the two forms indexes have, and whether pclusters may have more
/// than one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexForm {
    pub(crate) block_size: BlockSize,
    /// 8 bytes an entry, and not 2 or 4.
    pub(crate) full: bool,
    pub(crate) big_pclusters: bool,
    /// Whether plain blocks are rings.
    pub(crate) interlaced: bool,
    /// Whether packs have two entries, and not sixteen where they can.
    pub(crate) pairs: bool,
    /// Whether files may have records in place of an index.
    pub(crate) records: bool,
}

/// What is in one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// An extent begins at `offset` of this lcluster, and its pcluster at
    /// `block`. Of plain bytes, or of a part of the pcluster, if so said.
    Head { plain: bool, partial: bool, offset: u16, block: u32 },
    /// The file ends at `offset` of this lcluster.
    End { offset: u16 },
    /// No extent begins here. If it is the first behind a head, and pclusters
    /// may have several blocks, it tells how many there are.
    NonHead { back: u32, ahead: u32, blocks: Option<u16> },
}

impl IndexForm {
    /// The form that the options ask for. Compact entries have no room for
    /// positions in blocks over 16 KiB.
    pub(crate) fn of(options: &Options, big_pclusters: bool) -> Self {
        IndexForm {
            block_size: options.block_size,
            full: options.full_indexes || options.block_size.bits() > 14,
            big_pclusters,
            interlaced: options.has_interlaced_pclusters(),
            pairs: false,
            records: options.wide_addresses,
        }
    }

    /// The form for `file`: compact indexes cannot tell of blocks in any order,
    /// nor of fragments 4 GiB or more behind the start of the packed inode.
    fn for_file(self, file: &Compressed) -> Self {
        let is_far = file.fragment.is_some_and(|fragment| u32::try_from(fragment.at).is_err());
        let is_whole = file.whole_fragment().is_some();
        let full = self.full || is_far || is_whole || file.scattered;
        IndexForm { full, pairs: file.jumps, ..self }
    }

    /// The records of `file`, of `size` bytes, if it has some: where they are no
    /// longer than an index behind an inode of `head` bytes.
    fn records(self, head: u64, size: u64, file: &Compressed) -> Option<Records> {
        let records = Records::of(file, size).filter(|_| self.records)?;
        let index = self.for_file(file).inode_len(head, size, file.scattered);
        (records.end(round_up(head, 8)) <= index).then_some(records)
    }

    /// The layout of the inode of `file`, which is `head` bytes long.
    pub(crate) fn layout(self, head: u64, size: u64, file: &Compressed) -> u16 {
        let has_records = self.records(head, size, file).is_some();
        if has_records || self.for_file(file).full {
            LAYOUT_COMPRESSED_FULL
        } else {
            LAYOUT_COMPRESSED_COMPACT
        }
    }

    /// How long an inode of `head` bytes is with what `file`, of `size` bytes,
    /// has behind it.
    pub(crate) fn file_len(self, head: u64, size: u64, file: &Compressed) -> u64 {
        if file.whole_fragment().is_some() {
            return round_up(head, 8) + fragment::HEADER_LEN;
        }
        if let Some(records) = self.records(head, size, file) {
            return records.end(round_up(head, 8));
        }
        let inline = file.inline.as_ref().map_or(0, |inline| to_u64(inline.bytes.len()));
        self.for_file(file).inode_len(head, size, file.scattered) + inline
    }

    /// How long an inode of `head` bytes is with the index of a file of
    /// `size` bytes behind it, whose pclusters may be scattered.
    pub(crate) fn inode_len(self, head: u64, size: u64, scattered: bool) -> u64 {
        let start = round_up(head, 8) + HEADER_LEN;
        let count = self.block_size.blocks(size);
        if self.full || scattered {
            return start + 8 + 8 * count;
        }
        let packs = self.packs(start, count);
        start
            + packs.iter().map(|(len, entries)| len * entries.div_ceil(per_pack(*len))).sum::<u64>()
    }

    /// How many of `count` entries that begin at `start` are in packs of 8,
    /// of 32, and again of 8 bytes. Only the place within 32 bytes counts.
    fn packs(self, start: u64, count: u64) -> [(u64, u64); 3] {
        // As many entries, two in a pack of 8 bytes, as lead to a multiple of
        // 32 bytes.
        let first = (32 - start % 32) / 4 % 8;
        if !self.has_small_packs() || first >= count {
            return [(8, count), (32, 0), (8, 0)];
        }
        let small = (count - first) / 16 * 16;
        [(8, first), (32, small), (8, count - first - small)]
    }

    /// Whether 14 bits are enough for an entry, and what a pack tells of lies
    /// together.
    fn has_small_packs(self) -> bool {
        self.block_size.bits() <= 12 && !self.pairs
    }

    /// Appends header and index of a file of `size` bytes to `out`, whose
    /// first byte is at a multiple of 32 of the image, and the pcluster that
    /// belongs there.
    pub(crate) fn write(self, out: &mut Vec<u8>, file: &Compressed, size: u64) {
        out.resize(to_usize(round_up(to_u64(out.len()), 8)), 0);
        if let Some(at) = file.whole_fragment() {
            out.extend_from_slice(&(at | fragment::WHOLE).to_le_bytes());
            return;
        }
        // Only the place within 32 bytes counts.
        if let Some(records) = self.records(to_u64(out.len()), size, file) {
            records.write(out, file, self.block_size.len(), self.interlaced);
            return;
        }
        let form = self.for_file(file);
        form.write_header(out, file);
        form.write_entries(out, file, size);
        if let Some(inline) = &file.inline {
            out.extend_from_slice(&inline.bytes);
        }
    }

    fn write_header(self, out: &mut Vec<u8>, file: &Compressed) {
        let mut advise = 0;
        if self.big_pclusters {
            advise |= ADVISE_BIG_PCLUSTER_1;
        }
        if self.big_pclusters && !self.full {
            advise |= ADVISE_BIG_PCLUSTER_2;
        }
        if !self.full && self.has_small_packs() {
            advise |= ADVISE_COMPACTED_2B;
        }
        if self.interlaced {
            advise |= ADVISE_INTERLACED_PCLUSTER;
        }
        // `h_fragmentoff`, or `h_idata_size` in the upper half.
        let mut end: u32 = 0;
        if let Some(inline) = &file.inline {
            advise |= ADVISE_INLINE_PCLUSTER;
            end = checked_u32(to_u64(inline.bytes.len())) << 16;
        }
        if let Some(fragment) = &file.fragment {
            advise |= ADVISE_FRAGMENT_PCLUSTER;
            end = low_half(fragment.at);
        }
        out.extend_from_slice(&end.to_le_bytes());
        out.extend_from_slice(&advise.to_le_bytes());
        // `h_algorithmtype`, for the first kind of heads and the second, of which
        // there are none; and `h_clusterbits`: an lcluster is a block.
        out.extend_from_slice(&[file.algorithm.number(), 0]);
    }

    fn write_entries(self, out: &mut Vec<u8>, file: &Compressed, size: u64) {
        let mut entries = self.entries(file, size);
        if self.full {
            out.extend_from_slice(&[0; 8]);
            entries.for_each(|entry| write_full(out, &entry));
            return;
        }
        let mut block = stored(file, false).next().map_or(0, |stored| stored.block);
        let mut pack = Vec::new();
        for (len, count) in self.packs(to_u64(out.len()), self.block_size.blocks(size)) {
            let mut left = to_usize(count);
            while left > 0 {
                let wanted = left.min(to_usize(per_pack(len)));
                pack.clear();
                pack.extend(entries.by_ref().take(wanted));
                self.write_pack(out, to_usize(len), &pack, &mut block);
                left -= wanted;
            }
        }
    }

    /// The entries of all lclusters, made one after the other: a file may have
    /// some 10^8.
    fn entries(self, file: &Compressed, size: u64) -> impl Iterator<Item = Entry> + '_ {
        let block_len = self.block_size.len();
        let offset = move |pos: u64| u16::try_from(pos % block_len).expect("a block is short");
        let count = self.block_size.blocks(size);
        let extents = stored(file, self.full).scan((0, 0), move |(pos, entries), stored| {
            let Stored { len, block, blocks, plain, partial, is_end } = stored;
            let head = *pos / block_len;
            assert_eq!(head, *entries, "one extent begins in an lcluster");
            let first = Entry::Head { plain, partial, offset: offset(*pos), block };
            *pos += len;
            // The end of the file counts as a head, unless it lies in the same
            // lcluster, where there is none any more, or in no pcluster of the
            // file's own.
            let next = if is_end { count } else { *pos / block_len };
            *entries = next.max(head + 1);
            let rest = (head + 1..next).map(move |lcluster| Entry::NonHead {
                back: checked_u32(lcluster - head),
                ahead: checked_u32(next - lcluster),
                blocks: (lcluster == head + 1 && self.big_pclusters).then_some(blocks),
            });
            Some(std::iter::once(first).chain(rest))
        });
        let lens = stored(file, self.full).map(|stored| stored.len);
        assert_eq!(lens.sum::<u64>(), size, "extents are the whole file");
        let end = Entry::End { offset: offset(size) };
        extents.flatten().chain(std::iter::once(end)).take(to_usize(count))
    }

    /// Appends a pack of `len` bytes. `block` is the pcluster behind the last
    /// one that a pack before has told of.
    fn write_pack(self, out: &mut Vec<u8>, len: usize, pack: &[Entry], block: &mut u32) {
        let first = pack.iter().find_map(|entry| match entry {
            Entry::Head { block, .. } => Some(*block),
            _ => None,
        });
        let base = match (self.big_pclusters, pack[0]) {
            // The head is in the pack before, and its blocks count here.
            (true, Entry::NonHead { blocks: Some(count), .. }) => {
                let head = first.map_or(*block, |first| first - u32::from(count));
                *block = head + u32::from(count);
                head
            }
            (true, _) => first.unwrap_or(*block),
            // Readers add one for each head that they come by.
            (false, _) => first.unwrap_or(*block).wrapping_sub(1),
        };
        let lobits = u32::from(self.block_size.bits()).max(12);
        let width = if len == 32 { 14 } else { 16 };
        let mut bits: u64 = 0;
        let mut filled = 0;
        for (index, entry) in pack.iter().enumerate() {
            let (kind, lo) = compact(entry, index + 1 == to_usize(per_pack(to_u64(len))));
            bits |= u64::from(kind << lobits | u32::from(lo)) << filled;
            filled += width;
            while filled >= 8 {
                out.push(bits.to_le_bytes()[0]);
                bits >>= 8;
                filled -= 8;
            }
        }
        if pack.len() == 1 {
            out.extend_from_slice(&[0; 2]);
        }
        out.extend_from_slice(&base.to_le_bytes());
        self.count_blocks(pack, block);
    }

    /// Moves `block` to what the next pack may have to begin with.
    fn count_blocks(self, pack: &[Entry], block: &mut u32) {
        for (index, entry) in pack.iter().enumerate() {
            let Entry::Head { block: head, .. } = entry else { continue };
            let count = match pack.get(index + 1) {
                // Told at the start of the next pack, if it is more than one.
                None => 0,
                Some(Entry::NonHead { blocks: Some(count), .. }) => u32::from(*count),
                Some(_) => 1,
            };
            *block = head + count;
        }
    }
}

/// What the index tells of an extent.
#[derive(Debug, Clone, Copy)]
struct Stored {
    /// How many bytes of the file.
    len: u64,
    block: u32,
    blocks: u16,
    plain: bool,
    partial: bool,
    /// Whether this is an end that is in no block.
    is_end: bool,
}

/// What is in a file. For an end that is in no block a full index tells
/// something in place of it.
fn stored(file: &Compressed, full: bool) -> impl Iterator<Item = Stored> {
    let extents = file.extents.iter().map(|extent| {
        let Extent { len, block, blocks, plain, partial, pcluster: _ } = *extent;
        Stored { len: u64::from(len), block, blocks, plain, partial, is_end: false }
    });
    let end = move |len, block, plain| Stored {
        len,
        block,
        blocks: 1,
        plain,
        partial: false,
        is_end: true,
    };
    let inline = file.inline.iter();
    let inline = inline.map(move |inline| end(u64::from(inline.len), file.behind, inline.plain));
    let fragment = file.fragment.iter().map(move |fragment| {
        let block = if full { high_half(fragment.at) } else { file.behind };
        end(fragment.len, block, false)
    });
    extents.chain(inline).chain(fragment)
}

fn high_half(value: u64) -> u32 {
    checked_u32(value >> 32)
}

/// How many entries a pack of `len` bytes has.
fn per_pack(len: u64) -> u64 {
    if len == 32 { 16 } else { 2 }
}

/// Type and value of an entry. The last one of a pack tells how far it is to
/// the next head, the others how far back it is to the last.
fn compact(entry: &Entry, is_last: bool) -> (u32, u16) {
    match *entry {
        Entry::Head { plain, offset, .. } => (if plain { TYPE_PLAIN } else { TYPE_HEAD1 }, offset),
        Entry::End { offset } => (TYPE_PLAIN, offset),
        Entry::NonHead { blocks: Some(count), .. } => (TYPE_NONHEAD, DELTA0_CBLKCNT | count),
        Entry::NonHead { back, ahead, .. } => {
            (TYPE_NONHEAD, delta(if is_last { ahead } else { back }))
        }
    }
}

/// A distance as far as the field goes. Readers go on from where it leads.
fn delta(distance: u32) -> u16 {
    u16::try_from(distance).unwrap_or(DELTA_MAX).min(DELTA_MAX)
}

fn write_full(out: &mut Vec<u8>, entry: &Entry) {
    let narrow = |kind| u16::try_from(kind).expect("types have two bits");
    let (kind, offset, value) = match *entry {
        Entry::Head { plain, partial, offset, block } => {
            let kind = narrow(if plain { TYPE_PLAIN } else { TYPE_HEAD1 });
            (if partial { kind | PARTIAL_REF } else { kind }, offset, block)
        }
        Entry::End { offset } => (narrow(TYPE_PLAIN), offset, 0),
        Entry::NonHead { back, ahead, blocks } => {
            let back = blocks.map_or(delta(back), |count| DELTA0_CBLKCNT | count);
            (narrow(TYPE_NONHEAD), 0, u32::from(back) | u32::from(delta(ahead)) << 16)
        }
    };
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&value.to_le_bytes());
}
