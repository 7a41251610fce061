//! The contents of a file in runs, as they are stored: for those who read all of them.

use super::extent::{Encoded, Extent, Stored};
use super::fault::Found;
use super::inode::Inode;
use super::map::Map;
use super::open::Image;
use crate::format::{to_u64, to_usize};
use crate::tree::StoredAt;

/// The contents of a file. Runs have to be asked for in the order of their offsets, or
/// else that takes longer.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    image: &'a Image,
    map: Map<'a>,
}

/// Consecutive bytes of a file that are stored in one way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run(Extent);

/// In what they are stored.
#[derive(Debug)]
pub(crate) enum Home {
    /// The image itself, or nothing, as they are zeros.
    Image,
    /// A device, which has this place in the table. The position is one of the device.
    Device(usize, StoredAt),
    /// The packed inode, from this byte on.
    Packed(u64),
}

/// How they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// Nowhere: they are zeros.
    Hole,
    /// As they are, at this byte of a device; device 0 is the image.
    Plain { device: u16, pos: u64 },
    /// Elsewhere, but any of them can be had.
    Other,
    /// In a pcluster. All of them have to be decoded, at most 12 MiB.
    Encoded,
}

impl Run {
    /// Where it begins in the file.
    pub(crate) fn start(self) -> u64 {
        self.0.start
    }

    /// Where it ends in the file.
    pub(crate) fn end(self) -> u64 {
        self.0.start.saturating_add(self.0.len)
    }

    pub(crate) fn bytes(self) -> Bytes {
        match self.0.stored {
            Stored::Hole => Bytes::Hole,
            Stored::Plain { device, pos } => Bytes::Plain { device, pos },
            Stored::Encoded(_) => Bytes::Encoded,
            Stored::Inline(_) | Stored::Interlaced { .. } | Stored::Fragment { .. } => Bytes::Other,
        }
    }
}

impl Image {
    /// The file with fragments.
    pub(crate) fn packed(&self) -> Option<&Inode> {
        self.packed.as_ref()
    }

    /// The first byte and the length of each device in the table.
    pub(crate) fn device_slots(&self) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        self.inputs.slots()
    }

    /// The contents of an inode.
    pub(crate) fn contents<'a>(&'a self, inode: &'a Inode) -> Found<Contents<'a>> {
        Ok(Contents { image: self, map: self.map(inode)? })
    }
}

impl Contents<'_> {
    /// The run with the byte `offset`, which the file has.
    pub(crate) fn run(&mut self, offset: u64) -> Found<Run> {
        self.map.extent(offset).map(Run)
    }

    /// In what a run is stored.
    pub(crate) fn home(&self, run: Run) -> Home {
        let Run(Extent { stored, .. }) = run;
        let at = match stored {
            Stored::Fragment { offset } => return Home::Packed(offset),
            Stored::Plain { device, pos } if device != 0 => {
                return Home::Device(usize::from(device) - 1, StoredAt::Plain { pos });
            }
            stored => stored.pos().and_then(|pos| self.image.inputs.slot_of(pos)),
        };
        let Some((device, pos)) = at else { return Home::Image };
        let stored = match stored {
            Stored::Interlaced { len, .. } => StoredAt::Interlaced { pos, len },
            Stored::Encoded(Encoded { algorithm, len, partial, .. }) => {
                StoredAt::Encoded { algorithm, pos, len, partial }
            }
            _ => StoredAt::Plain { pos },
        };
        Home::Device(device, stored)
    }

    /// Where the run with the byte `offset`, which the file has, is stored: whether in the
    /// packed inode, and at which byte of it or of the image. What is near is read faster.
    pub(crate) fn site(&mut self, offset: u64) -> Found<(bool, u64)> {
        let stored = self.map.extent(offset)?.stored;
        Ok(match stored {
            Stored::Fragment { offset } => (true, offset),
            stored => (false, stored.pos().unwrap_or(0)),
        })
    }

    /// Fills `buf` with bytes of a run from `offset` of the file on. The run must have
    /// them.
    pub(crate) fn read(&self, run: Run, offset: u64, buf: &mut [u8]) -> Found<()> {
        let Run(extent) = run;
        let skipped = offset - extent.start;
        assert!(skipped + to_u64(buf.len()) <= extent.len, "the run has these bytes");
        self.image.read_extent(&self.map, extent, skipped, buf)
    }

    /// How many bytes the run has from `offset` on, `most` at most.
    pub(crate) fn len_from(run: Run, offset: u64, most: usize) -> usize {
        to_usize(run.end().saturating_sub(offset).min(to_u64(most)))
    }
}
