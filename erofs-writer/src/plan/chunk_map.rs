//! Chunk maps, kept as runs of chunks. A file with little data and long holes takes
//! memory for the data only, however long it is.

use crate::format::chunk::CHUNK_BITS_MAX;
use crate::options::BlockSize;

/// The chunks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkMap {
    /// The device that the chunks are on; 0 is the image.
    pub(crate) device: u16,
    /// Whether blocks are those of the image, and not counted from the chunk area.
    pub(crate) is_placed: bool,
    /// log2 of the chunk size in bytes.
    pub(crate) chunk_bits: u8,
    /// How many blocks a chunk has.
    chunk_blocks: u64,
    runs: Vec<ChunkRun>,
    count: u64,
}

/// Consecutive chunks, and their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChunkRun {
    count: u64,
    at: At,
}

/// The place of chunks. Blocks are counted from the start of the device; in the image,
/// from the start of the chunk area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Nowhere: they are all zeros.
    Hole,
    /// One after the other, from this block on.
    Blocks(u64),
    /// All of them at this block, as they have the same bytes.
    Same(u64),
}

/// A file with more chunks is refused: its map would have more than 256 MiB, or
/// twice that with device numbers.
pub(crate) const CHUNKS_MAX: u64 = 1 << 26;

impl ChunkMap {
    /// A map without chunks, for chunks of 2^`chunk_bits` bytes.
    pub(crate) fn new(chunk_bits: u8, block_size: BlockSize) -> Self {
        let chunk_blocks = 1 << (chunk_bits - block_size.bits());
        ChunkMap {
            device: 0,
            is_placed: false,
            chunk_bits,
            chunk_blocks,
            runs: Vec::new(),
            count: 0,
        }
    }

    /// Appends `count` chunks.
    pub(crate) fn push(&mut self, count: u64, at: At) {
        if count == 0 {
            return;
        }
        let at = match at {
            At::Same(block) if count == 1 => At::Blocks(block),
            at => at,
        };
        self.count += count;
        if let Some(last) = self.runs.last_mut() {
            let follows = match (last.at, at) {
                (At::Hole, At::Hole) => true,
                (At::Blocks(first), At::Blocks(next)) => {
                    first + last.count * self.chunk_blocks == next
                }
                _ => false,
            };
            if follows {
                last.count += count;
                return;
            }
        }
        self.runs.push(ChunkRun { count, at });
    }

    /// The same map with chunks that are as large as possible.
    pub(crate) fn merged(mut self, block_size: BlockSize) -> Self {
        while self.count > 1
            && u32::from(self.chunk_bits - block_size.bits()) < CHUNK_BITS_MAX
            && self.pairs_up()
        {
            self.runs.iter_mut().for_each(|run| run.count = run.count.div_ceil(2));
            self.count = self.count.div_ceil(2);
            self.chunk_bits += 1;
            self.chunk_blocks *= 2;
        }
        self.runs.shrink_to_fit();
        self
    }

    /// Whether each two chunks, counted from the first, can become one.
    fn pairs_up(&self) -> bool {
        let (_, all_but_last) = self.runs.split_last().expect("there are chunks");
        all_but_last.iter().all(|run| run.count % 2 == 0)
            && !self.runs.iter().any(|run| matches!(run.at, At::Same(_)))
    }

    /// Puts blocks where `place` says. Those of chunks that follow each other still do.
    pub(crate) fn put_at(&mut self, place: impl Fn(u64) -> u64) {
        self.is_placed = true;
        self.runs.shrink_to_fit();
        for run in &mut self.runs {
            run.at = match run.at {
                At::Hole => At::Hole,
                At::Blocks(first) => At::Blocks(place(first)),
                At::Same(block) => At::Same(place(block)),
            };
        }
    }

    /// How many chunks there are.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// The first block of each chunk; `None` for a hole.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.runs.iter().flat_map(|run| {
            (0..run.count).map(|index| match run.at {
                At::Hole => None,
                At::Blocks(first) => Some(first + index * self.chunk_blocks),
                At::Same(block) => Some(block),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLE: u64 = u64::MAX;

    fn merged(chunks: &[u64]) -> (u8, Vec<u64>) {
        let mut map = ChunkMap::new(12, BlockSize::default());
        for chunk in chunks {
            map.push(1, if *chunk == HOLE { At::Hole } else { At::Blocks(*chunk) });
        }
        let map = map.merged(BlockSize::default());
        assert_eq!(map.chunks().count(), usize::try_from(map.len()).expect("few"));
        (map.chunk_bits, map.chunks().map(|chunk| chunk.unwrap_or(HOLE)).collect())
    }

    #[test]
    fn contiguous_chunks_become_fewer_larger_ones() {
        assert_eq!(merged(&[5, 6, 7, 8]), (14, vec![5]));
        assert_eq!(merged(&[5, 6, 7]), (14, vec![5]));
        assert_eq!(merged(&[5]), (12, vec![5]));
    }

    #[test]
    fn chunks_that_do_not_follow_each_other_stay() {
        assert_eq!(merged(&[5, 5]), (12, vec![5, 5]));
        assert_eq!(merged(&[5, 6, 6, 7]), (13, vec![5, 6]));
        assert_eq!(merged(&[HOLE, 5]), (12, vec![HOLE, 5]));
        assert_eq!(merged(&[5, HOLE]), (12, vec![5, HOLE]));
        assert_eq!(merged(&[5, 6, HOLE, 7]), (12, vec![5, 6, HOLE, 7]));
    }

    #[test]
    fn holes_merge_with_holes() {
        assert_eq!(merged(&[HOLE, HOLE, 3, 4, HOLE]), (13, vec![HOLE, 3, HOLE]));
        assert_eq!(merged(&[HOLE; 6]), (15, vec![HOLE]));
    }

    #[test]
    fn a_hole_of_4_eib_is_one_run() {
        let mut map = ChunkMap::new(12, BlockSize::default());
        map.push(1 << 50, At::Hole);
        let map = map.merged(BlockSize::default());
        assert_eq!((map.chunk_bits, map.len(), map.runs.len()), (43, 1 << 19, 1));
        let mut map = ChunkMap::new(12, BlockSize::default());
        map.push(3, At::Same(7));
        map.push(1, At::Same(8));
        let map = map.merged(BlockSize::default());
        assert_eq!(map.chunks().collect::<Vec<_>>(), [7, 7, 7, 8].map(Some));
    }
}
