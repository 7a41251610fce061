//! Events on the calling thread while workers work.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::cancel::Canceller;
use crate::error::{Error, Result};
use crate::event::{Event, Phase};
use crate::pool::Pool;

/// A caller's event handler.
pub(crate) type Handler<'a> = dyn FnMut(Event) -> ControlFlow<()> + Send + 'a;

/// How often progress is told, so that an event handler that draws does not
/// slow down the work.
const INTERVAL: Duration = Duration::from_millis(50);

/// Tells the caller what happens, and measures how long phases take.
pub(crate) struct Observer<'a, 'h> {
    handler: Option<&'a mut Handler<'h>>,
    canceller: &'a Canceller,
    running: Option<(Phase, Instant)>,
    times: Vec<(Phase, Duration)>,
}

impl<'a, 'h> Observer<'a, 'h> {
    pub(crate) fn new(handler: Option<&'a mut Handler<'h>>, canceller: &'a Canceller) -> Self {
        Observer { handler, canceller, running: None, times: Vec::new() }
    }

    fn tell(&mut self, event: Event) -> Result<()> {
        if self.canceller.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match self.handler.as_mut().map(|handler| handler(event)) {
            Some(ControlFlow::Break(())) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Begins `phase` and ends the one before.
    pub(crate) fn phase(&mut self, phase: Phase) -> Result<()> {
        self.end_phase();
        self.running = Some((phase, Instant::now()));
        self.tell(Event::Phase(phase))
    }

    /// Tells that what the output held is lost from now on.
    pub(crate) fn overwrites(&mut self) -> Result<()> {
        self.tell(Event::Overwrites)
    }

    fn end_phase(&mut self) {
        if let Some((phase, start)) = self.running.take() {
            self.times.push((phase, start.elapsed()));
        }
    }

    /// How long each phase took.
    pub(crate) fn finish(mut self) -> Vec<(Phase, Duration)> {
        self.end_phase();
        self.times
    }

    /// Lets threads of `pool` do `work`, and tells how much of `total` it
    /// reports done.
    pub(crate) fn watch<T: Send>(
        &mut self,
        pool: &Pool,
        stop: &AtomicBool,
        total: u64,
        work: impl FnOnce(&(dyn Fn(u64) + Sync)) -> Result<T> + Send,
    ) -> Result<T> {
        let Pool::Threads(pool) = pool else {
            // Nobody is there to tell anything before it is done.
            let canceller = self.canceller;
            let result = work(&|_| {
                if canceller.is_cancelled() {
                    stop.store(true, Ordering::Relaxed);
                }
            });
            self.tell(Event::Progress { done: total, total })?;
            return result;
        };
        // Not the reports themselves, each of which would wake this thread.
        let (running, ended) = mpsc::channel::<()>();
        let done = AtomicU64::new(0);
        let mut outcome = None;
        let mut told = Ok(());
        pool.in_place_scope(|scope| {
            let (outcome, done) = (&mut outcome, &done);
            scope.spawn(move |_| {
                *outcome = Some(work(&|bytes| {
                    done.fetch_add(bytes, Ordering::Relaxed);
                }));
                drop(running);
            });
            loop {
                let has_ended = ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Disconnected);
                let done = done.load(Ordering::Relaxed);
                // Told also when there is nothing new, so that the caller can
                // break at any time.
                if told.is_ok() && (!has_ended || (done == total && total > 0)) {
                    told = self.tell(Event::Progress { done, total });
                    if told.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                if has_ended {
                    break;
                }
            }
        });
        told?;
        outcome.expect("the scope waits for what it spawned")
    }
}
