//! Whether addresses of blocks may need more than 32 bits.
//!
//! If so, inodes and chunk maps are longer, and their lengths decide where everything
//! lies. So this is decided first, by a bound.

use crate::format::superblock::{DEVICES_MAX, DEVT_SLOT_LEN};
use crate::format::{NULL_ADDR, to_u64};
use crate::options::Options;
use crate::shape::order::Order;
use crate::shape::size::Sizes;
use crate::shape::xattr::XattrTable;
use crate::tree::{Kind, Tree};

/// Room for the boot sector, the superblock and blocks that are begun.
const START_BLOCKS: u64 = 16;

/// Whether an image of `tree` may have blocks at such addresses. Without wide
/// addresses it has none.
pub(super) fn is_far(tree: &Tree, order: &Order, xattrs: &XattrTable, options: &Options) -> bool {
    if !options.wide_addresses {
        return false;
    }
    let (block_size, sizes) = (options.block_size, Sizes::of(options));
    let tables = u64::from(DEVICES_MAX) * DEVT_SLOT_LEN
        + to_u64(xattrs.shared.len())
        + to_u64(xattrs.prefixes.len());
    let aligned = u64::from(options.data_alignment);
    let start = START_BLOCKS + block_size.blocks(tables) + aligned;
    let most = order.ids.iter().fold(start, |most, id| {
        let data = block_size.blocks(sizes.size(tree, *id));
        let data = match &tree.inode(*id).kind {
            // Only its chunk map or index is in the image, and less than a block besides.
            Kind::File(content) if content.stays_on().is_some() => data / 32,
            _ => data,
        };
        let head = block_size.blocks(64 + xattrs.body_len(*id));
        // Twice the blocks of the data are more than the data takes together with
        // pclusters, an index or a chunk map, which have 8 bytes for each block.
        most.saturating_add(2 * data + head + 3 + aligned)
    });
    most >= u64::from(NULL_ADDR)
}
