//! How files are stored, for other images that take them over as they are.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::extent::{Encoded, Extent, Site, Stored};
use super::fault::{Fault, Found};
use super::file::FileReader;
use super::inode::Layout;
use super::input::Input;
use super::map::Map;
use super::open::Image;
use super::place::Place;
use crate::format::algorithm::Algorithm;
use crate::format::superblock::SUPER_OFFSET;
use crate::format::to_usize;
use crate::tree::device::{Device, DeviceRun};
use crate::tree::{
    DecoderNeeds, ReadAt, StoredAt, StoredExtent, StoredFile, StoredImage, StoredMap,
};

impl StoredImage for Image {
    fn block_len(&self) -> u64 {
        self.sb.block_len()
    }

    fn name(&self) -> &Path {
        self.name()
    }

    fn needs(&self) -> DecoderNeeds {
        let all = (0..16).filter_map(Algorithm::of_number);
        DecoderNeeds {
            algorithms: all.filter(|algorithm| self.sb.allows(*algorithm)).collect(),
            lzma_dict_size: self.sb.lzma_dict,
            deflate_window_log: self.sb.deflate_window_log,
            zstd_window_log: self.sb.zstd_window_log(),
        }
    }

    fn file(&self) -> Option<&Arc<File>> {
        self.inputs.file()
    }

    fn read(&self, buf: &mut [u8], pos: u64) -> io::Result<()> {
        self.inputs.read_main(buf, pos).map_err(|fault| match fault {
            Fault::Io(error) => error,
            Fault::Image { offset, kind } => {
                io::Error::new(io::ErrorKind::InvalidData, format!("at byte {offset}: {kind}"))
            }
        })
    }
}

impl StoredFile for FileReader {
    fn image(&self) -> Arc<dyn StoredImage> {
        let image: Arc<Image> = Arc::clone(&self.image);
        image
    }

    fn reader(&self) -> &dyn ReadAt {
        self
    }

    fn stored(&self) -> io::Result<StoredMap> {
        self.stored_map().map_err(|fault| self.image.error(fault))
    }

    fn stored_at(&self, offset: u64) -> io::Result<(u64, StoredExtent)> {
        self.extent_with(offset).map_err(|fault| self.image.error(fault))
    }

    fn device(&self) -> Option<&Arc<Device>> {
        self.device.as_ref()
    }

    fn packed(&self) -> Option<Box<dyn StoredFile>> {
        let (inode, device) = (self.image.packed.clone()?, self.device.clone());
        Some(Box::new(FileReader { image: Arc::clone(&self.image), inode, device }))
    }
}

impl FileReader {
    /// Whether the file can be taken over as it is stored: it is in pclusters or chunks.
    /// Other files are read as simply as they are stored.
    pub(crate) fn can_be_taken_over(&self) -> bool {
        let is_mapped =
            matches!(self.inode.layout, Layout::Compressed { .. } | Layout::Chunks { .. });
        is_mapped && self.image.inputs.is_flat()
    }

    /// Where its inode is.
    pub(crate) fn pos(&self) -> u64 {
        self.inode.pos()
    }

    /// Whether the file is compressed, and what it needs may be in other files.
    pub(crate) fn is_scattered(&self) -> bool {
        self.is_compressed() && !self.image.inputs.is_flat()
    }

    /// Whether the file is compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        matches!(self.inode.layout, Layout::Compressed { .. })
    }

    fn stored_map(&self) -> Found<StoredMap> {
        // In inodes of devices, the field has the number of the device.
        let mut found = StoredMap { blocks: self.inode.rdev, ..StoredMap::default() };
        match self.inode.layout {
            Layout::Chunks { bits, .. } => found.chunk_bits = Some(bits),
            _ if !self.image.sb.zero_padded => {
                let what = "zeros come after pclusters, not before them";
                return Err(Fault::malformed(SUPER_OFFSET, what));
            }
            _ => {}
        }
        let mut map = self.image.map(&self.inode)?;
        let mut at = 0;
        while at < self.inode.size {
            let extent = self.extent_from(&mut map, at)?;
            at += extent.len;
            found.extents.push(self.image.stored_extent(extent)?);
        }
        Ok(found)
    }

    fn extent_with(&self, offset: u64) -> Found<(u64, StoredExtent)> {
        if offset >= self.inode.size {
            return Err(Fault::malformed(self.inode.pos(), "a file has fewer bytes than are used"));
        }
        let extent = self.image.map(&self.inode)?.extent(offset)?;
        Ok((extent.start, self.image.stored_extent(extent)?))
    }

    fn extent_from(&self, map: &mut Map<'_>, at: u64) -> Found<Extent> {
        let extent = map.extent(at)?;
        match extent.start == at {
            true => Ok(extent),
            false => Err(Fault::malformed(self.inode.pos(), "extents of a file overlap")),
        }
    }

    /// The runs of the file in the file of the image, if all of its bytes are there as
    /// they are, from starts of blocks on.
    pub(crate) fn runs(&self) -> Found<Option<Vec<DeviceRun>>> {
        let mut map = self.image.map(&self.inode)?;
        let mut runs: Vec<DeviceRun> = Vec::new();
        let mut offset = 0;
        while offset < self.inode.size {
            let Extent { len, stored, .. } = self.extent_from(&mut map, offset)?;
            match stored {
                Stored::Hole => {}
                Stored::Plain { device, pos } => {
                    let pos = self.image.inputs.flat_pos(device, pos, len)?;
                    if pos % self.image.sb.block_len() != 0 {
                        return Ok(None);
                    }
                    match runs.last_mut() {
                        Some(run) if run.end() == offset && run.pos + run.len == pos => {
                            run.len += len
                        }
                        _ => runs.push(DeviceRun { offset, len, pos }),
                    }
                }
                _ => return Ok(None),
            }
            offset += len;
        }
        Ok(Some(runs))
    }
}

impl Image {
    /// How an extent is stored.
    pub(super) fn stored_extent(&self, extent: Extent) -> Found<StoredExtent> {
        let Extent { len, stored, .. } = extent;
        let at = match stored {
            Stored::Hole => StoredAt::Hole,
            Stored::Plain { device, pos } => {
                StoredAt::Plain { pos: self.inputs.flat_pos(device, pos, len)? }
            }
            Stored::Inline(place) => {
                StoredAt::Inline { algorithm: None, bytes: self.inline(place, len)? }
            }
            Stored::Interlaced { pos, len, .. } => StoredAt::Interlaced { pos, len },
            Stored::Encoded(Encoded { algorithm, site, len, partial }) => match site {
                Site::Image(pos) => StoredAt::Encoded { algorithm, pos, len, partial },
                Site::Inline(place) => {
                    StoredAt::Inline { algorithm: Some(algorithm), bytes: self.inline(place, len)? }
                }
            },
            Stored::Fragment { offset } => StoredAt::Fragment { offset },
        };
        Ok(StoredExtent { len, at })
    }

    /// Bytes after an inode, fewer than a block.
    fn inline(&self, place: Place, len: u64) -> Found<Box<[u8]>> {
        let mut bytes = vec![0; to_usize(len)];
        self.read_meta(place, &mut bytes)?;
        Ok(bytes.into())
    }

    /// The image in its file, and how long that is. None if it has devices that are
    /// elsewhere.
    pub(crate) fn as_device(&self) -> Option<(&Input, u64)> {
        self.inputs.is_flat().then(|| self.inputs.main())
    }

    /// The length of its blocks.
    pub(crate) fn block_bytes(&self) -> u32 {
        1 << self.sb.block_bits
    }
}
