//! How a part of a compressed file is stored.

use super::extent::{Encoded, Extent, Site, Stored};
use super::fault::{Fault, Found};
use super::inode::Inode;
use super::map::Map;
use super::open::Image;
use super::place::Place;
use crate::format::algorithm::Algorithm;
use crate::format::{to_u64, to_usize};

/// An extent of a compressed file.
#[derive(Debug, Clone)]
pub(crate) struct StoredExtent {
    /// How many bytes of the file it has.
    pub(crate) len: u64,
    pub(crate) stored: StoredIn,
}

/// Where its bytes are.
#[derive(Debug, Clone)]
pub(crate) enum StoredIn {
    /// In `len` bytes of the image from `pos` on.
    Blocks { pos: u64, len: u64, stored_as: StoredAs },
    /// After the inode.
    Inline { bytes: Vec<u8>, stored_as: StoredAs },
    /// In the packed inode.
    Fragment,
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredAs {
    Plain,
    Interlaced,
    Encoded(Algorithm),
}

impl Image {
    /// The extents of `inode` that hold its bytes from `offset` on, if these are `data`
    /// and extents begin and end there. `None` if they are others, or if the file is not
    /// stored in pclusters of the image. Bytes in the packed inode are not compared.
    ///
    /// At most one extent begins in an lcluster, so there are few.
    pub(crate) fn extents_of(
        &self,
        inode: &Inode,
        offset: u64,
        data: &[u8],
    ) -> Found<Option<Vec<StoredExtent>>> {
        let end = offset.checked_add(to_u64(data.len()));
        let Some(end) = end.filter(|end| *end <= inode.size) else { return Ok(None) };
        let most = data.len() / to_usize(self.sb.block_len()) + 2;
        let mut map = self.map(inode)?;
        let mut found = Vec::new();
        let mut buf = Vec::new();
        let mut at = offset;
        while at < end {
            let extent = map.extent(at)?;
            let goes_on = extent.start == at && extent.len <= end - at && found.len() < most;
            let stored = if goes_on { self.stored(extent)? } else { None };
            let Some(stored) = stored else { return Ok(None) };
            if !matches!(stored, StoredIn::Fragment) {
                let bytes = &data[to_usize(at - offset)..][..to_usize(extent.len)];
                if !self.holds(&mut map, extent, bytes, &mut buf)? {
                    return Ok(None);
                }
            }
            found.push(StoredExtent { len: extent.len, stored });
            at += extent.len;
        }
        Ok(Some(found))
    }

    /// Whether an extent holds `bytes`. `buf` is a buffer.
    fn holds(
        &self,
        map: &mut Map<'_>,
        extent: Extent,
        bytes: &[u8],
        buf: &mut Vec<u8>,
    ) -> Found<bool> {
        buf.resize(buf.len().max(bytes.len()), 0);
        let buf = &mut buf[..bytes.len()];
        self.read_mapped(map, extent.start, buf)?;
        Ok(buf == bytes)
    }

    /// Where an extent is; `None` if that is no pcluster of the image.
    fn stored(&self, extent: Extent) -> Found<Option<StoredIn>> {
        let blocks = |pos, len, stored_as| Some(StoredIn::Blocks { pos, len, stored_as });
        Ok(match extent.stored {
            Stored::Hole => None,
            Stored::Plain { device: 0, pos } => {
                let len = extent.len.checked_next_multiple_of(self.sb.block_len());
                len.and_then(|len| blocks(pos, len, StoredAs::Plain))
            }
            Stored::Plain { .. } => None,
            Stored::Interlaced { pos, len, .. } => blocks(pos, len, StoredAs::Interlaced),
            Stored::Encoded(Encoded { algorithm, site: Site::Image(pos), len, .. }) => {
                blocks(pos, len, StoredAs::Encoded(algorithm))
            }
            Stored::Encoded(Encoded { algorithm, site: Site::Inline(place), len, .. }) => {
                Some(StoredIn::Inline {
                    bytes: self.inline_bytes(place, len)?,
                    stored_as: StoredAs::Encoded(algorithm),
                })
            }
            Stored::Inline(place) => Some(StoredIn::Inline {
                bytes: self.inline_bytes(place, extent.len)?,
                stored_as: StoredAs::Plain,
            }),
            Stored::Fragment { .. } => Some(StoredIn::Fragment),
        })
    }

    /// Bytes after an inode, which are less than two blocks.
    fn inline_bytes(&self, place: Place, len: u64) -> Found<Vec<u8>> {
        if len > 2 * self.sb.block_len() {
            return Err(Fault::malformed(place.pos, "data after an inode crosses a block"));
        }
        let mut bytes = vec![0; to_usize(len)];
        self.read_meta(place, &mut bytes)?;
        Ok(bytes)
    }
}
