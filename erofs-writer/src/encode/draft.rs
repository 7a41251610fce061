//! What is known about a part before it is encoded.

use crate::encode::bytes::PartBytes;
use crate::encode::earlier::Known;
use crate::encode::pclusters::Stretch;
use crate::encode::recipe::{Recipe, Worth};
use crate::encode::task::PartRanges;

/// Everything that decides the result of a part.
pub(super) struct Draft<'a> {
    pub(super) bytes: PartBytes<'a>,
    /// What it repeats.
    pub(super) stretches: Vec<Stretch>,
    pub(super) worth: Option<Worth>,
    /// The hash of all this, if recipes are of use.
    pub(super) recipe: Option<Recipe>,
    /// Facts to keep for later builds.
    pub(super) ranges: Option<PartRanges>,
}

impl Draft<'_> {
    /// Whether it is known that encoding the part is not worth it.
    pub(super) fn is_vain(&self, known: Option<Known>) -> bool {
        matches!(known, Some(Known::Vain)) && self.worth.is_some()
    }
}
