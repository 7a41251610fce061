//! Results of encoding a part.

use crate::encode::extent::{Extent, InlinePcluster};
use crate::encode::fragment::UnplacedFragment;

/// A part when it is encoded, without the bytes of its pclusters in blocks.
#[derive(Debug, Default)]
pub(crate) struct Pclusters {
    pub(crate) extents: Vec<Extent>,
    /// Those of them that are extents of other parts, in order.
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

/// An extent of this part that is one of another part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// Which extent of this part.
    pub(crate) extent: usize,
    /// The number of the other part.
    pub(crate) part: usize,
    /// Which one of that.
    pub(crate) of: usize,
}

impl Pclusters {
    /// Appends `extents`, which are those of another part from `first` on.
    pub(super) fn link(&mut self, part: usize, first: usize, extents: &[Extent]) {
        for (of, extent) in (first..).zip(extents) {
            self.links.push(Link { extent: self.extents.len(), part, of });
            self.extents.push(*extent);
        }
    }
}
