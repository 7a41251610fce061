//! How a file is stored that was encoded.

use std::ops::Range;

use crate::format::algorithm::Algorithm;
use crate::format::to_usize;
use crate::shape::IndexForm;

/// Bytes of a file that are stored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many bytes of the file.
    pub(crate) len: u32,
    /// The first block that holds them.
    pub(crate) block: u32,
    /// How many blocks do.
    pub(crate) blocks: u16,
    /// Whether they are stored as they are.
    pub(crate) plain: bool,
    /// Whether the blocks hold more than these, from another place on which
    /// they are shared.
    pub(crate) partial: bool,
    pub(crate) pcluster: PclusterOf,
}

/// Whose pcluster an extent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PclusterOf {
    /// Its own, among those of its part.
    ThisPart,
    /// That of another extent, elsewhere.
    Another,
    /// The same, known to lie after that of the extent before.
    AnotherNext,
}

impl Extent {
    /// Whether its pcluster lies right after that of `before`, the extent
    /// before it in the part.
    pub(crate) fn follows(&self, before: &Extent) -> bool {
        match self.pcluster {
            PclusterOf::ThisPart => before.pcluster == PclusterOf::ThisPart,
            PclusterOf::Another => false,
            PclusterOf::AnotherNext => true,
        }
    }
}

/// Some extents of a part, one after the other. Of a long part that repeats
/// much, all for each repeat would be far more than the part itself.
#[derive(Debug, Clone)]
pub(crate) struct ExtentRun {
    /// Which one of the part the first is, and where that begins.
    pub(crate) first: usize,
    pub(crate) at: usize,
    pub(crate) extents: Box<[Extent]>,
}

impl ExtentRun {
    /// Those of `all`, the extents of a part, that begin in `bytes` of it.
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

/// The end of a file, stored after its inode and index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InlinePcluster {
    /// How many bytes of the file.
    pub(crate) len: u32,
    /// Whether they are stored as they are.
    pub(crate) plain: bool,
    pub(crate) bytes: Box<[u8]>,
}

/// The end of a file, or all of it, stored in the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Where it begins in the packed inode.
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// Where the last bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum TailPlace {
    /// In blocks, as those before them.
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
    /// How many blocks are the file's own, which lie one after the other.
    pub(crate) own_blocks: u32,
    /// The block after these.
    pub(crate) next_block: u32,
    /// The form that its index needs. A full one if some of its extents are, or
    /// might have been, in blocks of others.
    pub(crate) form: IndexForm,
    pub(crate) tail: TailPlace,
}

impl Compressed {
    /// Appends the part that follows.
    pub(super) fn append(&mut self, next: Compressed) {
        self.extents.extend(next.extents);
        self.own_blocks += next.own_blocks;
        self.next_block = next.next_block;
        self.form = self.form.max(next.form);
        self.tail = next.tail;
    }

    /// Gives it a shorter index than the full one, if that is enough.
    pub(super) fn pair_blocks(&mut self, block_len: u64) {
        if self.form == IndexForm::Full && is_paired(&self.extents, block_len) {
            self.form = IndexForm::Pairs;
        }
    }

    /// What is stored after its inode and index.
    pub(crate) fn inline(&self) -> Option<&InlinePcluster> {
        match &self.tail {
            TailPlace::Inline(inline) => Some(inline),
            _ => None,
        }
    }

    /// Its end in the packed inode.
    pub(crate) fn fragment(&self) -> Option<Fragment> {
        match self.tail {
            TailPlace::Fragment(fragment) => Some(fragment),
            _ => None,
        }
    }
}

/// How a file is stored that is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored<'a> {
    Pclusters(&'a Compressed),
    /// All of it is in the packed inode, from here on.
    Fragment(u64),
}

/// Whether of `extents` that begin in the same two lclusters, from an even one
/// on, each pcluster lies after the one before, and holds no more than that.
fn is_paired(extents: &[Extent], block_len: u64) -> bool {
    let ends = extents.iter().scan(0, |at, extent| {
        *at += u64::from(extent.len);
        Some(*at / block_len)
    });
    let starts: Vec<u64> = std::iter::once(0).chain(ends).collect();
    let follows = |[a, b]: [usize; 2]| {
        let end = u64::from(extents[a].block) + u64::from(extents[a].blocks);
        // A pair may tell of a pcluster by what lies before it, which has to
        // be there.
        let has_room = extents[b].block >= u32::from(extents[a].blocks);
        let is_together = starts[a] / 2 == starts[b] / 2;
        has_room && (!is_together || end == u64::from(extents[b].block))
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
    fn what_begins_in_two_lclusters_lies_together() {
        let [a, b, c] = [extent(9000, 10, 2), extent(5000, 5, 1), extent(5000, 6, 1)];
        // They begin in the lclusters 0, 2 and 3; and in 0, 1 and 3.
        assert!(is_paired(&[a, b, c], 4096));
        assert!(!is_paired(&[a, c, b], 4096));
        assert!(!is_paired(&[b, a, c], 4096));
        assert!(is_paired(&[b, c], 4096) && is_paired(&[a], 4096) && is_paired(&[], 4096));
        // A block that no address can come before.
        assert!(!is_paired(&[a, extent(9000, 1, 1)], 4096));
        assert!(!is_paired(&[a, Extent { partial: true, ..b }], 4096));
    }
}
