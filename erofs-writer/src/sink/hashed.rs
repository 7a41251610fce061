//! Digests of blocks for a dm-verity tree, made while they are written.
//!
//! The salt has to be known by then, so this is for images whose UUID does not depend on
//! their bytes. Others are read back when they are complete.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::format::{to_u64, to_usize};
use crate::options::{ImageUuid, Options, VeritySalt};
use crate::verity::{Hasher, salt};

/// The most bytes of digests that are kept: those of SHA-256 for 32 GiB in blocks of 4 KiB.
/// Blocks after these are read back.
const TABLE_MAX: usize = 256 << 20;

/// Keeps the digest of each block that is written.
pub(crate) struct BlockHashes {
    hasher: Hasher,
    block_len: usize,
    /// In the order of the blocks.
    digests: Mutex<Vec<u8>>,
}

impl BlockHashes {
    /// For the tree that `options` ask for, if its salt is known.
    pub(super) fn new(options: &Options) -> Option<Self> {
        let verity = options.verity.as_ref()?;
        let uuid = match options.uuid {
            ImageUuid::None => Some(Uuid::nil()),
            ImageUuid::Fixed(uuid) => Some(uuid),
            ImageUuid::FromContent if verity.salt == VeritySalt::FromUuid => None,
            // It does not matter.
            ImageUuid::FromContent => Some(Uuid::nil()),
        };
        let salt = salt(verity, uuid?);
        let block_len = verity.data_block_size_for(options.block_size).len();
        // Whole blocks of the image are written, and not larger ones.
        (block_len <= options.block_size.len()).then(|| BlockHashes {
            hasher: Hasher::new(verity.hash, &salt),
            block_len: to_usize(block_len),
            digests: Mutex::default(),
        })
    }

    /// Hashes whole blocks, which begin at the byte `pos` of the image.
    pub(super) fn add(&self, bytes: &[u8], pos: u64) {
        let is_whole = pos % to_u64(self.block_len) == 0 && bytes.len() % self.block_len == 0;
        assert!(is_whole, "{} bytes at {pos} are no whole blocks", bytes.len());
        let digest_len = self.hasher.digest_len();
        let first = pos / to_u64(self.block_len);
        let start = usize::try_from(first).ok().and_then(|first| first.checked_mul(digest_len));
        let Some(start) = start.filter(|start| *start < TABLE_MAX) else { return };
        let mut new = Vec::with_capacity(bytes.len() / self.block_len * digest_len);
        bytes.chunks_exact(self.block_len).for_each(|block| self.hasher.digest(block, &mut new));
        new.truncate(TABLE_MAX - start);
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if digests.len() < start + new.len() {
            digests.resize(start + new.len(), 0);
        }
        digests[start..start + new.len()].copy_from_slice(&new);
    }

    /// Appends the digests of up to `count` blocks from the block `first` on, all of which
    /// have been written, and returns of how many.
    pub(crate) fn get(&self, first: u64, count: u64, out: &mut Vec<u8>) -> u64 {
        let digest_len = to_u64(self.hasher.digest_len());
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let known = to_u64(digests.len()) / digest_len;
        let count = count.min(known.saturating_sub(first));
        let start = to_usize(first.min(known) * digest_len);
        out.extend_from_slice(&digests[start..start + to_usize(count * digest_len)]);
        count
    }
}
