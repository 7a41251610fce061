//! Places for what workers have encoded, in the order of tasks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::encode::fill::Filling;
use crate::encode::part::{Done, Source};
use crate::encode::{Compressed, Job};
use crate::error::{Error, Limit, Result};

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
    /// Empty buffers.
    spare: Vec<Vec<u8>>,
    parts: Vec<(Source, u64, Filling)>,
    hasher: blake3::Hasher,
    /// Of the errors so far the one of the first task.
    error: Option<(usize, Error)>,
}

impl<'a> Queue<'a> {
    /// A queue of `tasks` tasks, whose pclusters go to `block` and behind it.
    pub(crate) fn new(job: &'a Job<'a>, tasks: usize, block: u64) -> Self {
        let state = State {
            taken: 0,
            placed: 0,
            block,
            waiting: BTreeMap::new(),
            spare: Vec::new(),
            parts: Vec::new(),
            hasher: blake3::Hasher::new(),
            error: None,
        };
        let ahead = AHEAD * rayon::current_num_threads();
        Queue { job, tasks, ahead, state: Mutex::new(state), moved: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, once there is room for its result, and a buffer for it.
    pub(crate) fn take(&self) -> Option<(usize, Vec<u8>)> {
        let mut state = self.state();
        loop {
            if self.job.is_stopped() || state.taken == self.tasks {
                return None;
            }
            // The worker with the first task that has no place never waits.
            if state.taken < state.placed + self.ahead {
                state.taken += 1;
                return Some((state.taken - 1, state.spare.pop().unwrap_or_default()));
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
        for (block, mut bytes) in placed {
            let pos = block * self.job.options.block_size.len();
            if let Err(source) = self.job.sink.write(&bytes, pos) {
                self.fail(index, Error::Write { path: None, source });
            }
            // The kernel would have to clear fresh memory.
            bytes.clear();
            self.state().spare.push(bytes);
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
            for (source, filling) in done.parts {
                let extents = filling.extents.iter();
                let blocks: u64 = extents.map(|extent| u64::from(extent.blocks)).sum();
                state.parts.push((source, block, filling));
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

    /// The results, when all workers are done.
    pub(crate) fn finish(self) -> Result<Placed> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = state.error {
            return Err(error);
        }
        if self.job.is_stopped() {
            return Err(Error::Cancelled);
        }
        let mut placed =
            Placed { end: state.block, digest: state.hasher.finalize(), parts: Vec::new() };
        for (source, block, filling) in state.parts {
            let block = u32::try_from(block).map_err(|_| Error::Full(Limit::Blocks))?;
            let Filling { extents, inline, fragment } = filling;
            placed.parts.push((source, Box::new(Compressed { block, extents, inline, fragment })));
        }
        Ok(placed)
    }
}

/// What has got its place.
pub(crate) struct Placed {
    /// The block behind all.
    pub(crate) end: u64,
    pub(crate) digest: blake3::Hash,
    /// Parts of a file come one behind the other, as they lie.
    pub(crate) parts: Vec<(Source, Box<Compressed>)>,
}
