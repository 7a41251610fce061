//! Thread pools of the size that was asked for.

use std::num::NonZeroUsize;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Threads that mostly read wait for the disk more than for a processor: so
/// many of them scan a cold store twice as fast as two do, and read it twice
/// as fast; of a warm one they are as fast.
const READERS: NonZeroUsize = NonZeroUsize::new(8).expect("not 0");

/// Threads for the stages of a build. If it was not said how many, those that
/// compute are as many as there are processors. Not left to rayon's default,
/// which the environment can change.
pub(crate) struct Pools {
    /// Those that compute.
    pub(crate) workers: ThreadPool,
    /// Those that mostly read.
    pub(crate) readers: ThreadPool,
}

impl Pools {
    pub(crate) fn new(threads: Option<NonZeroUsize>) -> Result<Self> {
        Ok(Pools { workers: pool(threads.unwrap_or(processors()))?, readers: readers(threads)? })
    }

    /// How many threads the larger one has.
    pub(crate) fn threads_max(&self) -> usize {
        self.workers.current_num_threads().max(self.readers.current_num_threads())
    }
}

/// A pool of `threads` threads that mostly read, or of as many as are good for
/// that.
pub(crate) fn readers(threads: Option<NonZeroUsize>) -> Result<ThreadPool> {
    pool(threads.unwrap_or(processors().max(READERS)))
}

fn processors() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn pool(threads: NonZeroUsize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()
        .map_err(|error| Error::Threads { source: std::io::Error::other(error) })
}
