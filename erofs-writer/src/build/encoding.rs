//! Encoding the files of an image, or taking over those of other images.

use crate::build::room::invalidate;
use crate::encode::{self, Encoded, Images};
use crate::error::Result;
use crate::event::Phase;
use crate::observer::Observer;
use crate::plan::ChunkMap;
use crate::pool::Threads;
use crate::tree::InodeId;

/// Files in chunks that are taken over from images, with their new maps.
pub(super) type Maps = Vec<(InodeId, ChunkMap)>;

/// Encodes files, if they are to be compressed, or takes over those of images.
pub(super) fn encode_files(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<(Encoded, Maps)> {
    if !images.is_empty() {
        return take_over(observer, threads, inputs, images);
    }
    if !inputs.options.may_compress() {
        return Ok((Encoded::default(), Vec::new()));
    }
    invalidate(observer, inputs.sink)?;
    if inputs.options.may_have_repeats() {
        observer.phase(Phase::Dedupe)?;
    }
    let find = |report: &(dyn Fn(u64) + Sync)| encode::Tasks::of_files(inputs, report);
    let tasks = observer.watch(threads, 0, find)?;
    observer.phase(Phase::Encode)?;
    let encode = |report: &(dyn Fn(u64) + Sync)| encode::Files::encode(inputs, &tasks, report);
    let files = observer.watch(threads, tasks.len(), encode)?;
    let packed_len = files.packed_len();
    if packed_len > 0 {
        observer.phase(Phase::Pack)?;
    }
    let encode = |report: &(dyn Fn(u64) + Sync)| files.encode_packed(inputs, report);
    Ok((observer.watch(threads, packed_len, encode)?, Vec::new()))
}

/// Takes over files of images as they are stored there.
fn take_over(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<(Encoded, Maps)> {
    let taken = observer.watch(threads, 0, |_| encode::Taken::new(inputs, images))?;
    invalidate(observer, inputs.sink)?;
    observer.phase(Phase::Encode)?;
    observer.watch(threads, taken.len(), |report| taken.copy(inputs, report))
}
