//! Chunk maps.

use zerocopy::FromBytes;

use super::extent::{Extent, Stored};
use super::fault::Found;
use super::inode::Inode;
use super::open::Image;
use super::place::Place;
use crate::format::chunk::{BLOCK_MAP_ENTRY_LEN, CHUNK_INDEX_LEN, ChunkIndex};
use crate::format::{NULL_ADDR, NULL_ADDR_48, to_u64, to_usize};

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

/// How many entries are read at once, by those who ask for one after the other.
const ENTRIES: u64 = 512;

/// The chunk map of a file.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    image: &'a Image,
    inode: &'a Inode,
    pub(super) format: ChunkFormat,
    /// Entries that were read, and the number of the first.
    bytes: Vec<u8>,
    first: u64,
    /// The number of the one that is asked for next, if they are asked for in order.
    next: u64,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(image: &'a Image, inode: &'a Inode, format: ChunkFormat) -> Self {
        Chunks { image, inode, format, bytes: Vec::new(), first: 0, next: u64::MAX }
    }

    /// The bytes of the entry `number`, each of `unit` bytes.
    fn entry(&mut self, number: u64, unit: u64) -> Found<&[u8]> {
        let known = to_u64(self.bytes.len()) / unit;
        let is_known = number.checked_sub(self.first).is_some_and(|at| at < known);
        if !is_known {
            let count = self.inode.size.div_ceil(1 << self.format.bits);
            let wanted = if number == self.next { ENTRIES } else { 1 };
            self.bytes.clear();
            self.bytes.resize(to_usize(wanted.min(count - number) * unit), 0);
            let place = self.inode.end().aligned(unit).plus(number * unit);
            if let Err(fault) = self.image.read_meta(place, &mut self.bytes) {
                self.bytes.clear();
                return Err(fault);
            }
            self.first = number;
        }
        self.next = number + 1;
        Ok(&self.bytes[to_usize((number - self.first) * unit)..][..to_usize(unit)])
    }

    /// The chunk with the byte `offset` of a file, which has it (`erofs_map_blocks`).
    pub(super) fn extent(&mut self, offset: u64) -> Found<Extent> {
        let ChunkFormat { bits, indexes, wide } = self.format;
        let number = offset >> bits;
        let start = number << bits;
        let len = (1 << bits).min(self.inode.size - start);
        let block_bits = self.image.sb.block_bits;
        let mask = self.image.sb.device_mask();
        let unit = self.format.unit();
        let bytes = self.entry(number, unit)?;
        let (device, block) = if indexes {
            let index = ChunkIndex::read_from_bytes(bytes).expect("as many bytes");
            let low = index.startblk_lo.get();
            let block = match wide {
                true => Some(u64::from(index.startblk_hi.get()) << 32 | u64::from(low))
                    .filter(|block| *block != NULL_ADDR_48),
                false => Some(low).filter(|low| *low != NULL_ADDR).map(u64::from),
            };
            (index.device_id.get() & mask, block)
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
