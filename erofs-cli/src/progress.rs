//! Progress on a terminal.

use std::io::{IsTerminal, stderr};
use std::thread;
use std::time::Duration;

use erofs_writer::{Event, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error that shows how far the work is.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

/// How often the line is drawn anew while nothing else changes.
const TICK: Duration = Duration::from_millis(200);

impl Progress {
    /// A line, if it is `wanted` and standard error is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        if !wanted || !stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        // The look must be set before the line is drawn for the first time.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let progress = Progress(bar);
        progress.begin("reading the source");
        progress.0.set_draw_target(ProgressDrawTarget::stderr());
        progress.tick();
        progress
    }

    /// Draws the line anew from time to time. The ticker of indicatif would panic where
    /// no thread can be started. Then the line is drawn less often.
    fn tick(&self) {
        let bar = self.0.downgrade();
        let tick = move || {
            while let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
                bar.tick();
                drop(bar);
                thread::sleep(TICK);
            }
        };
        drop(thread::Builder::new().spawn(tick));
    }

    /// Shows an event.
    pub(crate) fn event(&self, event: Event) {
        match event {
            Event::Phase(phase) => self.begin(doing(phase)),
            Event::Found { inodes } => self.0.set_message(format!("reading {inodes} inodes")),
            Event::Progress { done, total } if total > 0 => {
                if self.0.length() != Some(total) {
                    self.0.set_length(total);
                    self.0
                        .set_style(style("{msg:22} [{bar:30}] {bytes}/{total_bytes}, {eta} left"));
                }
                self.0.set_position(done);
            }
            _ => {}
        }
    }

    /// Begins work whose extent is not known yet.
    fn begin(&self, message: &'static str) {
        self.0.unset_length();
        self.0.reset();
        self.0.set_style(style("{msg:22} {elapsed}"));
        self.0.set_message(message);
    }

    /// Removes the line.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that cannot be read costs the layout of the line, not the image.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
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
        Phase::Write => "writing",
        Phase::Finish => "finishing",
        Phase::Verify => "verifying",
        Phase::Extract => "extracting",
        _ => "working",
    }
}
