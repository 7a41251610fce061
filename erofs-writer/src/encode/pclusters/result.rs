//! Results of encoding a part.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

use crate::encode::extent::{Extent, InlinePcluster, PclusterOf};
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
    /// A hash of the result, of which `own` are the pclusters in blocks. What it repeats of
    /// other parts is left out.
    pub(crate) fn check(&self, own: &[u8]) -> u64 {
        let mut hash = XxHash3_64::new();
        for extent in &self.extents {
            let Extent { len, block: _, blocks, plain, partial, pcluster } = *extent;
            let is_own = pcluster == PclusterOf::ThisPart;
            hash.write(&len.to_le_bytes());
            hash.write(&blocks.to_le_bytes());
            hash.write(&[plain, partial, is_own].map(u8::from));
        }
        match &self.tail {
            Tail::Blocks => hash.write(&[0]),
            Tail::Inline(InlinePcluster { len, plain, bytes }) => {
                hash.write(&[1, u8::from(*plain)]);
                hash.write(&len.to_le_bytes());
                hash.write(bytes);
            }
            Tail::Fragment(fragment) => {
                hash.write(&[2]);
                hash.write(&fragment.len.to_le_bytes());
            }
        }
        hash.write(own);
        hash.finish()
    }

    /// Appends `extents`, which repeat those of the part with the number `part` from the
    /// index `first` on.
    pub(crate) fn link(&mut self, part: usize, first: usize, extents: &[Extent]) {
        for (of, extent) in (first..).zip(extents) {
            self.links.push(Link { extent: self.extents.len(), part, of });
            self.extents.push(*extent);
        }
    }
}
