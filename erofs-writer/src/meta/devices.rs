//! The table of further devices.

use zerocopy::{FromZeros, IntoBytes};

use crate::error::{Error, Limit, Result};
use crate::format::superblock::{DEVT_SLOT_LEN, DeviceSlot};
use crate::format::{high_bits, low_half, to_u64};

/// The length of the table of this many devices, in bytes.
pub(super) fn table_len(devices: usize) -> u64 {
    to_u64(devices) * DEVT_SLOT_LEN
}

/// The table of devices, which have the numbers of blocks in `devices`. Their addresses
/// come after those of the image, which has `image_blocks`, so that they may also be
/// appended to it. An error if all together have more than `blocks_max` blocks.
pub(super) fn table(devices: &[u64], image_blocks: u64, blocks_max: u64) -> Result<Vec<u8>> {
    let full = || Error::Full(Limit::DeviceBlocks);
    let mut table = Vec::new();
    let mut next = image_blocks;
    for blocks in devices {
        let mut slot = DeviceSlot::new_zeroed();
        slot.blocks_lo = low_half(*blocks).into();
        slot.blocks_hi = high_bits(*blocks).into();
        // Linux 6.18 reads no high bits of the count and of the address
        // (`erofs_init_device`). If the address had some, the kernel would look for
        // blocks of the image on the device.
        slot.uniaddr_lo = u32::try_from(next).map_err(|_| full())?.into();
        table.extend_from_slice(slot.as_bytes());
        next += blocks;
    }
    match next > blocks_max && !table.is_empty() {
        true => Err(full()),
        false => Ok(table),
    }
}
