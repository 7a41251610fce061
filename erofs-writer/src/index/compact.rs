//! Compact indexes: 4 or 2 bytes an entry, in packs of two or sixteen with one
//! address each.

use zerocopy::IntoBytes;

use crate::format::index::{DELTA0_CBLKCNT, Pack2, Pack16, TYPE_NONHEAD, TYPE_PLAIN};
use crate::format::{to_u64, to_usize};
use crate::index::entry::{Entries, Entry, delta, head_type};
use crate::options::BlockSize;
use crate::shape::{IndexForm, IndexLens, Pack};

/// A compact index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compact {
    pub(super) lens: IndexLens,
    pub(super) form: IndexForm,
    pub(super) block_size: BlockSize,
    /// Whether pclusters may have more than one block.
    pub(super) big_pclusters: bool,
}

impl Compact {
    /// Appends all packs to `out`, whose first byte is at a multiple of 32 of
    /// the image.
    pub(super) fn write(self, out: &mut Vec<u8>, entries: Entries<'_>) {
        let packs = self.lens.packs(to_u64(out.len()), entries.count(), self.form);
        let mut block = entries.first_block();
        let mut entries = entries.iter();
        let mut in_pack = Vec::new();
        for (pack, count) in packs {
            let mut left = to_usize(count);
            while left > 0 {
                let wanted = left.min(to_usize(pack.entries()));
                in_pack.clear();
                in_pack.extend(entries.by_ref().take(wanted));
                self.write_pack(out, pack, &in_pack, &mut block);
                left -= wanted;
            }
        }
    }

    /// Appends a pack. `block` is the block after the last pcluster that earlier packs
    /// describe.
    fn write_pack(self, out: &mut Vec<u8>, pack: Pack, in_pack: &[Entry], block: &mut u32) {
        let base = self.base(in_pack, block);
        let lobits = u32::from(self.block_size.bits()).max(12);
        let width = if pack == Pack::Sixteen { 14 } else { 16 };
        let mut bytes = [0; size_of::<Pack16>() - size_of::<u32>()];
        let (mut bits, mut filled, mut at): (u64, _, _) = (0, 0, 0);
        for (index, entry) in in_pack.iter().enumerate() {
            let (kind, lo) = compact(entry, index + 1 == to_usize(pack.entries()));
            bits |= (u64::from(kind) << lobits | u64::from(lo)) << filled;
            filled += width;
            while filled >= 8 {
                bytes[at] = bits.to_le_bytes()[0];
                at += 1;
                bits >>= 8;
                filled -= 8;
            }
        }
        let blkaddr = base.into();
        match pack {
            Pack::Two => {
                let entries = *bytes.first_chunk().expect("fewer bytes");
                out.extend_from_slice(Pack2 { entries, blkaddr }.as_bytes());
            }
            Pack::Sixteen => {
                out.extend_from_slice(Pack16 { entries: bytes, blkaddr }.as_bytes());
            }
        }
        self.count_blocks(in_pack, block);
    }

    /// The address of a pack.
    fn base(self, in_pack: &[Entry], block: &mut u32) -> u32 {
        let first = in_pack.iter().find_map(|entry| match entry {
            Entry::Head { block, .. } => Some(*block),
            _ => None,
        });
        match (self.big_pclusters, in_pack[0]) {
            // The head is in the pack before, and its blocks count here.
            (true, Entry::NonHead { blocks: Some(count), .. }) => {
                let head = first.map_or(*block, |first| first - u32::from(count));
                *block = head + u32::from(count);
                head
            }
            (true, _) => first.unwrap_or(*block),
            // Readers add one for each head before the entry
            // (`z_erofs_load_compact_lcluster`, Linux 6.14).
            (false, _) => first.unwrap_or(*block).wrapping_sub(1),
        }
    }

    /// Moves `block` to the address with which the next pack may have to begin.
    fn count_blocks(self, in_pack: &[Entry], block: &mut u32) {
        for (index, entry) in in_pack.iter().enumerate() {
            let Entry::Head { block: head, .. } = entry else { continue };
            let count = match in_pack.get(index + 1) {
                // The count is at the start of the next pack, if it is more than one.
                None => 0,
                Some(Entry::NonHead { blocks: Some(count), .. }) => u32::from(*count),
                Some(_) => 1,
            };
            *block = head + count;
        }
    }
}

/// Type and value of an entry. In the last entry of a pack the value is the distance to
/// the next head; in the others, the distance back to the previous head.
fn compact(entry: &Entry, is_last: bool) -> (u16, u16) {
    match *entry {
        Entry::Head { plain, second, offset, .. } => (head_type(plain, second), offset),
        Entry::End { offset } => (TYPE_PLAIN, offset),
        Entry::NonHead { blocks: Some(count), .. } => (TYPE_NONHEAD, DELTA0_CBLKCNT | count),
        Entry::NonHead { back, ahead, .. } => {
            (TYPE_NONHEAD, delta(if is_last { ahead } else { back }))
        }
    }
}
