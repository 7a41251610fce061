//! The bytes of files.

use std::sync::Arc;

use super::extent::{Encoded, Extent, Site, Stored};
use super::fault::{Fault, Found};
use super::inode::Inode;
use super::map::Map;
use super::open::Image;
use crate::error::ImageErrorKind;
use crate::format::{to_u64, to_usize};

/// The longest target of a symlink that Linux follows.
const SYMLINK_MAX: u64 = 4095;

impl Image {
    /// The target of a symlink.
    pub(crate) fn symlink(&self, inode: &Inode) -> Found<Vec<u8>> {
        if !(1..=SYMLINK_MAX).contains(&inode.size) {
            let what = "the target of a symlink is empty or longer than 4095 bytes";
            return Err(Fault::malformed(inode.place.pos, what));
        }
        let mut target = vec![0; to_usize(inode.size)];
        self.read_data(inode, 0, &mut target)?;
        match target.contains(&0) {
            true => Err(Fault::malformed(inode.place.pos, "the target of a symlink has a NUL")),
            false => Ok(target),
        }
    }

    /// Fills `buf` with the bytes of a file from `offset` on. The file must have them.
    pub(super) fn read_data(&self, inode: &Inode, offset: u64, buf: &mut [u8]) -> Found<()> {
        let is_inside = offset.checked_add(to_u64(buf.len())).is_some_and(|end| end <= inode.size);
        if !is_inside {
            return Err(Fault::malformed(inode.place.pos, "a file has fewer bytes than are used"));
        }
        self.read_mapped(&mut self.map(inode)?, offset, buf)
    }

    /// The same with a map of the file.
    pub(super) fn read_mapped(
        &self,
        map: &mut Map<'_>,
        mut offset: u64,
        mut buf: &mut [u8],
    ) -> Found<()> {
        while !buf.is_empty() {
            let extent = map.extent(offset)?;
            let skipped = offset - extent.start;
            let len = (extent.len - skipped).min(to_u64(buf.len()));
            let (now, rest) = buf.split_at_mut(to_usize(len));
            self.read_extent(map, extent, skipped, now)?;
            buf = rest;
            offset += len;
        }
        Ok(())
    }

    /// Fills `buf` with bytes of an extent, without the first `skipped`.
    pub(super) fn read_extent(
        &self,
        map: &Map<'_>,
        extent: Extent,
        skipped: u64,
        buf: &mut [u8],
    ) -> Found<()> {
        match extent.stored {
            Stored::Hole => {
                buf.fill(0);
                Ok(())
            }
            Stored::Plain { device, pos } => {
                self.inputs.read_from(device, buf, pos.saturating_add(skipped))
            }
            Stored::Inline(place) => self.read_meta(place.plus(skipped), buf),
            Stored::Interlaced { pos, len, first } => {
                let at = (first + skipped) % len;
                let whole = (len - at).min(to_u64(buf.len()));
                let (end, start) = buf.split_at_mut(to_usize(whole));
                self.inputs.read_from(0, end, pos.saturating_add(at))?;
                self.inputs.read_from(0, start, pos)
            }
            Stored::Encoded(encoded) => self.read_encoded(encoded, extent.len, skipped, buf),
            Stored::Fragment { offset } => match &self.packed {
                Some(packed) if packed.nid != map.nid() => {
                    self.read_data(packed, offset.saturating_add(skipped), buf)
                }
                _ => Err(Fault::malformed(offset, "there is no packed inode for a fragment")),
            },
        }
    }

    /// The same where the extent has `len` bytes and is encoded.
    fn read_encoded(&self, encoded: Encoded, len: u64, skipped: u64, buf: &mut [u8]) -> Found<()> {
        let Site::Image(pos) = encoded.site else {
            let bytes = self.decode(encoded, to_usize(len))?;
            buf.copy_from_slice(&bytes[to_usize(skipped)..][..buf.len()]);
            return Ok(());
        };
        if to_u64(buf.len()) == len {
            return self.decode_into(encoded, buf);
        }
        let start = to_usize(skipped);
        let needed = start + buf.len();
        let bytes = match self.cache.get(pos, needed) {
            Some(bytes) => bytes,
            None => {
                let bytes = self.decode(encoded, to_usize(len))?;
                self.cache.put(pos, Arc::clone(&bytes));
                bytes
            }
        };
        buf.copy_from_slice(&bytes[start..needed]);
        Ok(())
    }

    fn decode(&self, encoded: Encoded, len: usize) -> Found<Arc<[u8]>> {
        let mut bytes = vec![0; len];
        self.decode_into(encoded, &mut bytes)?;
        Ok(bytes.into())
    }

    fn decode_into(&self, encoded: Encoded, out: &mut [u8]) -> Found<()> {
        let mut bytes = vec![0; to_usize(encoded.len)];
        let pos = match encoded.site {
            Site::Image(pos) => {
                self.inputs.read_from(0, &mut bytes, pos)?;
                pos
            }
            Site::Inline(place) => {
                self.read_meta(place, &mut bytes)?;
                place.pos
            }
        };
        // Zeros may come before a pcluster, but not a whole block of them
        // (`z_erofs_fixup_insize`).
        let block_len = self.sb.block_len();
        let first_block = bytes.iter().take(to_usize(block_len - pos % block_len));
        let zeros = first_block.take_while(|byte| **byte == 0).count();
        let pcluster = &bytes[zeros..];
        let kind = ImageErrorKind::Pcluster { algorithm: encoded.algorithm };
        let decoded = self.sb.decode(encoded.algorithm, pcluster, out);
        decoded.map_err(|_| Fault::new(pos, kind))
    }
}
