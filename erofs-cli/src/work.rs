//! Doing a job: the source becomes a tree, the tree is edited and written, and the result
//! is reported.

use std::fs;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use erofs_writer::{
    Base, BlockSize, Canceller, Event, FileContexts, ImageUuid, ImageWriter, Phase, Summary,
    Timestamp, Tree,
};
use uuid::Uuid;

use crate::edits::{self, Hints, Labels};
use crate::exit::{self, Failure};
use crate::hashes;
use crate::inputs;
use crate::job::{self, Job};
use crate::progress::Progress;
use crate::replaced;
use crate::report;
use crate::signals::Watch;
use crate::source;

/// Does `job` and reports on it.
pub(crate) fn work(mut job: Job) -> Result<(), Failure> {
    let canceller = Canceller::new();
    let progress = Progress::new(job.report.progress);
    let overwrites = Arc::new(AtomicBool::new(false));
    let watch = Watch::new(&job.output, &canceller, &progress, &overwrites);
    let watch = watch.map_err(|source| Failure::Signals { source })?;
    if inputs::is_typed(&job) {
        let what = "standard input is a terminal: its bytes are read as the source";
        job.notes.push(format!("{what}; else give a file, or a pipe"));
    }
    if job.report.notes {
        progress
            .suspended(|| job.notes.iter().for_each(|note| exit::note(&format!("note: {note}"))));
    }
    let is_stdout = is_stdout(&job.output);
    let mut notes = Vec::new();
    let result = build(&mut job, &canceller, &progress, &overwrites, &mut notes);
    progress.end();
    if result.is_err() && overwrites.load(Ordering::Relaxed) {
        exit::lost(&job.output);
    }
    if job.report.notes {
        notes.iter().for_each(|note| exit::note(&format!("note: {note}")));
    }
    let result = result.and_then(|summary| {
        hashes::write(&job.hashes, &summary)?;
        match report(&job, &summary, is_stdout) {
            // Who reads has seen enough, and the image is complete.
            Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            reported => reported.map_err(|source| Failure::Report { source }),
        }
    });
    watch.done();
    result
}

/// The block size of the images whose contents are not decoded, if it is not given.
fn image_block_size(job: &Job, tree: &Tree) -> Result<Option<BlockSize>, Failure> {
    let size = match &job.source {
        job::Source::Layers { has_block_size: false, .. } => tree.image_block_size(),
        _ => None,
    };
    Ok(size.map(BlockSize::new).transpose().map_err(erofs_writer::Error::from)?)
}

/// Reports the result of `job`.
fn report(job: &Job, summary: &Summary, is_stdout: bool) -> io::Result<()> {
    if job.report.phase_times {
        exit::note(&report::phase_times(summary, &job.output));
    }
    let text = match job.report.summary {
        job::Summary::Nothing => return Ok(()),
        job::Summary::Text { details } => report::text(summary, &job.output, details),
        job::Summary::Json => report::json(summary)?,
    };
    // The report must not be written into the image.
    if is_stdout { report::print_elsewhere(&text) } else { report::print(&text) }
}

/// Whether `output` is the file of standard output.
fn is_stdout(output: &Path) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(fs::File::from);
    let same = |stdout: fs::Metadata, output: fs::Metadata| {
        (stdout.dev(), stdout.ino()) == (output.dev(), output.ino())
    };
    let stdout = stdout.and_then(|file| file.metadata());
    stdout.is_ok_and(|stdout| fs::metadata(output).is_ok_and(|output| same(stdout, output)))
}

