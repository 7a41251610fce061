//! Who does what when: tasks are handed out, and their results written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::encode::extent::ExtentRun;
use crate::encode::inputs::Inputs;
use crate::encode::place::{PlacedPart, Places};
use crate::encode::repeats::Repeats;
use crate::encode::task::{EncodedTask, Part, TASK_LEN};
use crate::error::{Error, Limit, Result};

/// So many tasks for each worker may be in work, wait for an earlier one or be
/// written, which bounds memory.
const AHEAD: usize = 4;
/// Of the long tasks of a large packed inode, which take equally long, so many.
const LONG_AHEAD: usize = 2;
/// How often one who waits looks whether all is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Hands out tasks, each when those it repeats are done and else in order, and
/// takes their results in any order.
pub(crate) struct Queue<'a> {
    inputs: &'a Inputs<'a>,
    tasks: &'a [Vec<Part>],
    /// For each task the earlier ones of which it repeats something.
    sources: Vec<BTreeSet<usize>>,
    ahead: usize,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    /// The first task that has not been looked at.
    next: usize,
    /// Those before it that wait for others.
    passed: BTreeSet<usize>,
    /// The next task to get a place.
    placed: usize,
    /// How many are written.
    written: usize,
    places: Places,
    waiting: BTreeMap<usize, EncodedTask>,
    /// Empty buffers.
    spare: Vec<Vec<u8>>,
    /// Of the errors so far the one of the first task.
    error: Option<(usize, Error)>,
}

impl<'a> Queue<'a> {
    /// A queue of `tasks`, whose pclusters go to `block` and behind it.
    pub(crate) fn new(
        inputs: &'a Inputs<'a>,
        tasks: &'a [Vec<Part>],
        repeats: &Repeats,
        block: u64,
    ) -> Self {
        let last = tasks.last().and_then(|parts| parts.last());
        let numbers = last.map_or(0, |part| part.number + 1);
        let state = State {
            next: 0,
            passed: BTreeSet::new(),
            placed: 0,
            written: 0,
            places: Places::new(block, numbers),
            waiting: BTreeMap::new(),
            spare: Vec::new(),
            error: None,
        };
        let is_long = tasks.iter().flatten().any(|part| part.len > 2 * TASK_LEN);
        let ahead = if is_long { LONG_AHEAD } else { AHEAD } * inputs.workers;
        let sources = sources(tasks, repeats);
        Queue { inputs, tasks, sources, ahead, state: Mutex::new(state), moved: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, once there is room for its result, and a buffer for it.
    pub(crate) fn take(&self) -> Option<(usize, Vec<u8>)> {
        let mut state = self.state();
        while !self.inputs.is_stopped() {
            if let Some(index) = self.next(&mut state) {
                return Some((index, state.spare.pop().unwrap_or_default()));
            }
            if state.next == self.tasks.len() && state.passed.is_empty() {
                return None;
            }
            let waited = self.moved.wait_timeout(state, PATIENCE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    /// The first task that can be done. The first one that has no place always
    /// can when all others are written, if nobody does it yet.
    fn next(&self, state: &mut State) -> Option<usize> {
        let is_ready =
            |state: &State, index: usize| self.sources[index].iter().all(|of| state.is_done(*of));
        let passed = state.passed.iter().copied().find(|index| is_ready(state, *index));
        if let Some(index) = passed {
            state.passed.remove(&index);
            return Some(index);
        }
        let end = self.tasks.len().min(state.written + self.ahead);
        while state.next < end {
            let index = state.next;
            state.next += 1;
            if is_ready(state, index) {
                return Some(index);
            }
            state.passed.insert(index);
        }
        None
    }

    /// Takes a result, and writes what has got its place by it.
    pub(crate) fn put(&self, index: usize, done: Result<EncodedTask>) {
        let placed = match done {
            Ok(done) => self.place(index, done),
            Err(error) => return self.fail(index, error),
        };
        for (block, mut bytes) in placed {
            let pos = block * self.inputs.options.block_size.len();
            if let Err(source) = self.inputs.sink.write(&bytes, pos) {
                self.fail(index, Error::Write { path: None, source });
            }
            // The kernel would have to clear fresh memory.
            bytes.clear();
            let mut state = self.state();
            state.spare.push(bytes);
            state.written += 1;
            self.moved.notify_all();
        }
    }

    /// Gives places to this and what has waited for it.
    fn place(&self, index: usize, done: EncodedTask) -> Vec<(u64, Vec<u8>)> {
        let mut state = self.state();
        state.waiting.insert(index, done);
        let mut placed = Vec::new();
        loop {
            let next = state.placed;
            let Some(done) = state.waiting.remove(&next) else { break };
            let block = state.places.block;
            let block_len = self.inputs.options.block_size.len();
            state.places.place_task(done.parts, done.bytes.len(), block_len);
            placed.push((block, done.bytes));
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
        self.inputs.reader.stop.set();
        self.moved.notify_all();
    }

    /// The results, when all workers are done.
    pub(crate) fn finish(self) -> Result<PlacedParts> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = state.error {
            return Err(error);
        }
        if self.inputs.is_stopped() {
            return Err(Error::Cancelled);
        }
        if state.places.block > u64::from(u32::MAX) {
            return Err(Error::Full(match self.inputs.options.wide_addresses {
                true => Limit::Pclusters,
                false => Limit::Blocks,
            }));
        }
        let Places { block: end, parts, repeated_bytes, .. } = state.places;
        Ok(PlacedParts { end, parts, repeated_bytes })
    }

    /// What those bytes of the part of this number have become, which is in a
    /// task that is done. Nothing if that was not worth it.
    pub(crate) fn extents(&self, number: usize, bytes: Range<usize>) -> Option<ExtentRun> {
        let task = task_of(self.tasks, number);
        let state = self.state();
        assert!(state.is_done(task), "what repeats others waits for them");
        if let Some(done) = state.waiting.get(&task) {
            return done.extents(number, bytes);
        }
        state.places.extents(number).map(|all| ExtentRun::within(all, bytes))
    }
}

/// The task with the part of this number.
fn task_of(tasks: &[Vec<Part>], number: usize) -> usize {
    tasks.partition_point(|parts| parts[0].number <= number) - 1
}

/// For each task the earlier ones of which it repeats something.
fn sources(tasks: &[Vec<Part>], repeats: &Repeats) -> Vec<BTreeSet<usize>> {
    let sources_of = |(index, parts): (usize, &Vec<Part>)| {
        let repeats = parts.iter().flat_map(|part| repeats.of(part.number));
        let sources = repeats.map(|repeat| task_of(tasks, repeat.source));
        sources.filter(|source| *source != index).collect()
    };
    tasks.iter().enumerate().map(sources_of).collect()
}

impl State {
    /// Whether the results of a task are there.
    fn is_done(&self, task: usize) -> bool {
        task < self.placed || self.waiting.contains_key(&task)
    }
}

/// When all have got their places.
pub(crate) struct PlacedParts {
    /// The block behind all.
    pub(crate) end: u64,
    /// Bytes that are in pclusters of other parts.
    pub(crate) repeated_bytes: u64,
    /// Parts of a file come one behind the other.
    pub(crate) parts: Vec<PlacedPart>,
}
