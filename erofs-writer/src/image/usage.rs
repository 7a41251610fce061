//! What inodes take of an image.

use std::collections::HashMap;

use super::extent::{Extent, Site, Stored};
use super::fault::{Fault, Found};
use super::inode::{Inode, Layout};
use super::open::Image;
use crate::error::ImageErrorKind;
use crate::format::algorithm::Algorithm;
use crate::format::to_usize;
use crate::ranges::{Ranges, share};

/// How the data of an inode is stored, without its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    None,
    Zeros,
    Flat,
    Inline,
    Chunks,
    Compressed,
    Packed,
}

/// What an inode takes.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) form: Form,
    pub(crate) algorithms: Vec<Algorithm>,
    /// Bytes of blocks that no inode before it has, and of data after the inode.
    pub(crate) stored: u64,
    /// The part of it that is in the packed inode.
    pub(crate) fragment: u64,
    /// Bytes of inode, xattrs and index.
    pub(crate) meta: u64,
}

/// Counts each block for the first inode that has it.
#[derive(Debug)]
pub(crate) struct Usage<'a> {
    image: &'a Image,
    blocks: Blocks,
    /// Where fragments are that have been counted.
    fragments: Ranges,
    /// How many more extents are looked at.
    left: u64,
    /// The stored bytes of the packed inode, and its length.
    packed: (u64, u64),
    /// The same of the metabox.
    metabox: (u64, u64),
}

/// The extents that are looked at in all: those of 4 TiB in blocks of 4 KiB.
const EXTENTS_MAX: u64 = 1 << 30;

impl<'a> Usage<'a> {
    pub(crate) fn new(image: &'a Image) -> Found<Self> {
        let blocks = Blocks::default();
        let fragments = Ranges::default();
        let (packed, metabox, left) = ((0, 0), (0, 0), EXTENTS_MAX);
        let mut usage = Usage { image, blocks, fragments, left, packed, metabox };
        if let Some(packed) = &image.packed {
            usage.packed = (usage.take(packed)?.stored, packed.size);
        }
        if let Some(metabox) = image.metabox() {
            usage.metabox = (usage.take(metabox)?.stored, metabox.size);
        }
        Ok(usage)
    }

    /// The stored bytes of the packed inode, and its length; zeros if there is none.
    pub(crate) fn packed(&self) -> (u64, u64) {
        self.packed
    }

    /// What an inode takes that was not asked about before.
    pub(crate) fn take(&mut self, inode: &Inode) -> Found<Taken> {
        let form = match inode.layout {
            _ if inode.size == 0 || !inode.file_type.has_data() => Form::None,
            Layout::Flat { inline: true, .. } => Form::Inline,
            Layout::Flat { .. } => Form::Flat,
            Layout::Zeros => Form::Zeros,
            Layout::Chunks { .. } => Form::Chunks,
            Layout::Compressed { .. } => Form::Compressed,
        };
        let head = self.meta(inode, inode.end().pos - inode.place.pos);
        let mut taken = Taken { form, algorithms: Vec::new(), stored: 0, fragment: 0, meta: head };
        if form == Form::None {
            return Ok(taken);
        }
        let mut map = self.image.map(inode)?;
        taken.meta = self.meta(inode, map.end().pos - inode.place.pos);
        let mut at = 0;
        while at < inode.size {
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                Fault::malformed(inode.place.pos, "the files have more extents than are counted")
            })?;
            let extent = map.extent(at)?;
            self.add(&mut taken, inode, extent)?;
            at = extent.start + extent.len;
        }
        Ok(taken)
    }

    /// What `len` bytes beside an inode take: in the metabox a part of what that takes.
    fn meta(&self, inode: &Inode, len: u64) -> u64 {
        let (stored, whole) = self.metabox;
        if inode.place.in_metabox { share(stored, len, whole) } else { len }
    }

    fn add(&mut self, taken: &mut Taken, inode: &Inode, extent: Extent) -> Found<()> {
        match extent.stored {
            Stored::Hole => {}
            Stored::Plain { device: 0, pos } => self.add_blocks(taken, pos, extent.len)?,
            Stored::Plain { .. } => {}
            Stored::Inline(_) => taken.stored += self.meta(inode, extent.len),
            Stored::Interlaced { pos, len, .. } => self.add_blocks(taken, pos, len)?,
            Stored::Encoded(encoded) => {
                if !taken.algorithms.contains(&encoded.algorithm) {
                    taken.algorithms.push(encoded.algorithm);
                }
                match encoded.site {
                    Site::Image(pos) => self.add_blocks(taken, pos, encoded.len)?,
                    Site::Inline(_) => taken.stored += self.meta(inode, encoded.len),
                }
            }
            Stored::Fragment { offset } => {
                if extent.len == inode.size {
                    taken.form = Form::Packed;
                }
                taken.fragment = extent.len;
                let (stored, len) = self.packed;
                let new = self.fragments.add(offset..offset.saturating_add(extent.len));
                taken.stored = taken.stored.saturating_add(share(stored, new, len));
            }
        }
        Ok(())
    }

    /// Counts the blocks of `len` bytes that were not counted before.
    fn add_blocks(&mut self, taken: &mut Taken, pos: u64, len: u64) -> Found<()> {
        // What is on a device takes nothing of the image.
        if self.image.inputs.slot_of(pos).is_some() {
            return Ok(());
        }
        let bits = self.image.sb.block_bits;
        let end = pos.saturating_add(len);
        if end > self.image.total_len() {
            // The last block of an image may be cut.
            let whole = self.image.total_len().checked_next_multiple_of(1 << bits);
            if whole.is_none_or(|whole| end > whole) {
                return Err(Fault::new(pos, ImageErrorKind::Truncated));
            }
        }
        if len == 0 {
            return Ok(());
        }
        let new = self
            .blocks
            .add(pos >> bits, (end - 1) >> bits)
            .ok_or_else(|| Fault::malformed(pos, "the files lie farther apart than is counted"))?;
        taken.stored = taken.stored.saturating_add(new << bits);
        Ok(())
    }
}

