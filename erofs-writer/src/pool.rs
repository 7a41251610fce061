//! Thread pools of the size that was asked for.

use std::num::NonZeroUsize;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// A pool of `threads` threads, or of one for each processor. Not left to
/// rayon's default, which the environment can change.
pub(crate) fn new(threads: Option<NonZeroUsize>) -> Result<ThreadPool> {
    let threads =
        threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::Threads { source: std::io::Error::other(error) })
}
