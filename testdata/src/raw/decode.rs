//! Decoding of the inodes that no directory names: the metabox, in which inodes are, and
//! the packed inode where directories are in it.

use std::io::Read;

use super::Image;
use super::zmap::{Place, Zmap, advise};
use crate::codecs::lzma_file;
use crate::num::index;

/// Where the bytes of the decoded metabox are taken to lie, so that one number tells a
/// place in the image or there.
pub const METABOX: u64 = 1 << 62;
/// The same for the decoded packed inode.
pub const PACKED: u64 = 1 << 61;

/// The most bytes that a pcluster may decode to.
const DECODED_MAX: usize = 12 << 20;

/// All bytes of a compressed inode in an image with blocks of `block_size` bytes; None if
/// something cannot be decoded.
pub fn decode(image: &Image, map: &Zmap, block_size: u64) -> Option<Vec<u8>> {
    let interlaced = map.advise() & advise::INTERLACED != 0;
    let mut out: Vec<u8> = Vec::new();
    for extent in &map.extents {
        let len = index(extent.len);
        match extent.place {
            Place::Hole => out.resize(out.len() + len, 0),
            // These inodes have no fragments.
            Place::Fragment(_) => return None,
            Place::Stored { at, len: stored, algorithm } => {
                let mut bytes = image.bytes(at, stored)?;
                let decoded = match algorithm {
                    None if interlaced => {
                        bytes.rotate_left(index(extent.start % block_size));
                        bytes
                    }
                    None => bytes,
                    // A partial extent does not tell how much the pcluster holds.
                    Some(algorithm) if extent.partial => {
                        decompress(algorithm, &bytes, DECODED_MAX)?
                    }
                    Some(algorithm) => decompress(algorithm, &bytes, len)?,
                };
                out.extend_from_slice(decoded.get(..len)?);
            }
        }
    }
    Some(out)
}

/// Up to `len` bytes from a pcluster, which has zeros before its stream.
fn decompress(algorithm: u64, bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let bytes = &bytes[start..];
    match algorithm {
        0 => {
            let mut out = vec![0; len];
            let found = lz4_flex::block::decompress_into(bytes, &mut out).ok()?;
            out.truncate(found);
            Some(out)
        }
        1 => {
            let mut out = Vec::new();
            lzma_rs::lzma_decompress(&mut &lzma_file(bytes, 8 << 20, len)[..], &mut out).ok()?;
            Some(out)
        }
        2 => {
            let mut out = Vec::with_capacity(len);
            let mut decoder = flate2::Decompress::new(false);
            decoder.decompress_vec(bytes, &mut out, flate2::FlushDecompress::Finish).ok()?;
            Some(out)
        }
        _ => {
            let mut out = Vec::new();
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes).ok()?;
            decoder.read_to_end(&mut out).ok()?;
            Some(out)
        }
    }
}
