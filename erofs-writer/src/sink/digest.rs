//! A hash of all that is written, from which an image's UUID is made.
//!
//! It is the same however the work is cut, and in whatever order it is done: each
//! block is hashed with its place, and these hashes are added up.
//!
//! It tells images apart, and is fast. It does not protect against somebody who wants
//! two images to have the same hash: they could as well write the same UUID into both.

use std::sync::{Mutex, PoisonError};

use twox_hash::XxHash3_128;

use crate::format::{to_u64, to_usize};

/// Adds up the blocks of an image as they are written.
#[derive(Debug)]
pub(super) struct BlockDigest {
    block_len: usize,
    sum: Mutex<u128>,
}

impl BlockDigest {
    /// For blocks of `block_len` bytes.
    pub(super) fn new(block_len: u64) -> Self {
        BlockDigest { block_len: to_usize(block_len), sum: Mutex::new(0) }
    }

    /// Adds whole blocks, which begin at the byte `pos` of the image.
    pub(super) fn add(&self, bytes: &[u8], pos: u64) {
        let block_len = to_u64(self.block_len);
        let is_whole = pos % block_len == 0 && bytes.len() % self.block_len == 0;
        assert!(is_whole, "{} bytes at {pos} are no whole blocks", bytes.len());
        let blocks = (pos / block_len..).zip(bytes.chunks(self.block_len));
        let sum = blocks.map(|(block, bytes)| placed(block, bytes)).fold(0, u128::wrapping_add);
        let mut total = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        *total = total.wrapping_add(sum);
    }

    /// A hash of these blocks, and of `head`.
    pub(super) fn finish(&self, head: &[u8]) -> [u8; 16] {
        let sum = *self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hasher = XxHash3_128::new();
        hasher.write(&sum.to_le_bytes());
        hasher.write(head);
        hasher.finish_128().to_be_bytes()
    }
}

/// The hash of a block with its place.
fn placed(block: u64, bytes: &[u8]) -> u128 {
    let mut both = [0; 24];
    both[..16].copy_from_slice(&XxHash3_128::oneshot(bytes).to_le_bytes());
    both[16..].copy_from_slice(&block.to_le_bytes());
    XxHash3_128::oneshot(&both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_matter_how_blocks_are_cut_but_where_they_are() {
        let bytes: Vec<u8> = (0..=255).cycle().take(8 * 512).collect();
        let digest = |cuts: &[(usize, usize)], pos: u64| {
            let digest = BlockDigest::new(512);
            for (start, end) in cuts {
                digest.add(&bytes[512 * start..512 * end], pos + 512 * to_u64(*start));
            }
            digest.finish(b"head")
        };
        let whole = digest(&[(0, 8)], 1024);
        assert_eq!(whole, digest(&[(5, 8), (0, 2), (2, 5)], 1024));
        assert_ne!(whole, digest(&[(0, 8)], 1536));
        assert_ne!(whole, digest(&[(0, 7)], 1024));
        let other = BlockDigest::new(512);
        other.add(&bytes, 1024);
        assert_ne!(whole, other.finish(b"hea"));
    }
}
