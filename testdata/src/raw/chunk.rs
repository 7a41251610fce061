//! Maps of chunk-based files.

use super::inode::{Inode, NO_BLOCK};
use super::space::{Space, Use};
use super::superblock::{Device, Superblock, incompat};
use super::{Findings, Image, Rule};
use crate::num::{le, up, wide};

const INDEXES: u64 = 0x20;
const BIT48: u64 = 0x40;

/// A chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// First block; None for a hole.
    pub block: Option<u64>,
    /// Device, 0 for the image itself.
    pub device: u64,
}

/// The map of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMap {
    /// Where it is.
    pub at: u64,
    /// Bytes of an entry.
    pub unit: u64,
    /// Bytes of a chunk.
    pub chunk_size: u64,
    /// All chunks.
    pub chunks: Vec<Chunk>,
}

/// Decodes the chunk map of an inode.
pub fn read(
    image: &Image,
    sb: &Superblock,
    devices: &[Device],
    inode: &Inode,
    space: &mut Space,
    found: &mut Findings,
) -> Option<ChunkMap> {
    let format = inode.get("i_u");
    let text = format!("nid {}: chunk format {format:#x}", inode.nid);
    if format & !0x7f != 0 || (format & BIT48 != 0 && format & INDEXES == 0) {
        found.add(Rule::ChunkMap, inode.at + 0x10, text);
        return None;
    }
    let good = format & BIT48 == 0 || sb.incompat(incompat::BIT48);
    found.expect(good, Rule::MissingFeature, inode.at, &text);
    let good = sb.incompat(incompat::CHUNKED_FILE);
    found.expect(good, Rule::MissingFeature, inode.at, &text);

    let chunk_size = sb.block_size() << (format & 0x1f);
    let unit = if format & INDEXES == 0 { 4 } else { 8 };
    let at = up(inode.end(), unit);
    let len = inode.size().div_ceil(chunk_size).saturating_mul(unit);
    let Some(bytes) = image.bytes(at, len) else {
        found.add(Rule::OutOfImage, at, text);
        return None;
    };
    space.claim(at, len, Use::Meta, "chunk map");
    let entries = bytes.chunks(if unit == 4 { 4 } else { 8 }).enumerate();
    let chunks = entries
        .map(|(number, entry)| read_chunk(entry, format, at + unit * wide(number), found))
        .collect();
    let map = ChunkMap { at, unit, chunk_size, chunks };
    claim(&map, sb, devices, inode, space, found);
    Some(map)
}

fn read_chunk(entry: &[u8], format: u64, at: u64, found: &mut Findings) -> Chunk {
    if format & INDEXES == 0 {
        let block = le(entry, 0, 4);
        return Chunk { block: (block != NO_BLOCK).then_some(block), device: 0 };
    }
    let (high, device, low) = (le(entry, 0, 2), le(entry, 2, 2), le(entry, 4, 4));
    let block = if format & BIT48 == 0 {
        found.expect(high == 0, Rule::ChunkMap, at, "startblk_hi");
        (low != NO_BLOCK).then_some(low)
    } else {
        let block = high << 32 | low;
        (block != 0xffff_ffff_ffff).then_some(block)
    };
    let good = block.is_some() || device == 0;
    found.expect(good, Rule::ChunkMap, at, "hole on a device");
    Chunk { block, device }
}

fn claim(
    map: &ChunkMap,
    sb: &Superblock,
    devices: &[Device],
    inode: &Inode,
    space: &mut Space,
    found: &mut Findings,
) {
    let bs = sb.block_size();
    for (number, chunk) in map.chunks.iter().enumerate() {
        let start = map.chunk_size * wide(number);
        let len = map.chunk_size.min(inode.size() - start);
        let Some(block) = chunk.block else { continue };
        let end = block + len.div_ceil(bs);
        if chunk.device == 0 && block < sb.blocks() {
            space.claim(block * bs, len, Use::Data, "chunk");
            continue;
        }
        let inside = |device: &Device, block: u64, end: u64| {
            device.uniaddr != 0 && block >= device.uniaddr && end <= device.uniaddr + device.blocks
        };
        let good = match chunk.device {
            0 => devices.iter().any(|device| inside(device, block, end)),
            id => devices.get(crate::num::index(id) - 1).is_some_and(|device| end <= device.blocks),
        };
        let at = map.at + map.unit * wide(number);
        let text = format!("nid {}: {chunk:?}", inode.nid);
        found.expect(good, Rule::OutOfImage, at, text);
    }
}
