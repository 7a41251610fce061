//! How the bytes of a file are found.

use zerocopy::FromBytes;

use super::chunk::ChunkFormat;
use super::encoded::Records;
use super::extent::{Extent, Stored};
use super::fault::{Fault, Found};
use super::index::Index;
use super::inode::{Inode, Layout, Place};
use super::open::Image;
use crate::format::algorithm::Algorithm;
use crate::format::compression::{
    ADVISE_BIG_PCLUSTER_1, ADVISE_BIG_PCLUSTER_2, ADVISE_EXTENTS, ADVISE_FRAGMENT_PCLUSTER,
    ADVISE_INLINE_PCLUSTER, ADVISE_INTERLACED_PCLUSTER, MAP_HEADER_LEN, MapHeader, WHOLE,
};
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
    Chunks(ChunkFormat),
    Fragment {
        offset: u64,
    },
    Index(Box<Index<'a>>),
    Records(Records<'a>),
}

/// The header before an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Where it is.
    pub(super) place: Place,
    pub(super) compact: bool,
    advise: u16,
    /// The first four bytes.
    pub(super) word: u32,
    pub(super) algorithms: u8,
    cluster_bits: u8,
}

impl Header {
    pub(super) fn has(&self, advise: u16) -> bool {
        self.advise & advise != 0
    }

    /// The logarithm of the length of an lcluster.
    pub(super) fn lcluster_bits(&self, block_bits: u32) -> u32 {
        block_bits + u32::from(self.cluster_bits & 15)
    }

    /// The logarithm of the length of a record of encoded extents.
    pub(super) fn record_bits(&self) -> u32 {
        2 + u32::from(self.advise >> 1 & 3)
    }

    /// The number of encoded extents, where the header has it.
    pub(super) fn records(&self) -> u64 {
        let high = u16::from_le_bytes([self.algorithms, self.cluster_bits]);
        u64::from(high) << 32 | u64::from(self.word)
    }

    pub(super) fn interlaced(&self) -> bool {
        self.has(ADVISE_INTERLACED_PCLUSTER)
    }

    pub(super) fn fragment(&self) -> bool {
        self.has(ADVISE_FRAGMENT_PCLUSTER)
    }

    pub(super) fn big(&self, second: bool) -> bool {
        self.has(if second { ADVISE_BIG_PCLUSTER_2 } else { ADVISE_BIG_PCLUSTER_1 })
    }

    /// The length of the pcluster after the inode, 0 if there is none.
    pub(super) fn inline_len(&self) -> u16 {
        let high = u16::try_from(self.word >> 16).expect("16 bits");
        if self.has(ADVISE_INLINE_PCLUSTER) { high } else { 0 }
    }
}

impl Image {
    /// The map of an inode.
    pub(super) fn map<'a>(&'a self, inode: &'a Inode) -> Found<Map<'a>> {
        let kind = match inode.layout {
            Layout::Flat { start, inline } => Kind::Flat { start, inline },
            Layout::Zeros => Kind::Zeros,
            Layout::Chunks { bits, indexes, wide } => {
                Kind::Chunks(ChunkFormat { bits, indexes, wide })
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
        let header = Header {
            place,
            compact,
            advise: found.h_advise.get(),
            word: found.h_fragmentoff.get(),
            algorithms: found.h_algorithmtype,
            cluster_bits: found.h_clusterbits,
        };
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
            Kind::Chunks(format) => self.image.chunk(self.inode, *format, offset),
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
