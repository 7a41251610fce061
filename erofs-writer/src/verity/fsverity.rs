//! The digests that fs-verity has for files.

use sha2::{Digest, Sha256};

use crate::format::to_u64;

const BLOCK: usize = 4096;
const LEN: usize = 32;

/// Makes the digest of a file from its bytes. Of each level of the tree it has one block at
/// most.
#[derive(Default)]
pub(crate) struct Digester {
    len: u64,
    /// The last block of data, as long as it is not full.
    block: Vec<u8>,
    /// Of each level the digests that do not fill a block yet.
    levels: Vec<Vec<u8>>,
}

impl Digester {
    /// Takes the next bytes of the file.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        self.len += to_u64(bytes.len());
        if !self.block.is_empty() {
            let taken = bytes.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.block.len() < BLOCK {
                return;
            }
            let block = std::mem::take(&mut self.block);
            self.push(0, hash(&block));
        }
        let mut blocks = bytes.chunks_exact(BLOCK);
        for block in &mut blocks {
            self.push(0, hash(block));
        }
        self.block.extend_from_slice(blocks.remainder());
    }

    /// Adds a digest to a level. A block that is full is hashed to the level above.
    fn push(&mut self, level: usize, digest: [u8; LEN]) {
        if self.levels.len() == level {
            self.levels.push(Vec::with_capacity(BLOCK));
        }
        self.levels[level].extend_from_slice(&digest);
        if self.levels[level].len() == BLOCK {
            self.close(level);
        }
    }

    /// Hashes what a level has, padded to a block.
    fn close(&mut self, level: usize) {
        self.levels[level].resize(BLOCK, 0);
        let digest = hash(&self.levels[level]);
        self.levels[level].clear();
        self.push(level + 1, digest);
    }

    /// The hash of the descriptor, which has the length and the root of the tree.
    pub(crate) fn finish(mut self) -> [u8; LEN] {
        if !self.block.is_empty() {
            self.block.resize(BLOCK, 0);
            let digest = hash(&self.block);
            self.push(0, digest);
        }
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            match self.levels[level].len() {
                LEN if is_top => break,
                0 => {}
                _ => self.close(level),
            }
            level += 1;
        }
        let mut descriptor = [0; 256];
        // The version, SHA-256, and the exponent of the block size.
        descriptor[..3].copy_from_slice(&[1, 1, 12]);
        descriptor[8..16].copy_from_slice(&self.len.to_le_bytes());
        // The root of an empty file is zeros.
        if let Some(top) = self.levels.last() {
            descriptor[16..16 + LEN].copy_from_slice(top);
        }
        hash(&descriptor)
    }
}

fn hash(bytes: &[u8]) -> [u8; LEN] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root as its definition says it.
    fn root(bytes: &[u8]) -> Vec<u8> {
        let mut level = bytes.to_vec();
        loop {
            level.resize(level.len().next_multiple_of(BLOCK), 0);
            if level.is_empty() {
                return vec![0; LEN];
            }
            level = level.chunks(BLOCK).flat_map(hash).collect();
            if level.len() == LEN {
                return level;
            }
        }
    }

    #[test]
    fn digests_are_as_they_are_defined_however_bytes_are_cut() {
        let lens = [0, 1, 4095, 4096, 4097, 8192, 128 * 4096, 128 * 4096 + 1, 129 * 4096];
        for len in lens.into_iter().chain([128 * 128 * 4096, 128 * 128 * 4096 + 5]) {
            let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut descriptor = vec![1, 1, 12, 0, 0, 0, 0, 0];
            descriptor.extend(to_u64(len).to_le_bytes());
            descriptor.extend(root(&bytes));
            descriptor.resize(256, 0);
            for step in [1000, 4096, 1 << 20] {
                let mut digester = Digester::default();
                bytes.chunks(step).for_each(|bytes| digester.add(bytes));
                assert!(digester.finish() == hash(&descriptor), "{len} bytes in steps of {step}");
            }
        }
    }
}
