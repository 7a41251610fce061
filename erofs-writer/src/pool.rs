//! Thread pools of the size that was asked for.

use std::io;
use std::num::NonZeroUsize;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::{Resource, getrlimit};

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
    pub(crate) workers: Pool,
    /// Those that mostly read.
    pub(crate) readers: Pool,
}

impl Pools {
    pub(crate) fn new(threads: Option<NonZeroUsize>) -> Result<Self> {
        Ok(Pools { workers: pool(threads.unwrap_or(processors()))?, readers: readers(threads)? })
    }

    /// How many threads the larger one has.
    pub(crate) fn threads_max(&self) -> usize {
        self.workers.len().max(self.readers.len())
    }
}

/// A pool of `threads` threads that mostly read, or of as many as are good for
/// that.
pub(crate) fn readers(threads: Option<NonZeroUsize>) -> Result<Pool> {
    pool(threads.unwrap_or(processors().max(READERS)))
}

fn processors() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Threads of our own; or if the system gives none, who calls.
pub(crate) enum Pool {
    /// Threads of our own.
    Threads(ThreadPool),
    /// The calling thread, with those of a pool that it may belong to.
    Caller,
}

impl Pool {
    /// Lets the pool do `work`, and waits for it.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Pool::Threads(pool) => pool.install(work),
            Pool::Caller => work(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Pool::Threads(pool) => pool.current_num_threads(),
            Pool::Caller => rayon::current_num_threads(),
        }
    }
}

/// A thread has so many files open at most: four directories, one on the way to
/// another, and a file.
const FILES_PER_THREAD: u64 = 6;
/// So many files are open besides.
const FILES_BESIDES: u64 = 24;

/// So many threads can have files open at a time.
fn threads_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let threads = files.saturating_sub(FILES_BESIDES) / FILES_PER_THREAD;
    usize::try_from(threads).unwrap_or(usize::MAX).max(1)
}

/// A pool of `threads` threads, or of as many as the system allows.
fn pool(threads: NonZeroUsize) -> Result<Pool> {
    let mut threads = threads.get().min(threads_max());
    loop {
        match ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => return Ok(Pool::Threads(pool)),
            // Those that could be started may not have ended yet. That costs
            // some more of them, no more.
            Err(_) if threads > 1 => threads /= 2,
            Err(_) => return caller(),
        }
    }
}

/// The calling thread, which from now on is a pool of itself unless it is in
/// one: without that, what is to be done in parallel would start threads.
fn caller() -> Result<Pool> {
    if rayon::current_thread_index().is_none() {
        let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let alone = alone.map_err(|error| Error::Threads { source: io::Error::other(error) })?;
        // A thread cannot leave a pool.
        std::mem::forget(alone);
    }
    Ok(Pool::Caller)
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn the_calling_thread_is_enough() {
        let sum = || (0..1000_u32).into_par_iter().sum::<u32>();
        let twice = thread::spawn(move || {
            [(); 2].map(|()| {
                let pool = caller().expect("needs no thread");
                (pool.install(sum), pool.len())
            })
        });
        assert_eq!(twice.join().expect("does not panic"), [(499_500, 1); 2]);
        // In a pool of somebody else.
        let others = ThreadPoolBuilder::new().num_threads(3).build().expect("there are threads");
        let pool = others.install(|| caller().expect("needs no thread").len());
        assert_eq!(pool, 3);
    }
}
