//! Places for what workers have encoded, in the order of tasks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::encode::fill::Filling;
use crate::encode::part::Done;
use crate::encode::{Compressed, Encoded, Job};
use crate::error::{Error, Limit, Result};
use crate::tree::InodeId;

/// So many tasks for each worker may be in work or wait for an earlier one,
/// which bounds memory.
const AHEAD: usize = 4;
/// How often one who waits looks whether all is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Hands out tasks in order, and takes their results in any order.
pub(crate) struct Queue<'a> {
    job: &'a Job<'a>,
    tasks: usize,
    ahead: usize,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    /// The next task to hand out.
    taken: usize,
    /// The next task to get a place.
    placed: usize,
    /// Where it goes.
    block: u64,
    waiting: BTreeMap<usize, Done>,
    files: Vec<(InodeId, u64, Filling)>,
    hasher: blake3::Hasher,
    /// Of the errors so far the one of the first task.
    error: Option<(usize, Error)>,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(job: &'a Job<'a>, tasks: usize) -> Self {
        let state = State {
            taken: 0,
            placed: 0,
            block: job.first_block,
            waiting: BTreeMap::new(),
            files: Vec::new(),
            hasher: blake3::Hasher::new(),
            error: None,
        };
        let ahead = AHEAD * rayon::current_num_threads();
        Queue { job, tasks, ahead, state: Mutex::new(state), moved: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, once there is room for its result.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if self.job.is_stopped() || state.taken == self.tasks {
                return None;
            }
            // The worker with the first task that has no place never waits.
            if state.taken < state.placed + self.ahead {
                state.taken += 1;
                return Some(state.taken - 1);
            }
            let waited = self.moved.wait_timeout(state, PATIENCE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes a result, and writes what has got its place by it.
    pub(crate) fn put(&self, index: usize, done: Result<Done>) {
        let placed = match done {
            Ok(done) => self.place(index, done),
            Err(error) => return self.fail(index, error),
        };
        for (block, bytes) in placed {
            let pos = block * self.job.options.block_size.len();
            if let Err(source) = self.job.sink.write(&bytes, pos) {
                self.fail(index, Error::Write { path: None, source });
            }
        }
    }

    /// Gives places to this and what has waited for it.
    fn place(&self, index: usize, done: Done) -> Vec<(u64, Vec<u8>)> {
        let mut state = self.state();
        state.waiting.insert(index, done);
        let mut placed = Vec::new();
        loop {
            let next = state.placed;
            let Some(done) = state.waiting.remove(&next) else { break };
            let mut block = state.block;
            placed.push((block, done.bytes));
            for (id, filling) in done.parts {
                let extents = filling.extents.iter();
                let blocks: u64 = extents.map(|extent| u64::from(extent.blocks)).sum();
                state.files.push((id, block, filling));
                block += blocks;
            }
            if let Some(digest) = done.digest {
                state.hasher.update(digest.as_bytes());
            }
            state.block = block;
            state.placed += 1;
        }
        self.moved.notify_all();
        placed
    }

    fn fail(&self, index: usize, error: Error) {
        let mut state = self.state();
        // Others end with `Cancelled` once one has failed.
        let rank = |index, error: &Error| (matches!(error, Error::Cancelled), index);
        let first = state.error.as_ref().map(|(first, known)| rank(*first, known));
        if first.is_none_or(|first| rank(index, &error) < first) {
            state.error = Some((index, error));
        }
        self.job.stop.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }

    /// The files, when all workers are done.
    pub(crate) fn finish(self, arena_len: usize) -> Result<Encoded> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = state.error {
            return Err(error);
        }
        if self.job.is_stopped() {
            return Err(Error::Cancelled);
        }
        let mut files: Vec<Option<Box<Compressed>>> = vec![None; arena_len];
        let mut extents = state.files.iter().flat_map(|(_, _, filling)| &filling.extents);
        let has_big_pclusters = extents.any(|extent| extent.blocks > 1);
        let has_inline_pclusters =
            state.files.iter().any(|(_, _, filling)| filling.inline.is_some());
        for (id, block, Filling { extents, inline }) in state.files {
            match &mut files[id.index()] {
                // Parts of a file lie one behind the other, as tasks do.
                Some(file) => {
                    file.extents.extend(extents);
                    file.inline = inline;
                }
                none => {
                    let block = u32::try_from(block).map_err(|_| Error::Full(Limit::Blocks))?;
                    *none = Some(Box::new(Compressed { block, extents, inline }));
                }
            }
        }
        let has_digest = self.job.options.derives_uuid() && state.block > self.job.first_block;
        Ok(Encoded {
            files,
            blocks: state.block - self.job.first_block,
            has_big_pclusters,
            has_inline_pclusters,
            digest: has_digest.then(|| state.hasher.finalize()),
        })
    }
}
