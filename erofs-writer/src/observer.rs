//! Events for the caller while others work, and whether they are to stop.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::{Canceller, Stop, StopOnPanic};
use crate::error::{Error, Result};
use crate::event::{Event, Phase};
use crate::pool::{Threads, Wanted};

/// A caller's event handler.
pub(crate) type Handler<'a> = dyn FnMut(Event) -> ControlFlow<()> + Send + 'a;

/// How often progress is told, so that an event handler that draws does not
/// slow down the work.
const INTERVAL: Duration = Duration::from_millis(50);

/// The caller's event handler, stop token and threads.
#[derive(Default)]
pub(crate) struct Conduct<'a> {
    pub(crate) on_event: Option<Box<Handler<'a>>>,
    pub(crate) canceller: Canceller,
    pub(crate) wanted: Wanted,
}

impl Conduct<'_> {
    /// The observer of one build, which tells the caller.
    pub(crate) fn observer(&mut self) -> Observer<'_> {
        let handler = self.on_event.as_mut();
        let handler = handler.map(|handler| -> &mut Handler<'_> { &mut **handler });
        Observer::new(handler, &self.canceller)
    }
}

/// Tells the caller what happens, and measures how long phases take.
pub(crate) struct Observer<'h> {
    canceller: &'h Canceller,
    /// Whether the workers are to stop.
    stop: AtomicBool,
    /// Whether the workers tell the caller, because the calling thread is one of them.
    is_told_by_workers: AtomicBool,
    /// Whether reading is all that is known of the progress.
    counts_reads: AtomicBool,
    /// Whether a scan counts bytes, and not inodes.
    scans_bytes: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    told: Mutex<Told<'h>>,
}

struct Told<'h> {
    handler: Option<&'h mut Handler<'h>>,
    last: Instant,
    /// Whether the handler wants no more.
    has_broken: bool,
    running: Option<(Phase, Instant)>,
    times: Vec<(Phase, Duration)>,
}

