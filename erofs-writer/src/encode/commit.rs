//! Places for what workers have encoded, in the order of tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::encode::packed::Tail;
use crate::encode::part::{Done, DonePart, Part, Source};
use crate::encode::repeats::Repeats;
use crate::encode::tasks::TASK_LEN;
use crate::encode::{Compressed, Extent, Job};
use crate::error::{Error, Limit, Result};
use crate::fingerprint::{Fingerprint, Fingerprinter};

/// So many tasks for each worker may be in work or wait for an earlier one,
/// which bounds memory.
const AHEAD: usize = 4;
/// Of the long tasks of a large packed inode, which take equally long, so many.
const LONG_AHEAD: usize = 2;
/// How often one who waits looks whether all is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Hands out tasks, each when those it repeats are done and else in order, and
/// takes their results in any order.
pub(crate) struct Queue<'a> {
    job: &'a Job<'a>,
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
    /// Where it goes.
    block: u64,
    waiting: BTreeMap<usize, Done>,
    /// Empty buffers.
    spare: Vec<Vec<u8>>,
    parts: Vec<Placed>,
    /// By number of the part: which of `parts` it has become.
    by_number: Vec<Option<usize>>,
    hasher: Fingerprinter,
    repeated_bytes: u64,
    /// Of the errors so far the one of the first task.
    error: Option<(usize, Error)>,
}

impl<'a> Queue<'a> {
    /// A queue of `tasks`, whose pclusters go to `block` and behind it.
    pub(crate) fn new(
        job: &'a Job<'a>,
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
            block,
            waiting: BTreeMap::new(),
            spare: Vec::new(),
            parts: Vec::new(),
            by_number: vec![None; numbers],
            hasher: Fingerprinter::default(),
            repeated_bytes: 0,
            error: None,
        };
        let is_long = tasks.iter().flatten().any(|part| part.len > 2 * TASK_LEN);
        let ahead = if is_long { LONG_AHEAD } else { AHEAD } * job.workers;
        let sources = sources(tasks, repeats);
        Queue { job, tasks, sources, ahead, state: Mutex::new(state), moved: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, once there is room for its result, and a buffer for it.
    pub(crate) fn take(&self) -> Option<(usize, Vec<u8>)> {
        let mut state = self.state();
        while !self.job.is_stopped() {
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
    /// can, if nobody does it yet.
    fn next(&self, state: &mut State) -> Option<usize> {
        let is_ready =
            |state: &State, index: usize| self.sources[index].iter().all(|of| state.is_done(*of));
        let passed = state.passed.iter().copied().find(|index| is_ready(state, *index));
        if let Some(index) = passed {
            state.passed.remove(&index);
            return Some(index);
        }
        let end = self.tasks.len().min(state.placed + self.ahead);
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
            placed.push((state.block, done.bytes));
            done.parts.into_iter().for_each(|part| state.place(part));
            if let Some(digest) = done.digest {
                state.hasher.update(digest.as_bytes());
            }
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
        self.job.reader.stop.set();
        self.moved.notify_all();
    }

    /// The results, when all workers are done.
    pub(crate) fn finish(self) -> Result<AllPlaced> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = state.error {
            return Err(error);
        }
        if self.job.is_stopped() {
            return Err(Error::Cancelled);
        }
        if state.block > u64::from(u32::MAX) {
            return Err(Error::Full(match self.job.options.wide_addresses {
                true => Limit::Pclusters,
                false => Limit::Blocks,
            }));
        }
        let State { block: end, hasher, parts, repeated_bytes, .. } = state;
        Ok(AllPlaced { end, digest: hasher.finish(), parts, repeated_bytes })
    }

    /// What the part of this number has become, which is in a task that is
    /// done. Nothing if that was not worth it.
    pub(crate) fn extents(&self, number: usize) -> Option<Arc<[Extent]>> {
        let task = task_of(self.tasks, number);
        let state = self.state();
        assert!(state.is_done(task), "what repeats others waits for them");
        if let Some(done) = state.waiting.get(&task) {
            return done.extents(number);
        }
        let part = state.by_number[number]?;
        Some(state.parts[part].file.extents.as_slice().into())
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

    /// Gives a part the next place.
    fn place(&mut self, part: DonePart) {
        let DonePart { number, source, filling } = part;
        let mut links = filling.links.iter().peekable();
        let start = self.block;
        let mut extents = filling.extents;
        for index in 0..extents.len() {
            let Some(link) = links.next_if(|link| link.extent == index) else {
                extents[index].block = narrow(self.block);
                self.block += u64::from(extents[index].blocks);
                continue;
            };
            self.repeated_bytes += u64::from(extents[index].len);
            extents[index].block = if link.part == number {
                extents[link.of].block
            } else {
                let placed = self.by_number[link.part].expect("only earlier parts are repeated");
                self.parts[placed].file.extents[link.of].block
            };
        }
        let file = Box::new(Compressed {
            extents,
            own_blocks: narrow(self.block - start),
            behind: narrow(self.block),
            scattered: !filling.links.is_empty(),
            jumps: false,
            inline: filling.inline,
            fragment: None,
        });
        self.by_number[number] = Some(self.parts.len());
        self.parts.push(Placed { source, file, tail: filling.tail });
    }
}

/// An address of a block. One that is too large is an error in the end.
fn narrow(block: u64) -> u32 {
    u32::try_from(block).unwrap_or(u32::MAX)
}

/// A part that has got its place.
pub(crate) struct Placed {
    pub(crate) source: Source,
    pub(crate) file: Box<Compressed>,
    /// What is left for the packed inode.
    pub(crate) tail: Option<Tail>,
}

/// When all have got their places.
pub(crate) struct AllPlaced {
    /// The block behind all.
    pub(crate) end: u64,
    pub(crate) digest: Fingerprint,
    /// Bytes that are in pclusters of other parts.
    pub(crate) repeated_bytes: u64,
    /// Parts of a file come one behind the other.
    pub(crate) parts: Vec<Placed>,
}
