//! Indexes of compressed files, full and compact.

use zerocopy::FromBytes;

use super::compact::Packs;
use super::entry::{Entry, Kind};
use super::extent::{DECODED_MAX, Encoded, Extent, PCLUSTER_MAX, Site, Stored};
use super::fault::{Fault, Found};
use super::header::Header;
use super::inode::Inode;
use super::open::Image;
use super::place::Place;
use crate::format::compression::ADVISE_COMPACTED_2B;
use crate::format::index::{
    DELTA0_CBLKCNT, FULL_START, LCLUSTER_INDEX_LEN, LclusterIndex, PARTIAL_REF,
};
use crate::format::to_usize;

/// How many entries of a full index are read at once.
const FULL_ENTRIES: u64 = 64;

/// The index of a file. The distances between heads that it has are not used: what they
/// say can also be counted.
#[derive(Debug)]
pub(super) struct Index<'a> {
    image: &'a Image,
    inode: &'a Inode,
    header: Header,
    lcluster_bits: u32,
    count: u64,
    /// Where the entries are. None if the index is full.
    packs: Option<Packs>,
    /// Entries that were read, and the number of the first.
    entries: Vec<Entry>,
    first: u64,
    bytes: Vec<u8>,
}

impl<'a> Index<'a> {
    pub(super) fn new(image: &'a Image, inode: &'a Inode, header: Header) -> Found<Self> {
        let lcluster_bits = header.lcluster_bits(image.sb.block_bits);
        let count = inode.size.div_ceil(1 << lcluster_bits);
        let packs = match header.compact {
            true => {
                let long = header.has(ADVISE_COMPACTED_2B);
                Some(Packs::new(header.place.plus(8), count, lcluster_bits, long)?)
            }
            false if lcluster_bits > 16 => {
                let what = "lclusters are longer than 64 KiB";
                return Err(Fault::malformed(header.place.pos, what));
            }
            false => None,
        };
        let (entries, bytes) = (Vec::new(), Vec::new());
        Ok(Index { image, inode, header, lcluster_bits, count, packs, entries, first: 0, bytes })
    }

    /// The entry `number`, which the index has.
    fn entry(&mut self, number: u64) -> Found<Entry> {
        let known = number.checked_sub(self.first);
        if let Some(entry) = known.and_then(|at| self.entries.get(to_usize(at))) {
            return Ok(*entry);
        }
        self.entries.clear();
        match self.packs {
            Some(packs) => {
                let pack = packs.pack(number);
                self.bytes.resize(to_usize(pack.len), 0);
                self.image.read_meta(pack.place, &mut self.bytes)?;
                pack.entries(&self.bytes, self.header.big(false), &mut self.entries);
                self.first = pack.first;
            }
            None => self.read_full(number - number % FULL_ENTRIES)?,
        }
        Ok(self.entries[to_usize(number - self.first)])
    }

    fn read_full(&mut self, first: u64) -> Found<()> {
        let count = FULL_ENTRIES.min(self.count - first);
        self.bytes.resize(to_usize(count * LCLUSTER_INDEX_LEN), 0);
        let start = self.header.place.plus(8 + FULL_START);
        self.image.read_meta(start.plus(first * LCLUSTER_INDEX_LEN), &mut self.bytes)?;
        self.first = first;
        for bytes in self.bytes.chunks_exact(to_usize(LCLUSTER_INDEX_LEN)) {
            let found = LclusterIndex::read_from_bytes(bytes).expect("as many bytes");
            let kind = Kind::of_bits(found.di_advise.get().into());
            let u = found.di_u.get();
            let delta = u16::try_from(u & 0xffff).expect("16 bits");
            let has_count = kind == Kind::Nonhead && delta & DELTA0_CBLKCNT != 0;
            self.entries.push(Entry {
                kind,
                offset: found.di_clusterofs.get(),
                block: u.into(),
                partial: found.di_advise.get() & PARTIAL_REF != 0,
                blocks: has_count.then_some(delta & !DELTA0_CBLKCNT),
            });
        }
        Ok(())
    }

    /// The place of an entry, for messages.
    fn fault(&self, what: &'static str) -> Fault {
        Fault::malformed(self.header.place.pos, what)
    }

