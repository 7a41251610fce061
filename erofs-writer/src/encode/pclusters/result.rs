//! Results of encoding a part.

use crate::encode::extent::{Extent, InlinePcluster};
use crate::encode::fragment::UnplacedFragment;

/// An encoded part, without the bytes of its pclusters in blocks.
#[derive(Debug, Default)]
pub(crate) struct Pclusters {
    pub(crate) extents: Vec<Extent>,
    /// The extents that have the pclusters of others, in their order.
    pub(crate) links: Vec<Link>,
    pub(crate) tail: Tail,
}

/// The bytes after the extents of a part.
#[derive(Debug, Default)]
pub(crate) enum Tail {
    /// There are none.
    #[default]
    Blocks,
    Inline(InlinePcluster),
    Fragment(UnplacedFragment),
}

/// An extent that has the pcluster of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its index among the extents of this part.
    pub(crate) extent: usize,
    /// The number of the part with the other extent.
    pub(crate) part: usize,
    /// The index of the other extent in that part.
    pub(crate) of: usize,
}

impl Pclusters {
    /// Appends `extents`, which repeat those of the part with the number `part` from the
    /// index `first` on.
    pub(crate) fn link(&mut self, part: usize, first: usize, extents: &[Extent]) {
        for (of, extent) in (first..).zip(extents) {
            self.links.push(Link { extent: self.extents.len(), part, of });
            self.extents.push(*extent);
        }
    }
}
