//! Encoded extents, which replace an index (Linux 6.15).

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::extent::{DECODED_MAX, Encoded, Extent, PCLUSTER_MAX, Site, Stored};
use super::fault::{Fault, Found};
use super::header::Header;
use super::inode::Inode;
use super::open::Image;
use super::place::Place;
use crate::format::index::{
    EXTENT_PLEN_FMT_BIT, EXTENT_PLEN_MASK, EXTENT_PLEN_PARTIAL, EXTENT_RECORD_LEN, ExtentRecord,
};
use crate::format::to_usize;

/// The extents of a file (`z_erofs_map_blocks_ext`).
#[derive(Debug)]
pub(super) struct Records<'a> {
    image: &'a Image,
    inode: &'a Inode,
    header: Header,
    /// Where they begin, and how long each is.
    place: Place,
    len: u64,
    count: u64,
    /// Of records without an address, the number of one and where its bytes begin.
    known: (u64, u64),
}

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Record {
    plen: u32,
    pos: u64,
    start: u64,
}

impl<'a> Records<'a> {
    pub(super) fn new(image: &'a Image, inode: &'a Inode, header: Header) -> Found<Self> {
        let len = 1 << header.record_bits();
        let mut place = header.place.plus(8).aligned(len);
        let bits = header.lcluster_bits(image.sb.block_bits);
        let count = if len < 16 { inode.size.div_ceil(1 << bits) } else { header.records() };
        let mut first = 0;
        if len == 4 {
            let mut bytes = [0; 8];
            image.read_meta(place, &mut bytes)?;
            first = u64::from_le_bytes(bytes);
            place = place.plus(8);
        }
        if count == 0 && inode.size > 0 {
            return Err(Fault::malformed(header.place.pos, "a file has no extents"));
        }
        let is_inside = count.checked_mul(len).is_some_and(|len| len < 1 << 62);
        match is_inside {
            true => Ok(Records { image, inode, header, place, len, count, known: (0, first) }),
            false => Err(Fault::malformed(header.place.pos, "a file has too many extents")),
        }
    }

    fn read(&self, number: u64) -> Found<Record> {
        let mut bytes = [0; to_usize(EXTENT_RECORD_LEN)];
        let place = self.place.plus(number * self.len);
        self.image.read_meta(place, &mut bytes[..1 << self.header.record_bits()])?;
        let found = ExtentRecord::read_from_bytes(&bytes).expect("as many bytes");
        let both = |low: U32, high: U32| u64::from(low.get()) | u64::from(high.get()) << 32;
        Ok(Record {
            plen: found.plen.get(),
            pos: both(found.pstart_lo, found.pstart_hi),
            start: match self.len {
                4 | 8 => number << self.header.lcluster_bits(self.image.sb.block_bits),
                _ => both(found.lstart_lo, found.lstart_hi),
            },
        })
    }

    /// The place after all records.
    pub(super) fn end(&self) -> Place {
        self.place.plus(self.count * self.len)
    }

    /// The last extent that begins at `offset` or before it.
    fn find(&self, offset: u64) -> Found<u64> {
        if self.len < 16 {
            return Ok(offset >> self.header.lcluster_bits(self.image.sb.block_bits));
        }
        let (mut low, mut high) = (0, self.count);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.read(middle)?.start <= offset { low = middle } else { high = middle }
        }
        Ok(low)
    }

    pub(super) fn extent(&mut self, offset: u64) -> Found<Extent> {
        let number = self.find(offset)?;
        let mut record = self.read(number)?;
        let place = self.place.plus(number * self.len);
        let end = match number + 1 < self.count {
            true => self.read(number + 1)?.start.min(self.inode.size),
            false => self.inode.size,
        };
        if !(record.start..end).contains(&offset) {
            return Err(Fault::malformed(place.pos, "the extents of a file are not in order"));
        }
        let extent = |stored| Extent { start: record.start, len: end - record.start, stored };
        if number + 1 == self.count && self.header.fragment() {
            let high = record.pos << 32;
            let offset = high | u64::from(record.plen);
            return Ok(extent(Stored::Fragment { offset }));
        }
        if self.len == 4 {
            record.pos = self.running_pos(number)?;
        }
        Ok(extent(self.stored(place, record, end - record.start)?))
    }

    fn stored(&self, place: Place, record: Record, len: u64) -> Found<Stored> {
        let Record { plen, pos, start } = record;
        let stored_len = u64::from(plen & EXTENT_PLEN_MASK);
        if stored_len == 0 {
            return Ok(Stored::Hole);
        }
        if stored_len > PCLUSTER_MAX {
            return Err(Fault::malformed(place.pos, "a pcluster is longer than 1 MiB"));
        }
        let Some(number) = (plen >> EXTENT_PLEN_FMT_BIT).checked_sub(1) else {
            if len > stored_len {
                return Err(Fault::malformed(place.pos, "a plain extent has more bytes than it"));
            }
            let block_len = self.image.sb.block_len();
            let are_blocks = pos % block_len == 0 && stored_len % block_len == 0;
            if self.header.interlaced() && are_blocks {
                let first = stored_len - (block_len - start % block_len);
                return Ok(Stored::Interlaced { pos, len: stored_len, first });
            }
            return Ok(Stored::Plain { device: 0, pos });
        };
        if len > DECODED_MAX {
            return Err(Fault::malformed(place.pos, "an extent has more than 12 MiB"));
        }
        let number = u8::try_from(number).expect("four bits");
        let algorithm = self.image.algorithm(place, number)?;
        let partial = plen & EXTENT_PLEN_PARTIAL != 0;
        let site = Site::Image(pos);
        Ok(Stored::Encoded(Encoded { algorithm, site, len: stored_len, partial }))
    }

    /// Where the bytes of a record begin that has no address: after those before it.
    fn running_pos(&mut self, number: u64) -> Found<u64> {
        let (mut at, mut pos) = self.known;
        if at > number {
            (at, pos) = (0, self.first_pos()?);
        }
        while at < number {
            pos = pos.saturating_add((self.read(at)?.plen & EXTENT_PLEN_MASK).into());
            at += 1;
        }
        self.known = (at, pos);
        Ok(pos)
    }

    fn first_pos(&self) -> Found<u64> {
        let mut bytes = [0; 8];
        let place = Place { pos: self.place.pos - 8, ..self.place };
        self.image.read_meta(place, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}
