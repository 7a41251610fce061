//! The index after the inode of a compressed file: it says in which pcluster each
//! lcluster begins. Encoded extents may replace it.

mod compact;
mod entry;
mod full;
mod records;

use zerocopy::IntoBytes;

use crate::encode::{Compressed, Stored, TailPlace};
use crate::format::compression::{
    ADVISE_BIG_PCLUSTER_1, ADVISE_BIG_PCLUSTER_2, ADVISE_COMPACTED_2B, ADVISE_FRAGMENT_PCLUSTER,
    ADVISE_INLINE_PCLUSTER, ADVISE_INTERLACED_PCLUSTER, MAP_HEADER_LEN, MapHeader, WHOLE,
    WholeFragment,
};
use crate::format::inode::{LAYOUT_COMPRESSED_COMPACT, LAYOUT_COMPRESSED_FULL};
use crate::format::{checked_u32, low_half, round_up, to_u64, to_usize};
use crate::options::{BlockSize, Options};
use crate::shape::{IndexForm, IndexLens};

use compact::Compact;
use entry::Entries;
use records::Records;

/// The choices that hold for all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Indexes {
    block_size: BlockSize,
    lens: IndexLens,
    /// Whether pclusters may have more than one block.
    big_pclusters: bool,
    /// Whether plain blocks are interlaced.
    interlaced: bool,
    /// Whether files may have encoded extents in place of an index.
    records: bool,
}

