//! The end of a build, when everything has its place.

use std::fs::File;
use std::time::SystemTime;

#[cfg(not(feature = "verity"))]
use super::unsealed::Seal;
#[cfg(feature = "verity")]
use super::{digests, seal::Seal};
use crate::build::whole::Whole;
use crate::build::{recipes, room, sizes};
use crate::error::Result;
use crate::event::Summary;
use crate::observer::Observer;
use crate::pool::Threads;
use crate::sink::Output;

/// What a summary has only if it is asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    /// What each entry of the root takes.
    pub(super) entry_sizes: bool,
    /// The fs-verity digests of files.
    #[cfg(feature = "verity")]
    pub(super) digests: bool,
}

/// Writes what is not written yet, and returns a summary. The image is read back from the
/// file, if there is one.
pub(super) fn conclude(
    whole: &Whole<'_>,
    output: &Output<'_>,
    read_back: Option<(&File, SystemTime)>,
    asked: Asked,
    (observer, threads): (&Observer<'_>, &Threads),
) -> Result<Summary> {
    #[cfg(feature = "verity")]
    let fsverity_digests = match asked.digests {
        true => digests::digests(whole.job.reader, observer, threads)?,
        false => Vec::new(),
    };
    let recipes = &recipes::tables(whole);
    let mut len = recipes::len_with(whole, recipes);
    let seal = Seal::new(whole, output, len)?;
    if let Some(seal) = &seal {
        len = seal.end();
    }
    let end = room::image_end(whole.job.options, len)?;
    room::check_capacity(output.capacity, end)?;
    let head = room::write(whole, output, (recipes, len), observer, threads)?;
    let sealed = whole.seal(head);
    let verity = seal.map(|seal| seal.write(&sealed, observer, threads)).transpose()?;
    room::settle(output, end, observer, threads)?;
    whole.conclude(&sealed, read_back, observer, threads)?;
    Ok(Summary {
        entry_sizes: if asked.entry_sizes { sizes::entry_sizes(whole) } else { Vec::new() },
        #[cfg(feature = "verity")]
        fsverity_digests,
        ..whole.summary(sealed.uuid, verity)
    })
}