/// Makes the image. `notes` gets notes about what was read. The first phase of the summary
/// is reading the source, with all changes of it.
fn build(
    job: &mut Job,
    canceller: &Canceller,
    progress: &Progress,
    overwrites: &AtomicBool,
    notes: &mut Vec<String>,
) -> Result<Summary, Failure> {
    let start = Instant::now();
    inputs::check(job)?;
    replaced::check(job)?;
    // If the output cannot be written, that is known before all the work.
    let mut outputs = ImageWriter::new(job.options.clone()).canceller(canceller);
    if let Some(path) = &job.hashes.tree {
        outputs = outputs.verity_path(path);
    }
    outputs.check_path(&job.output)?;
    hashes::check(&job.hashes)?;
    let hints = job.hints.as_ref().map(Hints::read).transpose()?.unwrap_or_default();
    job.idle_hints.as_deref().map(inputs::check_readable).transpose()?;
    notes.extend(hints.passed_over.iter().map(|hint| edits::passed_over(job, hint)));
    let order = job.order.as_deref().map(source::read_paths).transpose()?.unwrap_or_default();
    let contexts = job.labels.as_ref().map(Labels::read).transpose()?;
    let base = job.base.as_ref().map(Base::open).transpose()?;
    let trusts = job.options.get_trust_store_names();
    let idle = |(file, base): (&PathBuf, &Base)| edits::idle_base(file, base, trusts);
    notes.extend(job.base.iter().zip(&base).filter_map(idle));
    let mut on_event = |event| {
        match event {
            Event::Overwrites => overwrites.store(true, Ordering::Relaxed),
            event => progress.event(event),
        }
        ControlFlow::Continue(())
    };
    let build_time = job.build_time.resolve();
    let tree = source::read(job, canceller, &mut on_event, notes)?;
    // Never dropped: before the process ends, that would take 1 % of the time.
    let tree = ManuallyDrop::new(edited(job, tree, contexts, build_time, notes)?);
    let reading = start.elapsed();

    let of_store = job.source.is_store();
    let tells_entries = of_store && matches!(job.report.summary, job::Summary::Json);
    notes.extend(edits::idle_order(job, &order, &tree));
    let order = order.into_iter().map(|path| path.into_os_string().into_vec());
    let mut options = job.options.clone().compress_rules(hints.rules).read_order(order);
    if let Some(size) = image_block_size(job, &tree)? {
        options = options.block_size(size);
    }
    if let Some(time) = build_time {
        options = options.build_time(time).map_err(erofs_writer::Error::from)?;
    }
    if job.random_uuid {
        options = options.uuid(ImageUuid::Fixed(Uuid::new_v4()));
    }
    let mut writer = ImageWriter::new(options)
        .sync(job.sync)
        .verify(job.verify)
        .entry_sizes(tells_entries)
        .fsverity_digests(job.hashes.digests.is_some())
        .canceller(canceller)
        .on_event(on_event);
    if let Some(path) = &job.hashes.tree {
        writer = writer.verity_path(path);
    }
    if let Some(threads) = job.threads {
        writer = writer.threads(threads);
    }
    if let Some(base) = &base {
        writer = writer.base(base);
    }
    let mut summary = writer.write_path(&tree, &job.output)?;
    summary.times.insert(0, (Phase::Scan, reading));
    Ok(summary)
}

/// The tree with everything that flags change in it.
fn edited(
    job: &Job,
    mut tree: Tree,
    contexts: Option<FileContexts>,
    build_time: Option<Timestamp>,
    notes: &mut Vec<String>,
) -> Result<Tree, Failure> {
    if job.strips_overlay {
        tree.strip_overlay();
    }
    if !job.strict_xattrs {
        notes.extend(tree.drop_foreign_xattrs().as_ref().map(edits::dropped));
    }
    if let Some(mode) = job.root_mode {
        edits::set_root_mode(&mut tree, mode);
    }
    job.added.iter().try_for_each(|file| file.add_to(&mut tree))?;
    if let (Some(contexts), Some(labels)) = (contexts, &job.labels) {
        tree.apply_file_contexts(&contexts, &labels.mount_point);
    }
    job.owners.apply(&mut tree)?;
    job.file_times.apply(&mut tree, build_time.unwrap_or(Timestamp::from_sec(0)));
    Ok(tree)
}
