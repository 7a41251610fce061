//! The table of further devices.

use zerocopy::{FromZeros, IntoBytes};

use crate::error::{Error, Limit, Result};
use crate::format::superblock::{DEVT_SLOT_LEN, DeviceSlot};
use crate::format::{high_bits, low_half, to_u64};

/// How long the table of so many devices is.
pub(super) fn table_len(devices: usize) -> u64 {
    to_u64(devices) * DEVT_SLOT_LEN
}

/// The table of devices of so many blocks. These follow the blocks of the image,
/// of which there are `image_blocks`, so that they may be appended to it as
/// well. All together have no more than `blocks_max`.
pub(super) fn table(devices: &[u64], image_blocks: u64, blocks_max: u64) -> Result<Vec<u8>> {
    let full = || Error::Full(Limit::DeviceBlocks);
    let mut table = Vec::new();
    let mut next = image_blocks;
    for blocks in devices {
        let mut slot = DeviceSlot::new_zeroed();
        slot.blocks_lo = low_half(*blocks).into();
        slot.blocks_hi = high_bits(*blocks).into();
        // Linux 6.18 reads no high bits of either. Without those of this
        // one, blocks of the image would be looked for on the device.
        slot.uniaddr_lo = u32::try_from(next).map_err(|_| full())?.into();
        table.extend_from_slice(slot.as_bytes());
        next += blocks;
    }
    match next > blocks_max && !table.is_empty() {
        true => Err(full()),
        false => Ok(table),
    }
}
