//! Parts of files of which it is known what they should hold.

use super::extent::{Extent, Stored};
use super::fault::Found;
use super::inode::Inode;
use super::map::Map;
use super::open::Image;
use crate::format::{to_u64, to_usize};
use crate::tree::StoredExtent;

impl Image {
    /// The extents of `inode` that hold `len` bytes from `offset` on, if these are `data`
    /// and extents begin and end there. `None` if they are others. If `data` is `None`,
    /// nothing is compared. Bytes in the packed inode never are.
    ///
    /// At most one extent begins in an lcluster, so there are few.
    pub(crate) fn extents_of(
        &self,
        inode: &Inode,
        offset: u64,
        len: usize,
        data: Option<&[u8]>,
    ) -> Found<Option<Vec<StoredExtent>>> {
        let end = offset.checked_add(to_u64(len));
        let Some(end) = end.filter(|end| *end <= inode.size) else { return Ok(None) };
        let most = len / to_usize(self.sb.block_len()) + 2;
        let mut map = self.map(inode)?;
        let mut found = Vec::new();
        let mut buf = Vec::new();
        let mut at = offset;
        while at < end {
            let extent = map.extent(at)?;
            if extent.start != at || extent.len > end - at || found.len() == most {
                return Ok(None);
            }
            let bytes = data.map(|data| &data[to_usize(at - offset)..][..to_usize(extent.len)]);
            if let Some(bytes) = bytes {
                if !self.holds(&mut map, extent, bytes, &mut buf)? {
                    return Ok(None);
                }
            }
            found.push(self.stored_extent(extent)?);
            at += extent.len;
        }
        Ok(Some(found))
    }

    /// Whether an extent holds `bytes`, unless it is in the packed inode. `buf` is a
    /// buffer.
    fn holds(
        &self,
        map: &mut Map<'_>,
        extent: Extent,
        bytes: &[u8],
        buf: &mut Vec<u8>,
    ) -> Found<bool> {
        if matches!(extent.stored, Stored::Fragment { .. }) {
            return Ok(true);
        }
        buf.resize(buf.len().max(bytes.len()), 0);
        let buf = &mut buf[..bytes.len()];
        self.read_mapped(map, extent.start, buf)?;
        Ok(buf == bytes)
    }
}
