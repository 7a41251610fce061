//! Writing metadata and data to their places, in parallel.
//!
//! All addresses are known, so the work is cut into jobs that touch disjoint
//! parts of the image: windows of metadata with the small files that belong
//! to them, and pieces of large files. How it is cut depends on the tree
//! alone, as the derived UUID depends on the order of jobs.

mod buffer;
mod job;
mod piece;
mod progress;
mod spools;
mod task;
mod window;

use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

pub(crate) use job::{Job, Written};
pub(crate) use progress::Observer;

use crate::error::{Error, Result};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::pool::Pool;
use buffer::{Buffer, Flushed};
use spools::Spools;
use task::Task;

/// What a task gives back.
#[derive(Default)]
struct Done {
    head: Option<Vec<u8>>,
    /// How many bytes were written, with those of the head.
    len: u64,
    digest: Option<Fingerprint>,
}

impl From<Flushed> for Done {
    fn from(Flushed { len, digest }: Flushed) -> Self {
        Done { head: None, len, digest }
    }
}

impl Job<'_> {
    /// Writes everything but the head.
    pub(crate) fn run(&self, observer: &mut Observer<'_, '_>, pool: &Pool) -> Result<Written> {
        let tasks = task::tasks(self);
        let total = tasks.iter().map(|task| task.weight()).sum();
        let spools = &Spools::new(self, &tasks);
        let done = observer.watch(pool, self.reader.stop, total, |report| {
            let mut results: Vec<(usize, Result<Done>)> = spools
                .order(tasks.len())
                .into_par_iter()
                .map(|index| {
                    if self.reader.stop.load(Relaxed) {
                        return (index, Err(Error::Cancelled));
                    }
                    let done = self.perform(&tasks[index]);
                    spools.done(index);
                    report(tasks[index].weight());
                    if done.is_err() {
                        self.reader.stop.store(true, Relaxed);
                    }
                    (index, done)
                })
                .collect();
            results.sort_by_key(|(index, _)| *index);
            first_error(results.into_iter().map(|(_, result)| result))
        })?;
        Ok(self.combine(done))
    }

    fn perform(&self, task: &Task) -> Result<Done> {
        match task {
            Task::Window(window) => {
                let (head, flushed) = window.write(self)?;
                Ok(Done { head, ..flushed.into() })
            }
            Task::Packed(bytes) => {
                let mut buffer = Buffer::new(self);
                buffer.seek(self.placement.packed_pos())?;
                buffer.add(bytes)?;
                buffer.pad()?;
                Ok(buffer.finish(&[])?.into())
            }
            Task::Pieces(pieces) => Ok(piece::write(self, pieces)?.into()),
        }
    }

    /// Puts together what the tasks give back, in the order of tasks.
    fn combine(&self, done: Vec<Done>) -> Written {
        let block_len = self.options.block_size.len();
        let placed = self.placement.len() - self.placement.encoded.blocks * block_len;
        let written: u64 = done.iter().map(|done| done.len).sum();
        assert!(written == placed, "an image of {placed} bytes without pclusters got {written}");
        let mut hasher = Fingerprinter::default();
        if let Some(digest) = self.placement.encoded.digest {
            hasher.update(digest.as_bytes());
        }
        let mut head = Vec::new();
        for done in done {
            if let Some(digest) = done.digest {
                hasher.update(digest.as_bytes());
            }
            if let Some(bytes) = done.head {
                head = bytes;
            }
        }
        let digest = self.hashes().then(|| hasher.finish());
        Written { head, digest }
    }
}

/// The results, or the first error that is not merely the consequence of
/// another one.
fn first_error(results: impl Iterator<Item = Result<Done>>) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    let mut cancelled = false;
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(Error::Cancelled) => cancelled = true,
            Err(error) => return Err(error),
        }
    }
    if cancelled { Err(Error::Cancelled) } else { Ok(done) }
}
