//! The queue of tasks: it hands them out, and writes their results.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::encode::extent::ExtentRun;
use crate::encode::inputs::Inputs;
use crate::encode::place::{PlacedPart, Places};
use crate::encode::recipe::Recipe;
use crate::encode::repeats::Repeats;
use crate::encode::task::{EncodedTask, Part, PartRanges, TASK_LEN};
use crate::error::{Error, Limit, Result};

/// How many tasks for each worker may be in work, wait for an earlier one or wait to be
/// written. This bounds memory.
const AHEAD: usize = 4;
/// How many there may be of the long tasks of a large packed inode, which all take
/// equally long.
const LONG_AHEAD: usize = 2;
/// How often a waiting thread checks whether the build is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Hands out tasks in order, but each only when the tasks whose bytes it repeats are
/// done. Takes results in any order.
pub(super) struct Queue<'a> {
    inputs: &'a Inputs<'a>,
    tasks: &'a [Vec<Part>],
    /// For each task, the earlier tasks whose bytes it repeats.
    sources: Vec<BTreeSet<usize>>,
    ahead: usize,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    /// The first task that has not been considered yet.
    next: usize,
    /// Tasks before it that wait for others.
    passed: BTreeSet<usize>,
    /// The next task to get a place.
    placed: usize,
    /// How many tasks are written.
    written: usize,
    places: Places,
    waiting: BTreeMap<usize, EncodedTask>,
    /// The recipes of parts that were not worth encoding.
    vain: Vec<Recipe>,
    /// Facts to keep for later builds.
    ranges: Vec<PartRanges>,
    /// Empty buffers.
    spare: Vec<Vec<u8>>,
    /// The error to report, with the task that failed.
    error: Option<(usize, Error)>,
}

impl<'a> Queue<'a> {
    /// A queue of `tasks`, whose pclusters are placed from `block` on.
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
            vain: Vec::new(),
            ranges: Vec::new(),
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

    /// Waits for a task that can be done, and returns its index and a buffer for its
    /// pclusters. `None` if there are no more tasks, or the build is to end.
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

    /// The first task that can be done now. The first task without a place can always be
    /// done when all earlier ones are written, unless a worker has it already.
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

    /// Takes the result of a task, and writes all results that can now get their places.
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
            // Buffers are used again: the kernel would have to clear fresh memory.
            bytes.clear();
            let mut state = self.state();
            state.spare.push(bytes);
            state.written += 1;
            self.moved.notify_all();
        }
    }

    /// Gives places to this task and to those that have waited for it. Returns their
    /// pclusters, each with its first block.
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
            state.vain.extend(done.vain);
            state.ranges.extend(done.ranges);
            placed.push((block, done.bytes));
            state.placed += 1;
        }
        self.moved.notify_all();
        placed
    }

    fn fail(&self, index: usize, error: Error) {
        let mut state = self.state();
        // Once a task has failed, others end with `Cancelled`.
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
        let State { places, vain, ranges, .. } = state;
        let Places { block: end, parts, repeated_bytes, .. } = places;
        Ok(PlacedParts { end, parts, repeated_bytes, vain, ranges })
    }

    /// The extents of these bytes of the part of this number, whose task is done. `None`
    /// if the part was not worth encoding.
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

/// For each task, the earlier tasks whose bytes it repeats.
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

/// All parts with their places.
pub(super) struct PlacedParts {
    /// The block after all pclusters.
    pub(crate) end: u64,
    /// How many bytes repeat others and have no pcluster of their own.
    pub(crate) repeated_bytes: u64,
    /// The parts of a file follow each other.
    pub(crate) parts: Vec<PlacedPart>,
    /// The recipes of parts that were not worth encoding.
    pub(crate) vain: Vec<Recipe>,
    /// Facts to keep for later builds.
    pub(crate) ranges: Vec<PartRanges>,
}