/// The data that follows the inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexBody<'a> {
    /// It is one fragment, which begins here.
    Whole(u64),
    Records(&'a Compressed, Records),
    Index(&'a Compressed, IndexForm),
}

impl Indexes {
    /// The indexes that the options ask for.
    pub(crate) fn of(options: &Options, big_pclusters: bool) -> Self {
        Indexes {
            block_size: options.block_size,
            lens: IndexLens::of(options),
            big_pclusters,
            interlaced: options.has_interlaced_pclusters(),
            records: options.wide_addresses,
        }
    }

    /// The data that follows an inode of `head` bytes, for a file of `size` bytes.
    fn body<'a>(self, head: u64, size: u64, stored: Stored<'a>) -> IndexBody<'a> {
        let file = match stored {
            Stored::Fragment(at) => return IndexBody::Whole(at),
            Stored::Pclusters(file) => file,
        };
        let form = self.form(file);
        let start = round_up(head, MAP_HEADER_LEN);
        // Only if the records are no longer than an index.
        let records = Records::of(file, size)
            .filter(|_| self.records)
            .filter(|records| records.end(start) <= self.lens.inode_len(head, size, form));
        match records {
            Some(records) => IndexBody::Records(file, records),
            None => IndexBody::Index(file, form),
        }
    }

    /// The form of the index of `file`: a compact index can describe neither blocks in
    /// any order nor fragments 4 GiB or more after the start of the packed inode.
    fn form(self, file: &Compressed) -> IndexForm {
        let is_far = file.fragment().is_some_and(|fragment| u32::try_from(fragment.at).is_err());
        self.lens.form(if is_far { IndexForm::Full } else { file.form })
    }

    /// The layout of the inode of a file of `size` bytes, which is `head` bytes long.
    pub(crate) fn layout(self, head: u64, size: u64, stored: Stored<'_>) -> u16 {
        match self.body(head, size, stored) {
            IndexBody::Index(_, IndexForm::Packs | IndexForm::Pairs) => LAYOUT_COMPRESSED_COMPACT,
            IndexBody::Whole(_) | IndexBody::Records(..) | IndexBody::Index(_, IndexForm::Full) => {
                LAYOUT_COMPRESSED_FULL
            }
        }
    }

    /// The length of an inode of `head` bytes together with the index of a file of
    /// `size` bytes. Only the place of the inode within 32 bytes matters.
    pub(crate) fn inode_len(self, head: u64, size: u64, stored: Stored<'_>) -> u64 {
        match self.body(head, size, stored) {
            IndexBody::Whole(_) => round_up(head, MAP_HEADER_LEN) + MAP_HEADER_LEN,
            IndexBody::Records(_, records) => records.end(round_up(head, MAP_HEADER_LEN)),
            IndexBody::Index(file, form) => {
                let inline = file.inline().map_or(0, |inline| to_u64(inline.bytes.len()));
                self.lens.inode_len(head, size, form) + inline
            }
        }
    }

    /// Appends the index of a file of `size` bytes to `out`, whose first byte is at a
    /// multiple of 32 of the image, which has `image_blocks` blocks. That matters only where
    /// extents are on devices.
    pub(crate) fn write(self, out: &mut Vec<u8>, stored: Stored<'_>, size: u64, image_blocks: u64) {
        let start = to_u64(out.len());
        out.resize(to_usize(round_up(start, MAP_HEADER_LEN)), 0);
        match self.body(start, size, stored) {
            IndexBody::Whole(at) => {
                let header = WholeFragment { h_fragmentoff: (at | WHOLE).into() };
                out.extend_from_slice(header.as_bytes());
            }
            IndexBody::Records(file, records) => {
                let interlaced = self.interlaced || file.interlaced;
                let image = (self.block_size.len(), image_blocks);
                records.write(out, file, size, image, interlaced);
            }
            IndexBody::Index(file, form) => self.write_index(out, (file, form), size, image_blocks),
        }
        let (placed, written) =
            (self.inode_len(start, size, stored) - start, to_u64(out.len()) - start);
        assert!(written == placed, "an index has {placed} bytes and got {written}");
    }

    /// Appends an index with its header, and the inline pcluster if there is one.
    fn write_index(
        self,
        out: &mut Vec<u8>,
        (file, form): (&Compressed, IndexForm),
        size: u64,
        image_blocks: u64,
    ) {
        out.extend_from_slice(self.header(file, form).as_bytes());
        let is_full = form == IndexForm::Full;
        let entries = Entries {
            file,
            size,
            block_size: self.block_size,
            big_pclusters: self.big_pclusters,
            is_full,
            image_blocks,
        };
        if is_full {
            full::write(out, entries);
        } else {
            let Indexes { lens, block_size, big_pclusters, .. } = self;
            Compact { lens, form, block_size, big_pclusters }.write(out, entries);
        }
        if let Some(inline) = file.inline() {
            out.extend_from_slice(&inline.bytes);
        }
    }

    fn header(self, file: &Compressed, form: IndexForm) -> MapHeader {
        let is_full = form == IndexForm::Full;
        let flag = |on, bit| if on { bit } else { 0 };
        let advise = flag(self.big_pclusters, ADVISE_BIG_PCLUSTER_1)
            | flag(
                self.big_pclusters && (!is_full || file.second.is_some()),
                ADVISE_BIG_PCLUSTER_2,
            )
            | flag(!is_full && self.lens.has_packs_of_16(form), ADVISE_COMPACTED_2B)
            | flag(self.interlaced || file.interlaced, ADVISE_INTERLACED_PCLUSTER)
            | flag(file.inline().is_some(), ADVISE_INLINE_PCLUSTER)
            | flag(file.fragment().is_some(), ADVISE_FRAGMENT_PCLUSTER);
        let end = match &file.tail {
            TailPlace::Blocks => 0,
            TailPlace::Inline(inline) => checked_u32(to_u64(inline.bytes.len())) << 16,
            TailPlace::Fragment(fragment) => low_half(fragment.at),
        };
        MapHeader {
            h_fragmentoff: end.into(),
            h_advise: advise.into(),
            h_algorithmtype: file.algorithm.number()
                | file.second.map_or(0, |(_, second)| second.number() << 4),
            // An lcluster is a block.
            h_clusterbits: 0,
        }
    }
}
