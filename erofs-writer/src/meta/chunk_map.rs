//! The bytes of the chunk maps of chunk-based files, and the lengths of their entries.

use zerocopy::IntoBytes;

use crate::format::chunk::{
    BLOCK_MAP_ENTRY_LEN, BlockMapEntry, CHUNK_FORMAT_48BIT, CHUNK_FORMAT_INDEXES, CHUNK_INDEX_LEN,
    ChunkIndex,
};
use crate::format::{
    NULL_ADDR, NULL_ADDR_48, checked_u32, high_bits, low_half, round_up, to_u64, to_usize,
};
use crate::options::BlockSize;
use crate::plan::ChunkMap;

/// The form of the entries of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryForm {
    /// Block numbers.
    Blocks,
    /// [`ChunkIndex`] records with addresses of 32 bits.
    Indexes,
    /// [`ChunkIndex`] records with addresses of 48 bits (Linux 6.15).
    WideIndexes,
}

/// The choices that decide the form.
#[derive(Debug)]
pub(super) struct EntryForms {
    /// Whether records are asked for in any case.
    pub(super) indexes: bool,
    /// Whether blocks of the image may have addresses of more than 32 bits.
    pub(super) far: bool,
}

impl EntryForms {
    /// The form for `map`. `devices` has the number of blocks of each further device.
    pub(super) fn of(&self, map: &ChunkMap, devices: &[u64]) -> EntryForm {
        let is_wide = match map.device {
            0 => self.far,
            device => devices[usize::from(device) - 1] > u64::from(NULL_ADDR),
        };
        match is_wide {
            true => EntryForm::WideIndexes,
            false if self.indexes || map.device > 0 => EntryForm::Indexes,
            false => EntryForm::Blocks,
        }
    }
}

impl EntryForm {
    fn entry_len(self) -> u64 {
        match self {
            EntryForm::Blocks => BLOCK_MAP_ENTRY_LEN,
            EntryForm::Indexes | EntryForm::WideIndexes => CHUNK_INDEX_LEN,
        }
    }

    /// The length of an inode of `head` bytes with `map` after it.
    pub(super) fn inode_len(self, head: u64, map: &ChunkMap) -> u64 {
        round_up(head, self.entry_len()) + self.entry_len() * map.len()
    }

    /// The chunk format, for `i_u`.
    pub(super) fn format(self, map: &ChunkMap, block_size: BlockSize) -> u32 {
        u32::from(map.chunk_bits - block_size.bits())
            | match self {
                EntryForm::Blocks => 0,
                EntryForm::Indexes => CHUNK_FORMAT_INDEXES,
                EntryForm::WideIndexes => CHUNK_FORMAT_INDEXES | CHUNK_FORMAT_48BIT,
            }
    }

    /// Appends `map` to `out`, whose first byte is at a multiple of 8 of the image.
    /// Chunks in the image are counted from the block `chunk_area`.
    pub(super) fn write(self, out: &mut Vec<u8>, map: &ChunkMap, chunk_area: u64) {
        out.resize(to_usize(round_up(to_u64(out.len()), self.entry_len())), 0);
        let null = match self {
            EntryForm::WideIndexes => NULL_ADDR_48,
            EntryForm::Blocks | EntryForm::Indexes => u64::from(NULL_ADDR),
        };
        let first = if map.is_placed { 0 } else { chunk_area };
        for chunk in map.chunks() {
            let (block, device) = match (chunk, map.device) {
                (None, _) => (null, 0),
                (Some(block), 0) => (first + block, 0),
                (Some(block), device) => (block, device),
            };
            if self == EntryForm::Blocks {
                out.extend_from_slice(BlockMapEntry::new(checked_u32(block)).as_bytes());
                continue;
            }
            let record = ChunkIndex {
                startblk_hi: high_bits(block).into(),
                device_id: device.into(),
                startblk_lo: low_half(block).into(),
            };
            out.extend_from_slice(record.as_bytes());
        }
    }
}
