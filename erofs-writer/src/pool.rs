//! Who does the work: the thread that calls, the pool it is in, or threads of
//! our own.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::{Resource, getrlimit};

use crate::error::Result;

/// Threads that mostly read wait for the disk more than for a processor. So many
/// threads scan and read a store that is not in the cache twice as fast as two do; a
/// cached one, as fast.
const READERS: NonZeroUsize = NonZeroUsize::new(8).expect("not 0");

/// The threads that a caller asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// So many of our own.
    pub(crate) threads: Option<NonZeroUsize>,
    /// Those of this pool.
    pub(crate) pool: Option<Arc<ThreadPool>>,
}

/// Who does the work of a build.
#[derive(Debug, Clone)]
pub(crate) enum Threads {
    /// The thread that calls, with those of the pool that it is in, if it is in
    /// one.
    Caller,
    /// A pool that the calling thread is not in.
    Given(Arc<ThreadPool>),
    /// Threads of our own.
    Own(Arc<OwnPool>),
}

impl Wanted {
    /// Threads for work of which there is much.
    ///
    /// If it was not said how many, there are as many as processors, but 8 at least.
    /// This is not left to rayon's default, which the environment can change. Where
    /// many builds run side by side, there are enough threads already. Then, and where
    /// the system gives none, the calling thread works alone.
    pub(crate) fn get(&self) -> Threads {
        if let Some(pool) = &self.pool {
            return match pool.current_thread_index() {
                Some(_) => Threads::Caller,
                None => Threads::Given(Arc::clone(pool)),
            };
        }
        if self.threads.is_none() && is_in_pool() {
            return Threads::Caller;
        }
        let own = OwnPool::new(self.threads).map(|own| Threads::Own(Arc::new(own)));
        own.unwrap_or(Threads::Caller)
    }
}

impl Threads {
    /// How many work at a time.
    pub(crate) fn len(&self) -> usize {
        match self {
            Threads::Caller if is_in_pool() => rayon::current_num_threads(),
            Threads::Caller => 1,
            Threads::Given(pool) => pool.current_num_threads(),
            Threads::Own(own) => own.pool.current_num_threads(),
        }
    }

    /// How many of them compute, as more would only wait for a processor.
    pub(crate) fn workers(&self) -> usize {
        match self {
            Threads::Own(own) => own.workers,
            others => others.len(),
        }
    }

    /// The pool that is to work while the calling thread waits.
    pub(crate) fn pool(&self) -> Option<&ThreadPool> {
        match self {
            Threads::Caller => None,
            Threads::Given(pool) => Some(pool),
            Threads::Own(own) => Some(&own.pool),
        }
    }
}

/// How many threads all pools of our own have together.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// All pools together may have so many times the threads that one has by default.
const POOLS: usize = 2;

/// Threads of our own.
#[derive(Debug)]
pub(crate) struct OwnPool {
    pool: ThreadPool,
    workers: usize,
}

