//! Writing metadata and data to their places, in parallel.
//!
//! All addresses are known, so the work is cut into tasks that touch disjoint
//! parts of the image: windows of metadata with the small files that belong
//! to them, and pieces of large files.

mod buffer;
mod job;
mod metabox;
mod piece;
mod spools;
mod task;
mod window;

use crate::error::{Error, Result};
use crate::meta::Ends;
use crate::pool::{self, Share};

pub(crate) use job::Job;
pub(crate) use metabox::MetaboxParts;
use spools::Spools;
use task::Task;

/// Everything that is to be written, except the head.
pub(crate) struct Tasks<'a> {
    tasks: Vec<Task>,
    ends: &'a Ends,
}

impl<'a> Tasks<'a> {
    /// Cuts the work.
    pub(crate) fn new(job: &Job<'_>, ends: &'a Ends) -> Self {
        Tasks { tasks: Task::all(job, ends), ends }
    }

    /// How much there is to do, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.tasks.iter().map(Task::weight).sum()
    }

    /// Writes everything except the head, and returns the head: the start of the image,
    /// without the superblock.
    pub(crate) fn run(&self, job: &Job<'_>, report: &(dyn Fn(u64) + Sync)) -> Result<Vec<u8>> {
        let spools = &Spools::new(job, &self.tasks);
        let perform = |index: usize| {
            if job.reader.stop.is_set() {
                return Ok((index, Err(Error::Cancelled)));
            }
            let done = self.tasks[index].perform(job, self.ends);
            spools.done(index);
            report(self.tasks[index].weight());
            if done.is_err() {
                job.reader.stop.set();
            }
            Ok((index, done))
        };
        let mut results = pool::try_map(spools.order(self.tasks.len()), Share::Usual, perform)?;
        results.sort_by_key(|(index, _)| *index);
        let heads = first_error(results.into_iter().map(|(_, result)| result))?;
        Ok(heads.into_iter().flatten().next().expect("the first window has it"))
    }
}

/// The results, or the first error that is not merely the consequence of
/// another one.
fn first_error(
    results: impl Iterator<Item = Result<Option<Vec<u8>>>>,
) -> Result<Vec<Option<Vec<u8>>>> {
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
