//! Addresses for the pclusters of parts, in the order of the image.

use crate::encode::extent::{Compressed, Extent};
use crate::encode::fragment::Tail;
use crate::encode::task::{EncodedPart, Stream};

/// The parts that have got their places.
pub(super) struct Places {
    /// Where the next one goes.
    pub(super) block: u64,
    pub(super) parts: Vec<PlacedPart>,
    /// By number of the part: which of `parts` it has become.
    by_number: Vec<Option<usize>>,
    /// Bytes that are in pclusters of other parts.
    pub(super) repeated_bytes: u64,
}

impl Places {
    /// Those of parts with numbers below `numbers`, from `block` on.
    pub(super) fn new(block: u64, numbers: usize) -> Self {
        Places { block, parts: Vec::new(), by_number: vec![None; numbers], repeated_bytes: 0 }
    }

    /// The extents of a part that has its place, if it was worth encoding.
    pub(super) fn extents(&self, number: usize) -> Option<&[Extent]> {
        let part = self.by_number[number]?;
        Some(&self.parts[part].file.extents)
    }

    /// Gives a part the next place.
    pub(super) fn place(&mut self, part: EncodedPart) {
        let EncodedPart { number, stream, algorithm, pclusters } = part;
        let mut links = pclusters.links.iter().peekable();
        let start = self.block;
        let mut extents = pclusters.extents;
        for index in 0..extents.len() {
            let Some(link) = links.next_if(|link| link.extent == index) else {
                extents[index].block = narrow(self.block);
                self.block += u64::from(extents[index].blocks);
                continue;
            };
            self.repeated_bytes += u64::from(extents[index].len);
            extents[index].block = if link.part == number {
                extents[link.of].block
            } else {
                let placed = self.by_number[link.part].expect("only earlier parts are repeated");
                self.parts[placed].file.extents[link.of].block
            };
        }
        let file = Box::new(Compressed {
            algorithm,
            extents,
            own_blocks: narrow(self.block - start),
            behind: narrow(self.block),
            scattered: !pclusters.links.is_empty(),
            jumps: false,
            inline: pclusters.inline,
            fragment: None,
        });
        self.by_number[number] = Some(self.parts.len());
        self.parts.push(PlacedPart { stream, file, tail: pclusters.tail });
    }
}

/// An address of a block. One that is too large is an error in the end.
fn narrow(block: u64) -> u32 {
    u32::try_from(block).unwrap_or(u32::MAX)
}

/// A part that has got its place.
pub(crate) struct PlacedPart {
    pub(crate) stream: Stream,
    pub(crate) file: Box<Compressed>,
    /// What is left for the packed inode.
    pub(crate) tail: Option<Tail>,
}
