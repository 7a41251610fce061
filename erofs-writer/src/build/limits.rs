//! Checks before a build: how much there is to do, and whether options go together.

use crate::error::Result;
use crate::options::{Options, OptionsError};
use crate::pool::{Threads, Wanted};
use crate::shape::Order;
use crate::tree::{Kind, Tree};

/// A tree has little if it has no more inodes and bytes than this.
const SMALL_INODES: usize = 256;
const SMALL_LEN: u64 = 1 << 20;
/// The costs, in bytes, of compressing a byte, of opening a file, and of asking a
/// reader of the caller's, which may have to wait.
const COMPRESSING: u64 = 8;
const OPENING: u64 = 4 << 10;
const ASKING: u64 = 64 << 10;

/// Whether there is so little to do that it takes longer to start threads.
fn is_small(tree: &Tree, order: &Order, options: &Options) -> bool {
    let factor = if options.may_compress() { COMPRESSING } else { 1 };
    let costs = order.ids.iter().map(|id| match &tree.inode(*id).kind {
        Kind::File(content) => {
            let start = if content.is_custom() { ASKING } else { OPENING };
            content.len().saturating_mul(factor).saturating_add(start)
        }
        _ => 0,
    });
    order.ids.len() <= SMALL_INODES && costs.fold(0, u64::saturating_add) <= SMALL_LEN
}

/// The threads for a build.
pub(super) fn threads(tree: &Tree, order: &Order, options: &Options, wanted: &Wanted) -> Threads {
    match is_small(tree, order, options) {
        true => Threads::Caller,
        false => wanted.get(),
    }
}

/// Refuses contradictions between options, and values beyond all bounds.
pub(super) fn check_options(options: &Options) -> Result<()> {
    options.check_target()?;
    options.check_metadata()?;
    let block_len = options.block_size.len();
    let mut sizes = options.pcluster_sizes().map(|size| u64::from(size.bytes()));
    if let Some(pcluster) = sizes.find(|len| len % block_len != 0) {
        let block = options.block_size.bytes();
        return Err(OptionsError::PclusterSizeForBlockSize { pcluster, block }.into());
    }
    if options.max_extent_len.is_some_and(|len| len < block_len) {
        return Err(OptionsError::MaxExtentLen.into());
    }
    if let Some(chunk) = options.chunk_size {
        let (chunk_bits, block_bits) = (chunk.bits(), options.block_size.bits());
        if !(block_bits..=block_bits + 31).contains(&chunk_bits) {
            return Err(OptionsError::ChunkSizeForBlockSize {
                chunk: chunk.bytes(),
                block: options.block_size.bytes(),
            }
            .into());
        }
    }
    Ok(())
}
