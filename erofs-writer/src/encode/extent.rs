//! The forms in which an encoded file is stored.

use std::ops::Range;

use crate::format::algorithm::Algorithm;
use crate::format::{checked_u32, to_usize};
use crate::shape::IndexForm;

/// An extent: consecutive bytes of a file that are stored in one pcluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its length in the file, in bytes.
    pub(crate) len: u32,
    /// The first block of its pcluster.
    pub(crate) block: u32,
    /// How many blocks the pcluster has.
    pub(crate) blocks: u16,
    /// Whether the bytes are stored uncompressed.
    pub(crate) plain: bool,
    /// Whether the pcluster decodes to more bytes than the extent has, because it was
    /// made for another extent.
    pub(crate) partial: bool,
    pub(crate) pcluster: PclusterOf,
}

/// The owner of an extent's pcluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PclusterOf {
    /// The extent itself. The blocks are among those of its part.
    ThisPart,
    /// Another extent. The blocks lie elsewhere.
    Another,
    /// Another extent. The blocks are known to lie right after the pcluster of the extent
    /// before.
    AnotherNext,
    /// None: it stays in the image that the extent comes from. The blocks are counted from
    /// the end of the new image on, after which its devices follow each other.
    OnDevice,
}

impl Extent {
    /// Whether its pcluster is not in the image.
    pub(crate) fn is_on_device(&self) -> bool {
        self.pcluster == PclusterOf::OnDevice
    }

    /// The first block of its pcluster, in an image of so many blocks.
    pub(crate) fn address(&self, image_blocks: u64) -> u32 {
        address(self.block, self.is_on_device(), image_blocks)
    }

    /// The block after its pcluster.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.block) + u64::from(self.blocks)
    }

    /// Whether the pcluster of `next` lies right after its own.
    pub(super) fn is_before(&self, next: &Extent) -> bool {
        self.is_on_device() == next.is_on_device() && self.end() == u64::from(next.block)
    }

    /// Whether its pcluster lies right after that of `before`, the extent
    /// before it in the part.
    pub(crate) fn follows(&self, before: &Extent) -> bool {
        match self.pcluster {
            PclusterOf::ThisPart => before.pcluster == PclusterOf::ThisPart,
            PclusterOf::Another | PclusterOf::OnDevice => false,
            PclusterOf::AnotherNext => true,
        }
    }
}

/// The address of a block in an image of so many blocks.
fn address(block: u32, is_on_device: bool, image_blocks: u64) -> u32 {
    let first = if is_on_device { image_blocks } else { 0 };
    checked_u32(first + u64::from(block))
}

/// Consecutive extents of a part. Only those that a repeat needs are copied: for a long
/// part that repeats much, copies of all extents for each repeat would take far more
/// memory than the part itself.
#[derive(Debug, Clone)]
pub(super) struct ExtentRun {
    /// The index of the first extent in the part, and the byte of the part at which it
    /// begins.
    pub(crate) first: usize,
    pub(crate) at: usize,
    pub(crate) extents: Box<[Extent]>,
}

impl ExtentRun {
    /// From `all` extents of a part, those that begin in `bytes` of it.
    pub(crate) fn within(all: &[Extent], bytes: Range<usize>) -> Self {
        let mut starts = all.iter().scan(0, |end, extent| {
            let start = *end;
            *end += to_usize(u64::from(extent.len));
            Some(start)
        });
        let found = starts.by_ref().enumerate().find(|(_, start)| *start >= bytes.start);
        let Some((first, at)) = found.filter(|(_, start)| *start < bytes.end) else {
            return ExtentRun { first: 0, at: 0, extents: Box::default() };
        };
        let count = 1 + starts.take_while(|start| *start < bytes.end).count();
        ExtentRun { first, at, extents: all[first..first + count].into() }
    }
}

/// A pcluster with the end of a file, stored after its inode and index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InlinePcluster {
    /// How many bytes of the file it holds.
    pub(crate) len: u32,
    /// Whether the bytes are stored uncompressed.
    pub(crate) plain: bool,
    pub(crate) bytes: Box<[u8]>,
}

/// The end of a file, or all of it, stored in the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The byte of the packed inode at which it begins.
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// Where the last bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum TailPlace {
    /// In blocks, like the bytes before them.
    #[default]
    Blocks,
    Inline(InlinePcluster),
    Fragment(Fragment),
}

/// A file that is stored in pclusters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Compressed {
    pub(crate) algorithm: Algorithm,
    pub(crate) extents: Vec<Extent>,
    /// How many consecutive blocks are the file's own.
    pub(crate) own_blocks: u32,
    /// How many it has besides, on a device.
    pub(crate) device_blocks: u32,
    /// The block after its own blocks, counted as that of its last extent.
    pub(crate) next_block: u32,
    /// The form that its index needs: a full one if some of its extents have the
    /// pclusters of others, or were expected to.
    pub(crate) form: IndexForm,
    pub(crate) tail: TailPlace,
    /// Whether plain pclusters are interlaced although the options do not say so, as in
    /// the image that the file is taken over from.
    pub(crate) interlaced: bool,
    /// The algorithm of the extents from this one on, if they have another one.
    pub(crate) second: Option<(usize, Algorithm)>,
}

