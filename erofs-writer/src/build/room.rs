//! The room for an image in its output, and the writing of all of it but the head.

use std::path::PathBuf;

use crate::build::recipes;
use crate::build::whole::Whole;
use crate::error::{Error, OutputErrorKind, Result};
use crate::event::Phase;
use crate::observer::Observer;
use crate::options::{Options, OptionsError};
use crate::pool::Threads;
use crate::sink::{Output, Sink};
use crate::write::{self, Job};

/// Writes everything but the head, which is returned, and the `table` of recipes after the
/// image. All that the output gets has `len` bytes.
pub(super) fn write(
    whole: &Whole<'_>,
    output: &Output<'_>,
    (table, len): (&[u8], u64),
    observer: &Observer<'_>,
    threads: &Threads,
) -> Result<Vec<u8>> {
    observer.phase(Phase::Write)?;
    let Whole { job, ends } = *whole;
    invalidate(observer, job.sink)?;
    if output.capacity.is_none() {
        reserve(whole, len)?;
    }
    let tasks = write::Tasks::new(job, ends);
    let head = observer.watch(threads, tasks.len(), |report| tasks.run(job, report))?;
    recipes::write(whole, table)?;
    Ok(head)
}

/// Does what has to be done when everything but the head is written. All of it ends at
/// `end` in the output.
pub(super) fn settle(
    output: &Output<'_>,
    end: u64,
    observer: &Observer<'_>,
    threads: &Threads,
) -> Result<()> {
    observer.phase(Phase::Finish)?;
    observer.watch(threads, 0, |_| {
        (output.settle)(end, observer).map_err(|source| Error::Write { path: None, source })
    })
}

/// Invalidates an image that the output may hold. From then on the old content is lost,
/// and the caller is told.
pub(super) fn invalidate(observer: &Observer<'_>, sink: &Sink<'_>) -> Result<()> {
    let write_error = |source| Error::Write { path: None, source };
    let holds_something = sink.holds_something().map_err(write_error)?;
    let has_written = sink.invalidate().map_err(write_error)?;
    if holds_something {
        observer.overwrites()?;
    }
    match has_written {
        true => sink.sync().map_err(write_error),
        false => Ok(()),
    }
}

/// Reserves the room for what is not written yet.
fn reserve(whole: &Whole<'_>, len: u64) -> Result<()> {
    let Job { placement, options, sink, .. } = whole.job;
    let start = match placement.pclusters.is_empty() {
        true => 0,
        false => placement.pclusters.end * options.block_size.len(),
    };
    sink.reserve(start, len - start).map_err(|source| Error::Write { path: None, source })
}

/// Whether an image that ends at `needed` fits into a device.
pub(super) fn check_capacity(capacity: Option<u64>, needed: u64) -> Result<()> {
    match capacity {
        Some(available) if available < needed => Err(Error::Output {
            path: PathBuf::new(),
            kind: OutputErrorKind::TooSmall { needed, available },
        }),
        _ => Ok(()),
    }
}

/// Where an image of `len` bytes ends in the output.
pub(super) fn image_end(options: &Options, len: u64) -> Result<u64> {
    let end = options.offset.checked_add(len);
    end.filter(|end| i64::try_from(*end).is_ok()).ok_or(OptionsError::Offset.into())
}
