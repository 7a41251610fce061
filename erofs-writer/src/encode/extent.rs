//! How a file is stored that was encoded.

use std::ops::Range;

use crate::format::algorithm::Algorithm;
use crate::format::to_usize;

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
    /// Whether its pcluster lies right behind that of `before`, the extent
    /// before it in the part.
    pub(crate) fn follows(&self, before: &Extent) -> bool {
        match self.pcluster {
            PclusterOf::ThisPart => before.pcluster == PclusterOf::ThisPart,
            PclusterOf::Another => false,
            PclusterOf::AnotherNext => true,
        }
    }
}

/// Some extents of a part, one behind the other. Of a long part that repeats
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

/// The end of a file, stored behind its inode and index.
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

/// A file that is stored in pclusters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Compressed {
    pub(crate) algorithm: Algorithm,
    pub(crate) extents: Vec<Extent>,
    /// How many blocks are the file's own, which lie one behind the other.
    pub(crate) own_blocks: u32,
    /// The block behind these.
    pub(crate) behind: u32,
    /// Whether its index has to tell of each block, as some of its extents are,
    /// or might have been, in blocks of others.
    pub(crate) scattered: bool,
    /// Whether its index has to tell of every other block, as only what begins
    /// in one of these and the next lies together.
    pub(crate) jumps: bool,
    pub(crate) inline: Option<InlinePcluster>,
    pub(crate) fragment: Option<Fragment>,
}

impl Compressed {
    /// Appends what is behind this part.
    pub(super) fn append(&mut self, next: Compressed) {
        self.extents.extend(next.extents);
        self.own_blocks += next.own_blocks;
        self.behind = next.behind;
        self.scattered |= next.scattered;
        (self.inline, self.fragment) = (next.inline, next.fragment);
    }

    /// Lets the index tell of every other block and not of each, if that is
    /// enough.
    pub(super) fn pair_blocks(&mut self, block_len: u64) {
        if self.scattered && is_paired(&self.extents, block_len) {
            (self.scattered, self.jumps) = (false, true);
        }
    }

    /// Where the file begins in the packed inode, if all of it is there.
    pub(crate) fn whole_fragment(&self) -> Option<u64> {
        self.fragment.filter(|_| self.extents.is_empty()).map(|fragment| fragment.at)
    }
}

/// Whether of `extents` that begin in the same two lclusters, from an even one
/// on, each pcluster lies behind the one before, and holds no more than that.
fn is_paired(extents: &[Extent], block_len: u64) -> bool {
    let ends = extents.iter().scan(0, |at, extent| {
        *at += u64::from(extent.len);
        Some(*at / block_len)
    });
    let starts: Vec<u64> = std::iter::once(0).chain(ends).collect();
    let follows = |[a, b]: [usize; 2]| {
        let behind = u64::from(extents[a].block) + u64::from(extents[a].blocks);
        // A pair may tell of a pcluster by what lies before it, which has to
        // be there.
        let has_room = extents[b].block >= u32::from(extents[a].blocks);
        let is_together = starts[a] / 2 == starts[b] / 2;
        has_room && (!is_together || behind == u64::from(extents[b].block))
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