impl Compressed {
    /// Appends the next part.
    pub(super) fn append(&mut self, next: Compressed) {
        self.extents.extend(next.extents);
        self.own_blocks += next.own_blocks;
        self.next_block = next.next_block;
        self.form = self.form.max(next.form);
        self.tail = next.tail;
    }

    /// Chooses a shorter form than the full index, if that is enough.
    pub(super) fn pair_blocks(&mut self, block_len: u64) {
        if self.form == IndexForm::Full && is_paired(&self.extents, block_len) {
            self.form = IndexForm::Pairs;
        }
    }

    /// Whether the extent of this number has the second algorithm.
    pub(crate) fn is_second(&self, number: usize) -> bool {
        self.second.is_some_and(|(first, _)| number >= first)
    }

    /// The address of the block after its own, in an image of so many blocks.
    pub(crate) fn next_address(&self, image_blocks: u64) -> u32 {
        let is_on_device = self.extents.last().is_some_and(Extent::is_on_device);
        address(self.next_block, is_on_device, image_blocks)
    }

    /// How many blocks it has, as its inode tells.
    pub(crate) fn blocks(&self) -> u32 {
        self.own_blocks.saturating_add(self.device_blocks)
    }

    /// How many blocks its extents have in the image, or on devices.
    pub(super) fn count_blocks(&self, on_device: bool) -> u32 {
        let those = self.extents.iter().filter(|extent| extent.is_on_device() == on_device);
        those.fold(0, |sum, extent| sum.saturating_add(extent.blocks.into()))
    }

    /// How many of its bytes are in pclusters that are not in the image.
    pub(super) fn device_len(&self) -> u64 {
        let there = self.extents.iter().filter(|extent| extent.is_on_device());
        there.map(|extent| u64::from(extent.len)).sum()
    }

    /// Its inline pcluster, if it has one.
    pub(crate) fn inline(&self) -> Option<&InlinePcluster> {
        match &self.tail {
            TailPlace::Inline(inline) => Some(inline),
            _ => None,
        }
    }

    /// Its end in the packed inode, if it has one there.
    pub(crate) fn fragment(&self) -> Option<Fragment> {
        match self.tail {
            TailPlace::Fragment(fragment) => Some(fragment),
            _ => None,
        }
    }
}

/// How a file is stored that was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored<'a> {
    Pclusters(&'a Compressed),
    /// All of it is in the packed inode, from this byte on.
    Fragment(u64),
}

/// Whether an index with one address for each pair of lclusters, an even one and the
/// next, can describe `extents`. The pclusters of extents that begin in the same pair
/// have to follow each other, and no extent may be partial.
fn is_paired(extents: &[Extent], block_len: u64) -> bool {
    let ends = extents.iter().scan(0, |at, extent| {
        *at += u64::from(extent.len);
        Some(*at / block_len)
    });
    let starts: Vec<u64> = std::iter::once(0).chain(ends).collect();
    let follows = |[a, b]: [usize; 2]| {
        // The address of a pair may be that of its first pcluster less the blocks of the
        // one before, and must not be below 0.
        let has_room = extents[b].block >= u32::from(extents[a].blocks);
        let is_together = starts[a] / 2 == starts[b] / 2;
        has_room && (!is_together || extents[a].is_before(&extents[b]))
    };
    !extents.iter().any(|extent| extent.partial)
        && (1..extents.len()).all(|index| follows([index - 1, index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(len: u32, block: u32, blocks: u16) -> Extent {
        Extent { len, block, blocks, plain: false, partial: false, pcluster: PclusterOf::ThisPart }
    }

    #[test]
    fn addresses_of_devices_come_after_the_image() {
        let here = extent(9000, 10, 2);
        let there = Extent { pcluster: PclusterOf::OnDevice, ..extent(5000, 12, 3) };
        assert_eq!((here.address(100), there.address(100)), (10, 112));
        assert!(!here.is_before(&there) && here.is_before(&extent(1, 12, 1)));
        let next_block = 15;
        let mut file =
            Compressed { extents: vec![here, there], next_block, ..Compressed::default() };
        let counts = (file.count_blocks(false), file.count_blocks(true));
        assert_eq!((file.next_address(100), counts, file.device_len()), (115, (2, 3), 5000));
        file.extents.reverse();
        assert_eq!(file.next_address(100), 15);
    }

    #[test]
    fn what_begins_in_two_lclusters_lies_together() {
        let [a, b, c] = [extent(9000, 10, 2), extent(5000, 5, 1), extent(5000, 6, 1)];
        // They begin in the lclusters 0, 2 and 3; and in 0, 1 and 3.
        assert!(is_paired(&[a, b, c], 4096));
        assert!(!is_paired(&[a, c, b], 4096));
        assert!(!is_paired(&[b, a, c], 4096));
        assert!(is_paired(&[b, c], 4096) && is_paired(&[a], 4096) && is_paired(&[], 4096));
        // Too few blocks lie before this one.
        assert!(!is_paired(&[a, extent(9000, 1, 1)], 4096));
        assert!(!is_paired(&[a, Extent { partial: true, ..b }], 4096));
        // A block of a device does not follow one of the image.
        let on_device = |extent| Extent { pcluster: PclusterOf::OnDevice, ..extent };
        assert!(is_paired(&[on_device(b), on_device(c)], 4096));
        assert!(!is_paired(&[b, on_device(c)], 4096) && !is_paired(&[on_device(b), c], 4096));
    }
}
