//! The tables of recipes and of facts that follow the image, if they were asked for.

use std::borrow::Cow;

use crate::encode::{Earlier, Stream};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::format::{Nid, to_u64};
use crate::meta::Placement;
use crate::options::Options;
use crate::plan::DataPlan;
use crate::recipes::{Made, Recipes};
use crate::sink::Sink;

/// The facts of the earlier image, if it is trusted, or none of any file if the ones of
/// this image are to be found.
pub(super) fn trusted<'a>(
    earlier: Option<&'a dyn Earlier>,
    options: &Options,
) -> Option<Cow<'a, Facts>> {
    let is_of_use = options.trust_store_names && options.may_compress();
    let known = earlier.filter(|_| is_of_use).and_then(Earlier::facts);
    match known {
        Some(known) => Some(Cow::Borrowed(known)),
        None => options.keeps_facts().then(Cow::default),
    }
}

/// The bytes of the table, and of that of facts; none if they were not asked for.
pub(super) fn tables(placement: &Placement<'_>, plan: &DataPlan, options: &Options) -> Vec<u8> {
    if !options.rebuildable {
        return Vec::new();
    }
    let mut tables = table(placement).to_bytes();
    if options.keeps_facts() {
        tables.extend(placement.bodies.encoded.facts.all(plan).to_bytes());
    }
    tables
}

fn table(placement: &Placement<'_>) -> Recipes {
    let encoded = placement.bodies.encoded;
    let made = encoded.recipes.iter().map(|placed| Made {
        recipe: placed.recipe.0,
        nid: match placed.stream {
            Stream::File(id) => placement.nid(id).0,
            Stream::Packed => Nid::at(placement.packed_pos()).0,
        },
        offset: placed.offset,
        block: placed.block,
        check: placed.check,
    });
    let vain = encoded.vain.iter().map(|recipe| recipe.0);
    Recipes { made: made.collect(), vain: vain.collect() }
}

/// Writes the tables after the image.
pub(super) fn write(sink: &Sink<'_>, placement: &Placement<'_>, table: &[u8]) -> Result<()> {
    sink.append(table, placement.len()).map_err(|source| Error::Write { path: None, source })
}

/// How long image and tables are together, in bytes.
pub(super) fn len_with(placement: &Placement<'_>, table: &[u8]) -> u64 {
    placement.len().saturating_add(to_u64(table.len()))
}