impl OwnPool {
    /// As many threads as are wanted and as the system allows. If no number is wanted
    /// and there are many threads already, none.
    fn new(wanted: Option<NonZeroUsize>) -> Option<Self> {
        let default = processors().max(READERS).get();
        let mut threads = wanted.map_or(default, NonZeroUsize::get).min(threads_max());
        loop {
            let before = TAKEN.fetch_add(threads, Ordering::Relaxed);
            let may = wanted.is_some() || before + threads <= POOLS * default;
            match may.then(|| ThreadPoolBuilder::new().num_threads(threads).build()) {
                Some(Ok(pool)) => {
                    let workers = wanted.unwrap_or(processors()).get().min(threads);
                    return Some(OwnPool { pool, workers });
                }
                // Threads of the failed pool may not have ended yet. That can cost some
                // more threads, nothing else.
                Some(Err(_)) if threads > 1 => {
                    TAKEN.fetch_sub(threads, Ordering::Relaxed);
                    threads /= 2;
                }
                _ => {
                    TAKEN.fetch_sub(threads, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.pool.current_num_threads(), Ordering::Relaxed);
    }
}

fn processors() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
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

/// Whether this thread belongs to a pool. Outside of one, any call of rayon starts a
/// pool that lasts as long as the process.
fn is_in_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// How much of some work one thread takes before others may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// As much as rayon gives it.
    Usual,
    /// One item, which may take as long as many others.
    Single,
}

/// Does `work` for each item, in parallel if this thread belongs to a pool. The
/// results are in the order of the items.
pub(crate) fn try_map<I, T, R>(
    items: I,
    share: Share,
    work: impl Fn(T) -> Result<R> + Sync + Send,
) -> Result<Vec<R>>
where
    I: IntoIterator<Item = T> + IntoParallelIterator<Item = T>,
    I::Iter: IndexedParallelIterator,
    T: Send,
    R: Send,
{
    if !is_in_pool() {
        return items.into_iter().map(work).collect();
    }
    let most = if share == Share::Single { 1 } else { usize::MAX };
    items.into_par_iter().with_max_len(most).map(work).collect()
}

/// Does both, in parallel if this thread belongs to a pool.
pub(crate) fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if is_in_pool() { rayon::join(a, b) } else { (a(), b()) }
}

/// Does `work` so many times at once, or only as often as threads are free for it. So
/// doing it once has to be enough.
pub(crate) fn crew(workers: usize, work: impl Fn() + Sync) {
    if !is_in_pool() {
        return work();
    }
    rayon::scope(|scope| (0..workers).for_each(|_| scope.spawn(|_| work())));
}

/// Sorts, in parallel if this thread belongs to a pool.
pub(crate) fn sort_unstable<T: Ord + Send>(items: &mut [T]) {
    if is_in_pool() { items.par_sort_unstable() } else { items.sort_unstable() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn double() -> Vec<u32> {
        try_map(0..1000_u32, Share::Usual, |number| Ok(number * 2)).expect("no error")
    }

    #[test]
    fn the_calling_thread_is_enough() {
        let caller = thread::current().id();
        let all_here = |_: u32| {
            assert_eq!(thread::current().id(), caller);
            Ok(())
        };
        try_map(0..100_u32, Share::Usual, all_here).expect("no error");
        try_map(0..100_u32, Share::Single, all_here).expect("no error");
        let mut times = 0;
        let counted = Mutex::new(&mut times);
        crew(5, || **counted.lock().expect("no panic") += 1);
        assert_eq!((times, join(|| 1, || 2), Threads::Caller.len()), (1, (1, 2), 1));
        assert_eq!(rayon::current_thread_index(), None, "it has not become a pool");
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let alone = double();
        let pool = ThreadPoolBuilder::new().num_threads(3).build().expect("there are threads");
        assert_eq!(pool.install(double), alone);
        let times = AtomicUsize::new(0);
        pool.install(|| {
            crew(5, || {
                times.fetch_add(1, Ordering::Relaxed);
            })
        });
        assert_eq!(times.into_inner(), 5);
    }

    #[test]
    fn a_pool_that_is_there_is_used() {
        let pool = ThreadPoolBuilder::new().num_threads(3).build().expect("there are threads");
        let pool = Arc::new(pool);
        let inside = pool.install(|| Wanted::default().get());
        assert!(matches!(inside, Threads::Caller));
        assert_eq!(pool.install(|| inside.len()), 3);
        let given = Wanted { pool: Some(Arc::clone(&pool)), threads: None };
        assert_eq!((given.get().len(), given.get().workers()), (3, 3));
        assert!(matches!(pool.install(|| given.get()), Threads::Caller));
        let own = Wanted { threads: NonZeroUsize::new(2), pool: None };
        assert!(matches!(pool.install(|| own.get()), Threads::Own(own) if own.workers == 2));
    }
}
