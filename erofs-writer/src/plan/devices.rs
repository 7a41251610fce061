//! Files whose contents stay on further devices, and the chunk maps that point there.

use std::sync::Arc;

use crate::error::{Error, Limit, Result};
use crate::format::chunk::CHUNK_BITS_MAX;
use crate::format::superblock::DEVICES_MAX;
use crate::options::{BlockSize, Options, OptionsError};
use crate::plan::chunk_map::{At, ChunkMap};
use crate::plan::layout::DataPlan;
use crate::shape::{Order, files};
use crate::tree::Tree;
use crate::tree::device::{self, Device, DeviceRun};

/// The devices of an image, in the order of their numbers.
struct Devices<'a> {
    found: Vec<&'a Arc<Device>>,
    options: &'a Options,
}

/// Finds the devices, and gives the files that lie on them their chunk maps.
pub(crate) fn plan(
    plan: &mut DataPlan,
    tree: &Tree,
    order: &Order,
    options: &Options,
) -> Result<()> {
    let mut devices = Devices { found: Vec::new(), options };
    // A device counts even if no file lies on it: a mount has to name as many devices as
    // the image has (`erofs_scan_devices`, Linux 6.15).
    for device in &tree.devices {
        devices.number(device)?;
    }
    for (id, content) in files(tree, order) {
        let Some(device) = content.stays_on() else { continue };
        let device = devices.number(device)?;
        let Some((_, runs)) = content.device() else {
            check_compressed(options)?;
            continue;
        };
        let stored: u64 = runs.iter().map(|run| run.len).sum();
        plan.device_bytes = plan.device_bytes.saturating_add(stored);
        plan.hole_bytes = plan.hole_bytes.saturating_add(content.len() - stored);
        plan.set_map(tree, id, map(&runs, content.len(), device, options.block_size))?;
    }
    plan.devices = devices.found.iter().map(|device| devices.blocks(device)).collect();
    plan.devices_found = devices.found.into_iter().cloned().collect();
    Ok(())
}

/// Checks that files can stay compressed in their images.
fn check_compressed(options: &Options) -> Result<()> {
    match (options.may_compress(), options.has_metabox()) {
        (true, _) => Err(OptionsError::FilesBesideStaying.into()),
        (false, true) => Err(OptionsError::InodesBesideStaying.into()),
        (false, false) => Ok(()),
    }
}

impl DataPlan {
    /// Where a device of the image begins in the blocks after the image, and how many it
    /// has.
    pub(crate) fn device_blocks(&self, device: &Arc<Device>) -> (u64, u64) {
        let index = self.devices_found.iter().position(|found| Arc::ptr_eq(found, device));
        let index = index.expect("devices of all files were found");
        (self.devices[..index].iter().sum(), self.devices[index])
    }
}

impl<'a> Devices<'a> {
    /// The number of `device`. That of the image is 0.
    fn number(&mut self, device: &'a Arc<Device>) -> Result<u16> {
        let known = self.found.iter().position(|known| Arc::ptr_eq(known, device));
        let index = known.unwrap_or(self.found.len());
        let number = u16::try_from(index + 1).ok().filter(|number| *number <= DEVICES_MAX);
        let number = number.ok_or(Error::Full(Limit::Devices))?;
        if known.is_none() {
            let (block, needed) = (self.options.block_size.bytes(), device.unit());
            if block != needed {
                return Err(OptionsError::BlockSizeForDevices { block, needed }.into());
            }
            if self.blocks(device) > self.options.blocks_max() + 1 {
                return Err(Error::Full(Limit::DeviceBlocks));
            }
            self.found.push(device);
        }
        Ok(number)
    }

    fn blocks(&self, device: &Device) -> u64 {
        self.options.block_size.blocks(device.len())
    }
}

/// The chunk map of a file of `len` bytes, with chunks as long as possible.
fn map(runs: &[DeviceRun], len: u64, device: u16, block_size: BlockSize) -> ChunkMap {
    let block_bits = u32::from(block_size.bits());
    let bits = device::chunk_bits(runs, len).clamp(block_bits, block_bits + CHUNK_BITS_MAX);
    let chunk_len = 1_u64 << bits;
    let mut map = ChunkMap::new(u8::try_from(bits).expect("at most 47"), block_size);
    map.device = device;
    let mut end = 0;
    for run in runs {
        let first = run.offset / chunk_len;
        map.push(first - end, At::Hole);
        assert!(run.pos % block_size.len() == 0, "byte {} starts a block", run.pos);
        end = run.end().div_ceil(chunk_len);
        map.push(end - first, At::Blocks(run.pos / block_size.len()));
    }
    map.push(len.div_ceil(chunk_len) - end, At::Hole);
    map.merged(block_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLE: u64 = u64::MAX;

    fn mapped(runs: &[(u64, u64, u64)], len: u64) -> (u8, Vec<u64>) {
        let run = |(offset, len, pos): &(u64, u64, u64)| DeviceRun {
            offset: *offset,
            len: *len,
            pos: *pos,
        };
        let runs: Vec<DeviceRun> = runs.iter().map(run).collect();
        let map = map(&runs, len, 1, BlockSize::new(512).expect("a block size"));
        assert_eq!(map.device, 1);
        (map.chunk_bits, map.chunks().map(|chunk| chunk.unwrap_or(HOLE)).collect())
    }

    #[test]
    fn a_file_is_one_chunk() {
        assert_eq!(mapped(&[(0, 1, 512)], 1), (9, vec![1]));
        assert_eq!(mapped(&[(0, 513, 1024)], 513), (10, vec![2]));
        assert_eq!(mapped(&[(0, 1 << 40, 512)], 1 << 40), (40, vec![1]));
        let long = (1 << 40) + 1;
        assert_eq!(mapped(&[(0, long, 512)], long), (40, vec![1, (1 << 31) + 1]));
    }

    #[test]
    fn holes_are_chunks_of_their_own() {
        assert_eq!(mapped(&[], 5000), (13, vec![HOLE]));
        assert_eq!(mapped(&[(1024, 512, 512)], 1536), (10, vec![HOLE, 1]));
        assert_eq!(mapped(&[(0, 4096, 512), (8192, 100, 4608)], 8292), (12, vec![1, HOLE, 9]));
        assert_eq!(mapped(&[(0, 4096, 512)], 20_000), (12, vec![1, HOLE, HOLE, HOLE, HOLE]));
    }
}
