//! Comparing the superblock with the options. Its checksum was compared when the image was
//! opened.

use super::check::{Check, field};
use crate::error::{Error, Result, VerifyErrorKind};
use crate::format::superblock::{
    COMPAT_MTIME, COMPAT_SB_CHKSUM, INCOMPAT_48BIT, INCOMPAT_DEVICE_TABLE, SuperBlock,
};
use crate::format::to_u64;
use crate::image::Image;
use crate::tree::Tree;
use uuid::Uuid;

/// Compares it, where the image has so many inodes with names.
pub(super) fn compare(check: &Check<'_>, image: &Image, inodes: usize) -> Result<()> {
    let sb = image.superblock();
    let wrong = |kind| Err(check.wrong(Tree::ROOT, kind));
    let options = check.options;
    let has = |found: u32, bit| found & bit != 0;
    let devices = check.devices.len();
    let block_bits = options.block_size.bits();
    if sb.blkszbits != block_bits {
        return wrong(field("log2 of the block size", sb.blkszbits, block_bits));
    }
    let (compat, incompat) = (sb.feature_compat.get(), sb.feature_incompat.get());
    // Without devices, the bit only allows two algorithms in a file.
    let has_devices = has(incompat, INCOMPAT_DEVICE_TABLE) && sb.extra_devices.get() > 0;
    for (name, found, expected) in [
        ("a checksum:", has(compat, COMPAT_SB_CHKSUM), options.checksum),
        ("times:", has(compat, COMPAT_MTIME), true),
        ("wide addresses:", has(incompat, INCOMPAT_48BIT), options.wide_addresses),
        ("a table of devices:", has_devices, devices > 0),
    ] {
        if found != expected {
            return wrong(field(name, found, expected));
        }
    }
    let uuid = Uuid::from_bytes(sb.uuid);
    if uuid != check.uuid {
        return wrong(field("the UUID", uuid, check.uuid));
    }
    compare_label(check, sb)?;
    let blocks = blocks(sb);
    let expected = image.total_len() >> block_bits;
    if blocks != expected {
        return wrong(field("blocks:", blocks, expected));
    }
    // The packed inode, and one that may be there only for `avoid_minix`, have no names.
    let inodes = to_u64(inodes);
    if !(inodes..=inodes + 2).contains(&sb.inos.get()) {
        return wrong(field("inodes:", sb.inos.get(), inodes));
    }
    if let Some(time) = options.build_time {
        let found = sb.epoch.get().checked_add(sb.build_time.get().into());
        if found != Some(time.sec) {
            return wrong(field("the time", found.unwrap_or(i64::MAX), time.sec));
        }
    }
    if devices > 0 && usize::from(sb.extra_devices.get()) != devices {
        return wrong(field("devices:", sb.extra_devices.get(), devices));
    }
    compare_devices(check, image)
}

/// Compares the device table: the devices follow the image and each other.
fn compare_devices(check: &Check<'_>, image: &Image) -> Result<()> {
    let block_size = check.options.block_size;
    let mut next = image.total_len();
    for ((start, len), device) in image.device_slots().zip(&check.devices) {
        let expected = block_size.blocks(device.len()) * block_size.len();
        for (name, found, expected) in
            [("a device from byte", start, next), ("a device of bytes:", len, expected)]
        {
            if found != expected {
                return Err(check.wrong(Tree::ROOT, field(name, found, expected)));
            }
        }
        next += len;
    }
    Ok(())
}

/// The number of blocks.
fn blocks(sb: &SuperBlock) -> u64 {
    let high = match sb.feature_incompat.get() & INCOMPAT_48BIT != 0 {
        true => u64::from(sb.rootnid_2b.get()) << 32,
        false => 0,
    };
    high | u64::from(sb.blocks_lo.get())
}

fn compare_label(check: &Check<'_>, sb: &SuperBlock) -> Result<()> {
    let expected = check.options.label.as_bytes();
    let (label, padding) = sb.volume_name.split_at(expected.len());
    match label == expected && padding.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let kind: VerifyErrorKind = field("the label", shown(&sb.volume_name), shown(expected));
            Err(Error::Verify { path: b"/".to_vec(), kind })
        }
    }
}
