//! Addresses for the pclusters of parts, in the order of the image.

use crate::encode::extent::{Compressed, Extent, TailPlace};
use crate::encode::fragment::UnplacedFragment;
use crate::encode::pclusters::Tail;
use crate::encode::recipe::Recipe;
use crate::encode::task::{EncodedPart, Stream};
use crate::format::to_u64;
use crate::shape::IndexForm;

/// The parts that have their places.
pub(super) struct Places {
    /// The first block of the next part.
    pub(super) block: u64,
    pub(super) parts: Vec<PlacedPart>,
    /// By number of the part: its index in `parts`; `None` if it has no place.
    by_number: Vec<Option<usize>>,
    /// How many bytes repeat others and have no pcluster of their own.
    pub(super) repeated_bytes: u64,
}

impl Places {
    /// No parts yet, of `numbers` in all. The first one goes to `block`.
    pub(super) fn new(block: u64, numbers: usize) -> Self {
        Places { block, parts: Vec::new(), by_number: vec![None; numbers], repeated_bytes: 0 }
    }

    /// The extents of the part of this number, if it was worth encoding.
    pub(super) fn extents(&self, number: usize) -> Option<&[Extent]> {
        let part = self.by_number[number]?;
        Some(&self.parts[part].file.extents)
    }

    /// Gives the parts of a task the next places. Their pclusters have `bytes` bytes
    /// together.
    pub(super) fn place_task(&mut self, parts: Vec<EncodedPart>, bytes: usize, block_len: u64) {
        let start = self.block;
        parts.into_iter().for_each(|part| self.place(part));
        let (placed, encoded) = ((self.block - start) * block_len, to_u64(bytes));
        assert!(encoded == placed, "pclusters of {placed} bytes got {encoded}");
    }

    /// Gives a part the next place.
    fn place(&mut self, part: EncodedPart) {
        let EncodedPart { number, stream, offset, algorithm, recipe, pclusters } = part;
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
        let (tail, fragment) = match pclusters.tail {
            Tail::Blocks => (TailPlace::Blocks, None),
            Tail::Inline(inline) => (TailPlace::Inline(inline), None),
            Tail::Fragment(fragment) => (TailPlace::Blocks, Some(fragment)),
        };
        let file = Box::new(Compressed {
            algorithm,
            extents,
            own_blocks: narrow(self.block - start),
            next_block: narrow(self.block),
            form: if pclusters.links.is_empty() { IndexForm::Packs } else { IndexForm::Full },
            tail,
            ..Compressed::default()
        });
        self.by_number[number] = Some(self.parts.len());
        let recipe = recipe.map(|(recipe, check)| PlacedRecipe {
            recipe,
            stream,
            offset,
            block: start,
            check,
        });
        self.parts.push(PlacedPart { stream, file, fragment, recipe });
    }
}

/// The address of a block. `Queue::finish` refuses an image with one that is too large.
fn narrow(block: u64) -> u32 {
    u32::try_from(block).unwrap_or(u32::MAX)
}

/// A part and its place.
pub(super) struct PlacedPart {
    pub(crate) stream: Stream,
    pub(crate) file: Box<Compressed>,
    /// The end of the file, if it goes into the packed inode.
    pub(crate) fragment: Option<UnplacedFragment>,
    pub(super) recipe: Option<PlacedRecipe>,
}

/// A recipe, and the part that was made by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlacedRecipe {
    pub(crate) recipe: Recipe,
    pub(crate) stream: Stream,
    /// Where the part begins in the stream.
    pub(crate) offset: u64,
    /// The first block of its own pclusters.
    pub(crate) block: u64,
    /// A hash of the result.
    pub(crate) check: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::extent::PclusterOf;
    use crate::encode::pclusters::Pclusters;
    use crate::format::algorithm::Algorithm;
    use crate::tree::Tree;

    /// Places a part with one pcluster of two blocks, for which there are `bytes` bytes.
    fn place(bytes: usize) {
        let pcluster = PclusterOf::ThisPart;
        let extent =
            Extent { len: 9000, block: 0, blocks: 2, plain: false, partial: false, pcluster };
        let pclusters = Pclusters { extents: vec![extent], ..Pclusters::default() };
        let stream = Stream::File(Tree::ROOT);
        let algorithm = Algorithm::Lz4;
        let part = EncodedPart { number: 0, stream, offset: 0, algorithm, recipe: None, pclusters };
        Places::new(7, 1).place_task(vec![part], bytes, 4096);
    }

    #[test]
    fn pclusters_that_are_not_as_long_as_their_blocks_are_noticed() {
        place(8192);
        for bytes in [4096, 8188, 8196, 12_288] {
            assert!(std::panic::catch_unwind(|| place(bytes)).is_err(), "{bytes} bytes");
        }
    }
}