/// Blocks that were counted, one bit each, in pages that are made when they are needed.
#[derive(Debug, Default)]
struct Blocks(HashMap<u64, Box<[u64; WORDS]>>);

/// Words of a page, which has 4 KiB.
const WORDS: usize = 512;
/// The logarithm of the bits of a page.
const PAGE_BITS: u32 = 15;
/// Pages are made for so many, which are 512 MiB, and 16 TiB of blocks of 4 KiB.
const PAGES_MAX: usize = 1 << 17;

impl Blocks {
    /// Adds the blocks from `first` to `last`, and returns how many are new. None if that
    /// would take too many pages.
    fn add(&mut self, first: u64, last: u64) -> Option<u64> {
        self.add_to(PAGES_MAX, first, last)
    }

    /// The same with at most `pages` pages.
    fn add_to(&mut self, pages: usize, first: u64, last: u64) -> Option<u64> {
        let mut new = 0;
        let mut at = first;
        while at <= last {
            let page = at >> PAGE_BITS;
            let end = last.min((page << PAGE_BITS) + ((1 << PAGE_BITS) - 1));
            if !self.0.contains_key(&page) && self.0.len() == pages {
                return None;
            }
            let words = self.0.entry(page).or_insert_with(|| Box::new([0; WORDS]));
            while at <= end {
                let word = &mut words[to_usize(at >> 6) % WORDS];
                let (low, high) = (at % 64, (end - (at - at % 64)).min(63));
                let mask = u64::MAX >> (63 - high) & u64::MAX << low;
                new += u64::from((mask & !*word).count_ones());
                *word |= mask;
                at += high - low + 1;
            }
        }
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_counted_once() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.add(5, 5), Some(1));
        assert_eq!(blocks.add(0, 200), Some(200));
        assert_eq!(blocks.add(100, 300), Some(100));
        assert_eq!(blocks.add(1 << 40, (1 << 40) + 70_000), Some(70_001));
        assert_eq!(blocks.add(1 << 40, (1 << 40) + 70_000), Some(0));
        assert_eq!(blocks.add(63, 64), Some(0));
        assert_eq!(blocks.0.len(), 4);
    }

    #[test]
    fn memory_has_a_bound() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.add_to(2, 0, 1 << PAGE_BITS), Some((1 << PAGE_BITS) + 1));
        assert_eq!(blocks.add_to(2, 7, 9), Some(0));
        assert_eq!(blocks.add_to(2, 1 << 40, 1 << 40), None);
    }
}
