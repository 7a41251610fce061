//! Progress on a terminal.

mod line;

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use erofs_writer::{Event, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios;

use line::{Amount, line};

/// A line on standard error that shows how far the work is.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    state: Arc<Mutex<State>>,
}

/// The work that is being done.
#[derive(Debug, Clone, Copy)]
struct State {
    doing: &'static str,
    begun: Instant,
    amount: Amount,
}

/// How often the line is drawn anew while nothing else changes.
const TICK: Duration = Duration::from_millis(200);
/// The width of a terminal that does not tell it.
const WIDTH: usize = 80;

impl Progress {
    /// A line, if it is `wanted` and standard error is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        let state =
            State { doing: doing(Phase::Scan), begun: Instant::now(), amount: Amount::Unknown };
        let state = Arc::new(Mutex::new(state));
        if !wanted || !stderr().is_terminal() {
            return Progress { bar: ProgressBar::hidden(), state };
        }
        // The look must be set before the line is drawn for the first time.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        bar.set_draw_target(ProgressDrawTarget::stderr());
        let progress = Progress { bar, state };
        progress.draw();
        progress.tick();
        progress
    }

    /// Draws the line anew from time to time. The ticker of indicatif would panic where
    /// no thread can be started. Then the line is drawn less often.
    fn tick(&self) {
        let (bar, state) = (self.bar.downgrade(), self.state.clone());
        let tick = move || {
            while let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
                let progress = Progress { bar, state: state.clone() };
                progress.draw();
                drop(progress);
                thread::sleep(TICK);
            }
        };
        drop(thread::Builder::new().spawn(tick));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) {
        let State { doing, begun, amount } = *self.state();
        self.bar.set_message(line(width(), doing, amount, begun.elapsed()));
    }

    /// Shows an event.
    pub(crate) fn event(&self, event: Event) {
        if self.bar.is_hidden() {
            return;
        }
        {
            let mut state = self.state();
            match event {
                Event::Phase(phase) => {
                    let (doing, amount) = (doing(phase), Amount::Unknown);
                    *state = State { doing, begun: Instant::now(), amount };
                }
                Event::Found { inodes } => state.amount = Amount::Inodes(inodes),
                // Nothing is told yet, or nothing can be.
                Event::Progress { done: 0, total: 0 } => {}
                Event::Progress { done, total: 0 } => state.amount = Amount::Bytes(done),
                Event::Progress { done, total } => state.amount = Amount::Part { done, total },
                _ => return,
            }
        }
        self.draw();
    }

    /// Does something that writes to the terminal, with the line out of the way.
    pub(crate) fn suspended(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the line.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The width of the terminal, in columns.
fn width() -> usize {
    let width = termios::tcgetwinsize(stderr()).map_or(0, |size| usize::from(size.ws_col));
    if width == 0 { WIDTH } else { width }
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Scan => "reading the source",
        Phase::Check => "checking",
        Phase::Plan => "comparing files",
        Phase::Dedupe => "looking for repeats",
        Phase::Encode => "compressing",
        Phase::Pack => "packing fragments",
        Phase::Place => "placing",
        Phase::Metadata => "compressing inodes",
        Phase::Digest => "hashing files",
        Phase::Write => "writing",
        Phase::Seal => "hashing the image",
        Phase::Finish => "finishing",
        Phase::Verify => "verifying",
        Phase::Extract => "extracting",
        _ => "working",
    }
}