impl Stop for Observer<'_> {
    fn is_set(&self) -> bool {
        if self.is_told_by_workers.load(Ordering::Relaxed) {
            self.tell_at_times();
        }
        self.stop.load(Ordering::Relaxed) || self.canceller.is_cancelled()
    }

    fn set(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn has_read(&self, bytes: u64) {
        if self.counts_reads.load(Ordering::Relaxed) {
            self.done.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl<'h> Observer<'h> {
    fn new(handler: Option<&'h mut Handler<'h>>, canceller: &'h Canceller) -> Self {
        let told = Told {
            handler,
            last: Instant::now(),
            has_broken: false,
            running: None,
            times: Vec::new(),
        };
        Observer {
            canceller,
            stop: AtomicBool::new(false),
            is_told_by_workers: AtomicBool::new(false),
            counts_reads: AtomicBool::new(false),
            scans_bytes: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            told: Mutex::new(told),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told<'h>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: &mut Told<'h>, event: Event) -> Result<()> {
        // A handler that panics ends the build as well.
        let _guard = StopOnPanic(self);
        if let Some(handler) = &mut told.handler {
            told.has_broken |= handler(event).is_break();
        }
        told.last = Instant::now();
        match told.has_broken || self.canceller.is_cancelled() {
            true => {
                self.set();
                Err(Error::Cancelled)
            }
            false => Ok(()),
        }
    }

    /// Tells how far the work is, unless that was told a short time ago or another
    /// thread is just telling it.
    fn tell_at_times(&self) {
        let Ok(mut told) = self.told.try_lock() else { return };
        if !told.has_broken && told.last.elapsed() >= INTERVAL {
            // The workers look whether they are to stop.
            let event = self.progress(&told);
            drop(self.tell(&mut told, event));
        }
    }

    fn progress(&self, told: &Told<'_>) -> Event {
        let done = self.done.load(Ordering::Relaxed);
        let finds_inodes = !self.scans_bytes.load(Ordering::Relaxed);
        match (told.running, self.total.load(Ordering::Relaxed)) {
            (Some((Phase::Scan, _)), 0) if finds_inodes => Event::Found { inodes: done },
            (_, total) => Event::Progress { done, total },
        }
    }

    /// Begins `phase` and ends the one before.
    pub(crate) fn phase(&self, phase: Phase) -> Result<()> {
        let mut told = self.told();
        told.end_phase();
        told.running = Some((phase, Instant::now()));
        self.done.store(0, Ordering::Relaxed);
        self.counts_reads.store(phase == Phase::Plan, Ordering::Relaxed);
        self.tell(&mut told, Event::Phase(phase))
    }

    /// Begins to read a source of which bytes are counted: an archive.
    #[cfg(any(feature = "nar", feature = "tar"))]
    pub(crate) fn scan_bytes(&self) -> Result<()> {
        self.scans_bytes.store(true, Ordering::Relaxed);
        self.phase(Phase::Scan)
    }

    /// Tells that what the output held is lost from now on.
    pub(crate) fn overwrites(&self) -> Result<()> {
        self.tell(&mut self.told(), Event::Overwrites)
    }

    /// How long each phase took.
    pub(crate) fn times(&self) -> Vec<(Phase, Duration)> {
        let mut told = self.told();
        told.end_phase();
        std::mem::take(&mut told.times)
    }

    /// Lets `threads` do `work`, and tells how much of `total` it reports done.
    pub(crate) fn watch<T: Send>(
        &self,
        threads: &Threads,
        total: u64,
        work: impl FnOnce(&(dyn Fn(u64) + Sync)) -> Result<T> + Send,
    ) -> Result<T> {
        let is_scan = matches!(self.told().running, Some((Phase::Scan, _)));
        if !is_scan {
            self.done.store(0, Ordering::Relaxed);
        }
        self.total.store(total, Ordering::Relaxed);
        let report = |amount| {
            self.done.fetch_add(amount, Ordering::Relaxed);
        };
        let Some(pool) = threads.pool() else {
            self.is_told_by_workers.store(true, Ordering::Relaxed);
            let outcome = work(&|amount| {
                report(amount);
                self.tell_at_times();
            });
            self.is_told_by_workers.store(false, Ordering::Relaxed);
            let mut told = self.told();
            if told.has_broken {
                return Err(Error::Cancelled);
            }
            let outcome = outcome?;
            self.tell_end(&mut told)?;
            return Ok(outcome);
        };
        // Only the end is sent: each report would wake this thread.
        let (running, ended) = mpsc::channel::<()>();
        let mut outcome = None;
        let mut told_so_far = Ok(());
        pool.in_place_scope(|scope| {
            // The scope waits for the work, which then ends early.
            let _guard = StopOnPanic(self);
            let (outcome, report) = (&mut outcome, &report);
            scope.spawn(move |_| {
                *outcome = Some(work(report));
                drop(running);
            });
            // The caller is told even if there is nothing new, so that it can break at
            // any time.
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if told_so_far.is_ok() {
                    let mut told = self.told();
                    let event = self.progress(&told);
                    told_so_far = self.tell(&mut told, event);
                }
            }
        });
        told_so_far?;
        let outcome = outcome.expect("the scope waits for what it spawned")?;
        self.tell_end(&mut self.told())?;
        Ok(outcome)
    }

    /// Tells that all is done, where it is known how much that is.
    fn tell_end(&self, told: &mut Told<'h>) -> Result<()> {
        let total = self.total.load(Ordering::Relaxed);
        match total > 0 && self.done.load(Ordering::Relaxed) == total {
            true => self.tell(told, Event::Progress { done: total, total }),
            false => Ok(()),
        }
    }
}

impl Told<'_> {
    fn end_phase(&mut self) {
        if let Some((phase, start)) = self.running.take() {
            self.times.push((phase, start.elapsed()));
        }
    }
}