    /// Where the extent begins that begins in an lcluster, if one does.
    fn head(&mut self, number: u64) -> Found<Option<(u64, Entry)>> {
        let entry = self.entry(number)?;
        if entry.kind == Kind::Nonhead {
            return Ok(None);
        }
        if u64::from(entry.offset) >= 1 << self.lcluster_bits {
            return Err(self.fault("an extent begins after its lcluster"));
        }
        Ok(Some(((number << self.lcluster_bits) + u64::from(entry.offset), entry)))
    }

    pub(super) fn extent(&mut self, offset: u64) -> Found<Extent> {
        let at = offset >> self.lcluster_bits;
        let mut number = at;
        let (start, head) = loop {
            match self.head(number)? {
                Some((start, entry)) if start <= offset => break (start, entry),
                _ if number == 0 => return Err(self.fault("a file has bytes in no extent")),
                _ => number -= 1,
            }
        };
        let end = self.end_after(at, offset)?;
        let stored = self.stored(number, head, (start, end))?;
        Ok(Extent { start, len: end - start, stored })
    }

    /// Where the extent with `offset`, which is in the lcluster `at`, ends: where the next
    /// one begins, or the file ends.
    fn end_after(&mut self, at: u64, offset: u64) -> Found<u64> {
        let size = self.inode.size;
        for next in at..self.count {
            match self.head(next)? {
                Some((end, _)) if end > offset => {
                    return if end <= size {
                        Ok(end)
                    } else {
                        Err(self.fault("an extent begins after the end of its file"))
                    };
                }
                _ => {}
            }
        }
        Ok(size)
    }

    fn stored(&mut self, number: u64, head: Entry, (start, end): (u64, u64)) -> Found<Stored> {
        let is_last = end == self.inode.size;
        if is_last && self.header.fragment() {
            let high = if self.header.compact { 0 } else { head.block << 32 };
            return Ok(Stored::Fragment { offset: high | u64::from(self.header.word) });
        }
        let block_len = self.image.sb.block_len();
        let inline_len = u64::from(self.header.inline_len());
        let inline = (is_last && inline_len != 0).then(|| self.end());
        let (site, len) = match inline {
            Some(place) => {
                self.image.check_inline(place, inline_len)?;
                (Site::Inline(place), inline_len)
            }
            None => {
                let blocks = self.blocks(number, head.kind)?;
                (Site::Image(head.block << self.image.sb.block_bits), blocks * block_len)
            }
        };
        if let Kind::Head { second } = head.kind {
            if end - start > DECODED_MAX {
                return Err(self.fault("an extent has more than 12 MiB"));
            }
            let algorithms = self.header.algorithms;
            let nibble = if second { algorithms >> 4 } else { algorithms & 15 };
            let algorithm = self.image.algorithm(self.header.place, nibble)?;
            return Ok(Stored::Encoded(Encoded { algorithm, site, len, partial: head.partial }));
        }
        if end - start > len {
            return Err(self.fault("a plain extent has more bytes than its pcluster"));
        }
        Ok(match site {
            Site::Image(pos) if self.header.interlaced() => {
                Stored::Interlaced { pos, len, first: len - block_len + start % block_len }
            }
            Site::Image(pos) => Stored::Plain { device: 0, pos },
            Site::Inline(place) => Stored::Inline(place),
        })
    }

    /// The length of a pcluster in blocks, which the lcluster after its head may have.
    fn blocks(&mut self, number: u64, kind: Kind) -> Found<u64> {
        let big = self.header.big(kind == Kind::Head { second: true });
        let next = number + 1;
        let blocks = match big && next < self.count {
            true => self.entry(next)?.blocks.unwrap_or(1),
            false => 1,
        };
        let blocks = u64::from(blocks);
        match blocks * self.image.sb.block_len() <= PCLUSTER_MAX && blocks > 0 {
            true => Ok(blocks),
            false => Err(self.fault("a pcluster has no blocks, or more than 1 MiB")),
        }
    }

    /// The place after all entries.
    pub(super) fn end(&self) -> Place {
        match self.packs {
            Some(packs) => packs.end(),
            None => self.header.place.plus(8 + FULL_START).plus(self.count * LCLUSTER_INDEX_LEN),
        }
    }
}
