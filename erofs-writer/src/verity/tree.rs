//! The hashing of an image, level by level. Each level is read back where it was written,
//! so that memory does not grow with the image.

use super::hasher::Hasher;
use super::layout::Layout;
use crate::cancel::Stop;
use crate::error::{Error, Result};
use crate::format::{to_u64, to_usize};
use crate::pool::{Share, try_map};

/// A task hashes so many bytes, or those that belong to one hash block if that are more.
const TASK: u64 = 4 << 20;
/// So much of it is read at a time, which should stay in the cache of a processor. It is a
/// multiple of every block size.
const STEP: u64 = 128 << 10;

/// Where blocks are read and hashes go.
pub(crate) trait Storage: Sync {
    /// Appends the digests of data blocks from `first` on, `count` at most, if they are known,
    /// and returns of how many.
    fn known(&self, first: u64, count: u64, digests: &mut Vec<u8>) -> u64;

    /// Reads data from the byte `pos` of the image on.
    fn read_data(&self, buf: &mut [u8], pos: u64) -> Result<()>;

    /// Reads hashes that have been written.
    fn read_hashes(&self, buf: &mut [u8], pos: u64) -> Result<()>;

    fn write_hashes(&self, buf: &[u8], pos: u64) -> Result<()>;
}

/// Makes the tree and returns the root hash. `report` is told how many bytes are done.
pub(crate) fn build(
    layout: &Layout,
    hasher: &Hasher,
    storage: &dyn Storage,
    stop: &dyn Stop,
    report: &(dyn Fn(u64) + Sync),
) -> Result<Vec<u8>> {
    let building = Building { layout, hasher, storage, stop, report };
    for level in 0..layout.levels.len() {
        building.level(level)?;
    }
    building.root()
}

struct Building<'a> {
    layout: &'a Layout,
    hasher: &'a Hasher,
    storage: &'a dyn Storage,
    stop: &'a dyn Stop,
    report: &'a (dyn Fn(u64) + Sync),
}

impl Building<'_> {
    /// What is below the level: the length of its blocks, and how many there are.
    fn below(&self, level: usize) -> (u64, u64) {
        match level.checked_sub(1) {
            None => (self.layout.data_block_len, self.layout.data_blocks),
            Some(below) => (self.layout.hash_block_len, self.layout.levels[below]),
        }
    }

    fn level(&self, level: usize) -> Result<()> {
        let (block_len, _) = self.below(level);
        let covered = self.per_block() * block_len;
        let blocks = self.layout.levels[level];
        let step = (TASK / covered).max(1);
        let tasks = to_usize(blocks.div_ceil(step));
        try_map(0..tasks, Share::Usual, |task| {
            let start = to_u64(task) * step;
            self.blocks(level, start, step.min(blocks - start))
        })?;
        Ok(())
    }

    /// How many digests a hash block holds.
    fn per_block(&self) -> u64 {
        self.layout.hash_block_len / to_u64(self.hasher.digest_len())
    }

    /// Makes `count` blocks of a level.
    fn blocks(&self, level: usize, first: u64, count: u64) -> Result<()> {
        let (block_len, below) = self.below(level);
        let per_block = self.per_block();
        let mut pos = first * per_block * block_len;
        let end = ((first + count) * per_block).min(below) * block_len;
        let len = to_usize(count * self.layout.hash_block_len);
        let mut hashes = Vec::with_capacity(len);
        let mut buf = vec![0; to_usize(STEP.min(end - pos))];
        while pos < end {
            if self.stop.is_set() {
                return Err(Error::Cancelled);
            }
            if level == 0 {
                let blocks = (end - pos) / block_len;
                let known = self.storage.known(pos / block_len, blocks, &mut hashes) * block_len;
                (self.report)(known);
                pos += known;
                if pos == end {
                    break;
                }
            }
            let step = to_usize(to_u64(buf.len()).min(end - pos));
            let buf = &mut buf[..step];
            self.read(level, buf, pos)?;
            buf.chunks_exact(to_usize(block_len))
                .for_each(|block| self.hasher.digest(block, &mut hashes));
            pos += to_u64(step);
            (self.report)(to_u64(step));
        }
        // Digests fill their blocks: the lengths of both are powers of two. The last block
        // is padded.
        hashes.resize(len, 0);
        let at = self.layout.level(level) + first * self.layout.hash_block_len;
        self.storage.write_hashes(&hashes, at)
    }

    fn read(&self, level: usize, buf: &mut [u8], pos: u64) -> Result<()> {
        match level.checked_sub(1) {
            None => self.storage.read_data(buf, pos),
            Some(below) => self.storage.read_hashes(buf, self.layout.level(below) + pos),
        }
    }

    /// The digest of the one block at the top.
    fn root(&self) -> Result<Vec<u8>> {
        let top = self.layout.levels.len();
        let (block_len, _) = self.below(top);
        let mut block = vec![0; to_usize(block_len)];
        self.read(top, &mut block, 0)?;
        (self.report)(block_len);
        let mut root = Vec::new();
        self.hasher.digest(&block, &mut root);
        Ok(root)
    }
}

#[cfg(test)]
mod tests;
