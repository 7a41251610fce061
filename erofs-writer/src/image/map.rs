//! How the bytes of a file are found.

use zerocopy::FromBytes;

use super::chunk::{ChunkFormat, Chunks};
use super::encoded::Records;
use super::extent::{Extent, Stored};
use super::fault::{Fault, Found};
use super::header::Header;
use super::index::Index;
use super::inode::{Inode, Layout};
use super::open::Image;
use super::place::Place;
use crate::format::algorithm::Algorithm;
use crate::format::compression::{ADVISE_EXTENTS, MAP_HEADER_LEN, MapHeader, WHOLE};
use crate::format::to_usize;

/// The map from the bytes of a file to where they are stored. It remembers what was
/// read of an index, so that going on is quick.
#[derive(Debug)]
pub(super) struct Map<'a> {
    image: &'a Image,
    inode: &'a Inode,
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    /// One run of bytes, and perhaps a part of a block after the inode.
    Flat {
        start: u64,
        inline: bool,
    },
    Zeros,
    Chunks(Chunks<'a>),
    Fragment {
        offset: u64,
    },
    Index(Box<Index<'a>>),
    Records(Records<'a>),
}

impl Image {
    /// The map of an inode.
    pub(super) fn map<'a>(&'a self, inode: &'a Inode) -> Found<Map<'a>> {
        let kind = match inode.layout {
            Layout::Flat { start, inline } => Kind::Flat { start, inline },
            Layout::Zeros => Kind::Zeros,
            Layout::Chunks { bits, indexes, wide } => {
                Kind::Chunks(Chunks::new(self, inode, ChunkFormat { bits, indexes, wide }))
            }
            Layout::Compressed { compact } => self.compressed(inode, compact)?,
        };
        Ok(Map { image: self, inode, kind })
    }

    fn compressed<'a>(&'a self, inode: &'a Inode, compact: bool) -> Found<Kind<'a>> {
        let place = inode.end().aligned(MAP_HEADER_LEN);
        let mut bytes = [0; to_usize(MAP_HEADER_LEN)];
        self.read_meta(place, &mut bytes)?;
        let whole = u64::from_le_bytes(bytes);
        if whole & WHOLE != 0 {
            return Ok(Kind::Fragment { offset: whole & !WHOLE });
        }
        let found = MapHeader::read_from_bytes(&bytes).expect("as many bytes");
        let header = Header::new(place, compact, &found);
        match !compact && header.has(ADVISE_EXTENTS) {
            true => Ok(Kind::Records(Records::new(self, inode, header)?)),
            false => Ok(Kind::Index(Box::new(Index::new(self, inode, header)?))),
        }
    }

    /// The algorithm with this number, if inodes may use it.
    pub(super) fn algorithm(&self, place: Place, number: u8) -> Found<Algorithm> {
        let found = Algorithm::of_number(number).filter(|found| self.sb.allows(*found));
        found.ok_or_else(|| Fault::malformed(place.pos, "a file uses an unknown algorithm"))
    }
}

impl Map<'_> {
    /// The nid of the file.
    pub(super) fn nid(&self) -> u64 {
        self.inode.nid
    }

    /// The place after the inode and its index, where data may follow.
    pub(super) fn end(&self) -> Place {
        let end = self.inode.end();
        match &self.kind {
            Kind::Flat { .. } | Kind::Zeros => end,
            Kind::Chunks(chunks) => chunks.format.end(end, self.inode.size),
            Kind::Fragment { .. } => end.aligned(MAP_HEADER_LEN).plus(MAP_HEADER_LEN),
            Kind::Index(index) => index.end(),
            Kind::Records(records) => records.end(),
        }
    }

    /// Whether some extents may be holes.
    pub(super) fn may_have_holes(&self) -> bool {
        matches!(self.kind, Kind::Zeros | Kind::Chunks(_) | Kind::Records(_))
    }

    /// The extent with the byte `offset`, which the file has.
    pub(super) fn extent(&mut self, offset: u64) -> Found<Extent> {
        let size = self.inode.size;
        debug_assert!(offset < size, "the byte is in the file");
        let all = |stored| Ok(Extent { start: 0, len: size, stored });
        match &mut self.kind {
            Kind::Zeros => all(Stored::Hole),
            Kind::Fragment { offset } => all(Stored::Fragment { offset: *offset }),
            Kind::Flat { start, inline } => {
                let block_len = self.image.sb.block_len();
                let whole = if *inline { size - size % block_len } else { size };
                Ok(if offset < whole {
                    let stored = Stored::Plain { device: 0, pos: *start };
                    Extent { start: 0, len: whole, stored }
                } else {
                    self.image.inline_tail(self.inode, whole)?
                })
            }
            Kind::Chunks(chunks) => chunks.extent(offset),
            Kind::Index(index) => index.extent(offset),
            Kind::Records(records) => records.extent(offset),
        }
    }
}

impl Image {
    /// The part of a block that comes after an inode. It must not cross the end of one
    /// (`erofs_map_blocks_flatmode`).
    fn inline_tail(&self, inode: &Inode, start: u64) -> Found<Extent> {
        let place = inode.end();
        let len = inode.size - start;
        self.check_inline(place, len)?;
        Ok(Extent { start, len, stored: Stored::Inline(place) })
    }

    pub(super) fn check_inline(&self, place: Place, len: u64) -> Found<()> {
        let block_len = self.sb.block_len();
        match place.pos % block_len + len <= block_len {
            true => Ok(()),
            false => Err(Fault::malformed(place.pos, "data after an inode crosses a block")),
        }
    }
}
