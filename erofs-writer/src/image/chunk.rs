//! Chunk maps.

use zerocopy::FromBytes;

use super::extent::{Extent, Stored};
use super::fault::Found;
use super::inode::Inode;
use super::open::Image;
use super::place::Place;
use crate::format::chunk::{BLOCK_MAP_ENTRY_LEN, CHUNK_INDEX_LEN, ChunkIndex};
use crate::format::{NULL_ADDR, NULL_ADDR_48, to_usize};

/// What the format of a file says of its chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkFormat {
    /// The logarithm of their length.
    pub(super) bits: u32,
    pub(super) indexes: bool,
    pub(super) wide: bool,
}

impl ChunkFormat {
    fn unit(self) -> u64 {
        if self.indexes { CHUNK_INDEX_LEN } else { BLOCK_MAP_ENTRY_LEN }
    }

    /// The place after the map of a file of `size` bytes, whose inode ends at `inode_end`.
    pub(super) fn end(self, inode_end: Place, size: u64) -> Place {
        // So many that their length fits.
        let count = size.div_ceil(1 << self.bits);
        inode_end.aligned(self.unit()).plus(count * self.unit())
    }
}

impl Image {
    /// The chunk with the byte `offset` of a file, which has it (`erofs_map_blocks`).
    pub(super) fn chunk(&self, inode: &Inode, format: ChunkFormat, offset: u64) -> Found<Extent> {
        let ChunkFormat { bits, indexes, wide } = format;
        let number = offset >> bits;
        let start = number << bits;
        let len = (1 << bits).min(inode.size - start);
        let block_bits = self.sb.block_bits;
        let unit = format.unit();
        let place = inode.end().aligned(unit).plus(number * unit);
        let mut bytes = [0; to_usize(CHUNK_INDEX_LEN)];
        self.read_meta(place, &mut bytes[..to_usize(unit)])?;
        let (device, block) = if indexes {
            let index = ChunkIndex::read_from_bytes(&bytes).expect("as many bytes");
            let low = index.startblk_lo.get();
            let block = match wide {
                true => Some(u64::from(index.startblk_hi.get()) << 32 | u64::from(low))
                    .filter(|block| *block != NULL_ADDR_48),
                false => Some(low).filter(|low| *low != NULL_ADDR).map(u64::from),
            };
            (index.device_id.get() & self.sb.device_mask(), block)
        } else {
            let low = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            (0, Some(low).filter(|low| *low != NULL_ADDR).map(u64::from))
        };
        let stored = match block {
            Some(block) => Stored::Plain { device, pos: block << block_bits },
            None => Stored::Hole,
        };
        Ok(Extent { start, len, stored })
    }
}
