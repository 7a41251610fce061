//! The tables of recipes and of facts that follow the image, if they were asked for.

use std::borrow::Cow;

use crate::build::whole::Whole;
use crate::encode::{Earlier, Stream};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::format::{Nid, to_u64};
use crate::options::Options;
use crate::recipes::{Made, Recipes};
use crate::write::Job;

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
pub(super) fn tables(whole: &Whole<'_>) -> Vec<u8> {
    let Job { options, placement, plan, .. } = whole.job;
    if !options.rebuildable {
        return Vec::new();
    }
    let mut tables = table(whole).to_bytes();
    if options.keeps_facts() {
        tables.extend(placement.bodies.encoded.facts.all(plan).to_bytes());
    }
    tables
}

fn table(whole: &Whole<'_>) -> Recipes {
    let Job { placement, .. } = whole.job;
    let encoded = placement.bodies.encoded;
    let packed = whole.ends.packed.as_ref();
    let made = encoded.recipes.iter().map(|placed| Made {
        recipe: placed.recipe.0,
        nid: match placed.stream {
            Stream::File(id) => placement.nid(id).0,
            Stream::Packed => Nid::at(packed.expect("it has parts").pos).0,
            Stream::Metabox => panic!("its parts have no recipes"),
        },
        offset: placed.offset,
        block: placed.block,
        check: placed.check,
    });
    let vain = encoded.vain.iter().map(|recipe| recipe.0);
    Recipes { made: made.collect(), vain: vain.collect() }
}

/// Writes the tables after the image.
pub(super) fn write(whole: &Whole<'_>, table: &[u8]) -> Result<()> {
    let written = whole.job.sink.append(table, whole.len());
    written.map_err(|source| Error::Write { path: None, source })
}

/// How long image and tables are together, in bytes.
pub(super) fn len_with(whole: &Whole<'_>, table: &[u8]) -> u64 {
    whole.len().saturating_add(to_u64(table.len()))
}
