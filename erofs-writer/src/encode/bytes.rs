//! The bytes of a part, or what is known of them.

use std::ops::Range;

use crate::alike::Kept;
use crate::encode::fragment::UnplacedFragment;
use crate::facts::{Digest, EndFacts, PartFacts};
use crate::format::to_u64;

/// The bytes of a part.
#[derive(Clone, Copy)]
pub(crate) enum PartBytes<'a> {
    /// They were read, and this is their hash, if recipes are of use.
    Read(&'a [u8], Digest),
    /// They were not read: there are facts about them.
    Known(KnownPart<'a>),
}

/// Facts about a part that is not read.
#[derive(Clone, Copy)]
pub(crate) struct KnownPart<'a> {
    pub(super) len: usize,
    pub(super) digest: Digest,
    /// Facts about ranges; `None` if nothing is known of any.
    pub(super) facts: Option<&'a PartFacts>,
    /// The end of its file that became a fragment.
    pub(super) end: Option<EndFacts>,
}

impl PartBytes<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            PartBytes::Read(data, _) => data.len(),
            PartBytes::Known(known) => known.len,
        }
    }

    /// The hash of all bytes.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            PartBytes::Read(_, digest) => *digest,
            PartBytes::Known(known) => known.digest,
        }
    }

    /// The hash of a range; `None` if the part does not have it or it is not known.
    pub(super) fn range(&self, range: Range<usize>) -> Option<Digest> {
        match self {
            PartBytes::Read(data, _) => Some(*blake3::hash(data.get(range)?).as_bytes()),
            PartBytes::Known(known) => known.facts?.range(&range),
        }
    }

    /// The bytes from `at` on as a fragment; `None` if they are not known.
    pub(super) fn fragment(&self, at: usize, kept: &Kept) -> Option<UnplacedFragment> {
        match self {
            PartBytes::Read(data, _) => Some(UnplacedFragment::new(&data[at..], kept)),
            PartBytes::Known(known) => {
                let EndFacts { len, digest } = known.end?;
                let is_one = len == to_u64(known.len - at);
                is_one.then_some(UnplacedFragment { len, digest, sketch: None })
            }
        }
    }
}
