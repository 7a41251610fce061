//! The table of recipes that follows the image, if one was asked for.

use crate::encode::Stream;
use crate::error::{Error, Result};
use crate::format::{Nid, to_u64};
use crate::meta::Placement;
use crate::options::Options;
use crate::recipes::{Made, Recipes};
use crate::sink::Sink;

/// The bytes of the table; none if it was not asked for.
pub(super) fn table(placement: &Placement<'_>, options: &Options) -> Vec<u8> {
    if !options.rebuildable {
        return Vec::new();
    }
    let encoded = placement.bodies.encoded;
    let made = encoded.recipes.iter().map(|placed| Made {
        recipe: placed.recipe.0,
        nid: match placed.stream {
            Stream::File(id) => placement.nid(id).0,
            Stream::Packed => Nid::at(placement.packed_pos()).0,
        },
        offset: placed.offset,
        block: placed.block,
    });
    let vain = encoded.vain.iter().map(|recipe| recipe.0);
    Recipes { made: made.collect(), vain: vain.collect() }.to_bytes()
}

/// Writes the table after the image.
pub(super) fn write(sink: &Sink<'_>, placement: &Placement<'_>, table: &[u8]) -> Result<()> {
    sink.append(table, placement.len()).map_err(|source| Error::Write { path: None, source })
}

/// How long image and table are together, in bytes.
pub(super) fn len_with(placement: &Placement<'_>, table: &[u8]) -> u64 {
    placement.len().saturating_add(to_u64(table.len()))
}
