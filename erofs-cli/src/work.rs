//! Doing a job: the source becomes a tree, the tree is edited and written,
//! and what became of it is reported.

use std::io;
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use erofs_writer::{Error, ImageUuid, ImageWriter, Summary, Timestamp};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use uuid::Uuid;

use crate::edits::{self, Labels};
use crate::exit::{self, Failure};
use crate::hints::Hints;
use crate::job::{self, Job};
use crate::progress::Progress;
use crate::report;
use crate::source;

/// Does `job` and reports on it.
pub(crate) fn work(mut job: Job) -> Result<(), Failure> {
    if job.report.notes {
        job.notes.iter().for_each(|note| exit::note(&format!("note: {note}")));
    }
    let progress = Progress::new(job.report.progress);
    let mut notes = Vec::new();
    let result = build(&mut job, &progress, &mut notes);
    progress.end();
    if job.report.notes {
        notes.iter().for_each(|note| exit::note(&format!("note: {note}")));
    }
    let (summary, reading) = result?;
    if job.report.phase_times {
        exit::note(&report::phase_times(&summary, reading, &job.output));
    }
    match job.report.summary {
        job::Summary::Nothing => Ok(()),
        job::Summary::Text => report::print(&report::text(&summary)),
        job::Summary::Json => report::print(&report::json(&summary, reading)),
    }
    .map_err(|source| Failure::Report { source })
}

/// Makes the image. Also returns how long it took to read the source, and what
/// there is to note about what was read.
fn build(
    job: &mut Job,
    progress: &Progress,
    notes: &mut Vec<String>,
) -> Result<(Summary, Duration), Failure> {
    let start = Instant::now();
    let hints = job.hints.as_ref().map(Hints::read).transpose()?.unwrap_or_default();
    notes.extend(hints.notes);
    let contexts = job.labels.as_ref().map(Labels::read).transpose()?;
    // The process ends when the image is written. To take a large tree apart
    // before that would take a hundredth of the time.
    let mut tree = ManuallyDrop::new(source::read(job)?);
    if job.strips_overlay {
        edits::strip_overlay(&mut tree);
    }
    if !job.strict_xattrs {
        notes.extend(tree.drop_foreign_xattrs().as_ref().map(edits::dropped));
    }
    if let Some(mode) = job.root_mode {
        edits::set_root_mode(&mut tree, mode);
    }
    job.added.iter().try_for_each(|file| file.add_to(&mut tree))?;
    if let (Some(contexts), Some(labels)) = (contexts, &job.labels) {
        tree.label(&contexts, &labels.mount_point);
    }
    job.owners.apply(&mut tree)?;
    let build_time = job.build_time.resolve();
    job.file_times.apply(&mut tree, build_time.unwrap_or(Timestamp::from_sec(0)));
    let reading = start.elapsed();

    let of_store = matches!(job.source, job::Source::Store { .. });
    let tells_entries = of_store && matches!(job.report.summary, job::Summary::Json);
    let mut options = job.options.clone().compress_rules(hints.rules).entry_sizes(tells_entries);
    if let Some(time) = build_time {
        options = options.build_time(time);
    }
    if job.random_uuid {
        options = options.uuid(ImageUuid::Fixed(Uuid::new_v4()));
    }
    let interrupted = watch_signals().map_err(|source| Failure::Signals { source })?;
    let on_event = |event| {
        progress.event(event);
        match interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let written = ImageWriter::new(options).on_event(on_event).write_path(&tree, &job.output);
    match written {
        Ok(summary) => Ok((summary, reading)),
        Err(Error::Cancelled) => Err(Failure::Interrupted { output: job.output.clone() }),
        Err(error) => Err(error.into()),
    }
}

/// A flag that the first SIGINT or SIGTERM from now on sets, so that the
/// unfinished image can be taken away. The second ends the process at once.
fn watch_signals() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, interrupted.clone())?;
        flag::register(signal, interrupted.clone())?;
    }
    Ok(interrupted)
}
