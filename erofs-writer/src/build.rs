//! Writing an image: the whole pipeline. Read this file first.

mod sizes;
mod summary;
mod superblock;

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::ThreadPool;

use crate::cancel::Canceller;
use crate::encode::{self, Encoded, Images};
use crate::error::{Error, Limit, OutputErrorKind, Result};
use crate::event::{Event, Phase, Summary};
use crate::meta::{Head, Placement};
use crate::observer::{Conduct, Observer};
use crate::options::{Options, OptionsError};
use crate::output::{self, Target};
use crate::plan::{ChunkMap, Codecs, DataPlan};
use crate::pool::Threads;
use crate::shape::{Inodes, Order, XattrTable};
use crate::sink::{Output, Sink, WriteAt};
use crate::tree::{InodeId, Kind, OpenDirs, Reader, Tree, check};
use crate::write::{self, Job};

/// Writes trees as images.
///
/// ```no_run
/// use erofs_writer::{ImageWriter, Options, Tree};
///
/// let tree = Tree::from_dir("rootfs")?;
/// let summary = ImageWriter::new(Options::new()).write_path(&tree, "rootfs.erofs")?;
/// println!("{} bytes", summary.bytes_out);
/// # Ok::<(), erofs_writer::Error>(())
/// ```
pub struct ImageWriter<'a> {
    options: Options,
    sync: bool,
    entry_sizes: bool,
    conduct: Conduct<'a>,
}

impl std::fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageWriter").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> ImageWriter<'a> {
    /// A writer with these options.
    pub fn new(options: Options) -> Self {
        ImageWriter { options, sync: false, entry_sizes: false, conduct: Conduct::default() }
    }

    /// Calls `on_event` with what happens. If it returns `Break`, the build ends
    /// with [`Error::Cancelled`].
    ///
    /// It is called on the thread that calls `write`. If that thread belongs to a rayon
    /// pool and works itself, it is called on any thread of that pool, one at a time.
    /// If it panics, the build ends, and the panic goes on to the caller of `write`.
    ///
    /// A source takes the same handler, and then there is one stream of events
    /// for all of it:
    ///
    /// ```
    /// use erofs_writer::source::Directory;
    /// use erofs_writer::{Canceller, Event, ImageWriter, Options, SeekWriter};
    /// use std::ops::ControlFlow;
    ///
    /// let canceller = Canceller::new();
    /// let mut phases = Vec::new();
    /// let mut on_event = |event| {
    ///     if let Event::Phase(phase) = event {
    ///         phases.push(phase);
    ///     }
    ///     ControlFlow::Continue(())
    /// };
    /// let source = Directory::new("src").canceller(&canceller).on_event(&mut on_event);
    /// let tree = source.read()?;
    /// ImageWriter::new(Options::new())
    ///     .canceller(&canceller)
    ///     .on_event(&mut on_event)
    ///     .write(&tree, SeekWriter::new(std::io::Cursor::new(Vec::new())))?;
    /// assert_eq!(phases.first(), Some(&erofs_writer::Phase::Scan));
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(Event) -> ControlFlow<()> + Send + 'a) -> Self {
        self.conduct.on_event = Some(Box::new(on_event));
        self
    }

    /// Lets `canceller` end the build from another thread.
    #[must_use]
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.conduct.canceller = canceller.clone();
        self
    }

    /// How many threads of its own a build has. Default: as many as there are
    /// processors, and at least 8, as they often wait for the disk. No more of them
    /// compress than there are processors.
    ///
    /// Without this, and without a [`pool`](Self::pool), a build makes none if
    /// it is called from a pool of rayon's, which it then uses, or if there is
    /// little to do, or if there are many threads of other builds: then the
    /// calling thread works alone. The bytes of the image depend on none of it.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.conduct.wanted.threads = Some(threads);
        self
    }

    /// Lets the threads of `pool` do the work, all of them, while the calling
    /// thread waits and tells of [events](Self::on_event). Each of them may have
    /// six files open.
    #[must_use]
    pub fn pool(mut self, pool: &Arc<ThreadPool>) -> Self {
        self.conduct.wanted.pool = Some(Arc::clone(pool));
        self
    }

    /// Whether the summary tells what each entry of the root takes: in an image
    /// of store paths, each of these. Default: no.
    #[must_use]
    pub fn entry_sizes(mut self, on: bool) -> Self {
        self.entry_sizes = on;
        self
    }

    /// Whether the image, and its name, are on the disk when `write` or
    /// [`write_path`](Self::write_path) returns. By default a new file is not, and
    /// errors that the disk reports later are not noticed. It takes as long as the disk
    /// needs for the bytes. An output that is not a file is not synced; its maker can
    /// do that.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Finds out whether [`write_path`](Self::write_path) can write to `path`, before
    /// there is a tree. Files that killed builds left beside it are removed.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Output`].
    pub fn check_path(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        output::check(path, &self.conduct.canceller).map_err(|error| named(error, path))
    }

    /// Writes `tree` to the file or block device `path`.
    ///
    /// A file is written under no name, or a temporary one beside `path`, and
    /// gets its name when it is complete: `path` is never half an image. One
    /// that is replaced keeps its owner, mode and xattrs, stays if the build
    /// fails, and is given up only when the new one is on the disk.
    ///
    /// An output that cannot be replaced is written in place and synced: a block
    /// device, a file on which something is mounted or in a directory that cannot be
    /// written, and the file that `/dev/stdout` stands for. It holds no valid
    /// superblock until everything else is written. On a device, old signatures are
    /// cleared, but nothing before [`Options::offset`].
    ///
    /// # Errors
    /// Every variant of [`Error`].
    pub fn write_path(&mut self, tree: &Tree, path: impl AsRef<Path>) -> Result<Summary> {
        let path = path.as_ref();
        let offset = self.options.offset;
        let target = Target::open(path, tree, offset, self.sync, &self.conduct.canceller);
        let written = target.and_then(|target| {
            let output = Output {
                to: target.file(),
                capacity: target.capacity(),
                is_hidden: target.is_hidden(),
                settle: &|end, stop| target.settle(offset, end, stop),
            };
            let summary = self.build(tree, &output)?;
            target.commit().map(|()| summary)
        });
        written.map_err(|error| named(error, path))
    }

    /// Writes `tree` to `output`: a file, a [`SeekWriter`](crate::SeekWriter),
    /// anything of your own, or what leads to one of these, such as a reference
    /// or an `Arc`. Nothing but the image is changed in it: a file stays as long
    /// as it is. If it has been written to before, what was
    /// there may show through until the image is complete, but an older image
    /// is none as soon as the first byte is written.
    ///
    /// # Errors
    /// Every variant of [`Error`] but [`Error::Output`]. A file that is open
    /// for reading only or for appending, a pipe or a terminal, is an
    /// [`Error::Write`].
    pub fn write(&mut self, tree: &Tree, output: impl WriteAt) -> Result<Summary> {
        let write_error = |source| Error::Write { path: None, source };
        let file = output.as_file();
        file.map_or(Ok(()), output::check_given).map_err(write_error)?;
        let synced = file.filter(|_| self.sync);
        let output = Output {
            to: &output,
            capacity: None,
            is_hidden: false,
            settle: &|end, stop| synced.map_or(Ok(()), |file| output::sync_given(file, end, stop)),
        };
        let summary = self.build(tree, &output)?;
        synced.map_or(Ok(()), File::sync_all).map_err(write_error)?;
        Ok(summary)
    }

    fn build(&mut self, tree: &Tree, output: &Output<'_>) -> Result<Summary> {
        let options = self.options.clone();
        match self.build_as(&options, tree, output) {
            // Nothing has been written yet.
            Err(error @ Error::Full(Limit::DeviceBlocks)) => match options.widened() {
                Some(options) => self.build_as(&options, tree, output),
                None => Err(error),
            },
            result => result,
        }
    }

    fn build_as(&mut self, options: &Options, tree: &Tree, output: &Output<'_>) -> Result<Summary> {
        let wanted = self.conduct.wanted.clone();
        let observer = &self.conduct.observer();

        observer.phase(Phase::Check)?;
        check_options(options)?;
        let order = &Order::new(tree);
        check::check(tree, &order.ids)?;
        let xattrs = &XattrTable::new(tree, &order.ids, options)?;
        let inodes = &Inodes::new(tree, order, xattrs, options)?;

        observer.phase(Phase::Plan)?;
        let threads = &match is_small(tree, order, options) {
            true => Threads::Caller,
            false => wanted.get(),
        };
        let dirs = &OpenDirs::new(threads.len());
        let reader = Reader { tree, stop: observer, dirs };
        let codecs = &Codecs::new(tree, options);
        let draft =
            observer.watch(threads, 0, |_| DataPlan::decide(reader, inodes, codecs, options))?;
        let plan = &draft;

        let sink = &Sink::new(output, options);
        let images = &Images::of(tree, order, options)?;
        let config = &images.config(options);
        let head = Head::new(inodes, plan.devices.len(), config, options)?;
        let first_block = head.blocks();
        let workers = threads.workers();
        let inputs =
            encode::Inputs { reader, inodes, plan, codecs, options, sink, first_block, workers };
        let (encoded, maps) = &encode_files(observer, threads, &inputs, images)?;
        let is_encoded = |id| encoded.file(id).is_some();
        let draft = draft.with_maps(tree, maps)?;
        let plan = &observer
            .watch(threads, 0, |_| draft.with_chunks(reader, order, options, &is_encoded))?;

        observer.phase(Phase::Place)?;
        let placement = &Placement::new(head, inodes, plan, encoded, options)?;
        let end = image_end(options, placement)?;
        check_capacity(output.capacity, end)?;

        observer.phase(Phase::Write)?;
        invalidate(observer, sink)?;
        if output.capacity.is_none() {
            reserve(sink, placement, options)?;
        }
        let job = Job { reader, inodes, plan, placement, options, sink };
        let tasks = write::Tasks::new(&job);
        let head = observer.watch(threads, tasks.len(), |report| tasks.run(&job, report))?;

        observer.phase(Phase::Finish)?;
        observer.watch(threads, 0, |_| {
            (output.settle)(end, observer).map_err(|source| Error::Write { path: None, source })
        })?;
        let uuid = job.finish(head)?;
        let entry_sizes = if self.entry_sizes { sizes::entry_sizes(&job) } else { Vec::new() };
        Ok(Summary { times: observer.times(), entry_sizes, ..job.summary(uuid) })
    }
}

/// A tree has little if it has no more inodes and bytes than this.
const SMALL_INODES: usize = 256;
const SMALL_LEN: u64 = 1 << 20;
/// The costs, in bytes, of compressing a byte, of opening a file, and of asking a
/// reader of the caller's, which may have to wait.
const COMPRESSING: u64 = 8;
const OPENING: u64 = 4 << 10;
const ASKING: u64 = 64 << 10;

/// Whether there is so little to do that it takes longer to start threads.
fn is_small(tree: &Tree, order: &Order, options: &Options) -> bool {
    let factor = if options.may_compress() { COMPRESSING } else { 1 };
    let costs = order.ids.iter().map(|id| match &tree.inode(*id).kind {
        Kind::File(content) => {
            let start = if content.is_custom() { ASKING } else { OPENING };
            content.len().saturating_mul(factor).saturating_add(start)
        }
        _ => 0,
    });
    order.ids.len() <= SMALL_INODES && costs.fold(0, u64::saturating_add) <= SMALL_LEN
}

/// Names the output as the caller names it, not as it was resolved.
fn named(error: Error, path: &Path) -> Error {
    match error {
        Error::Write { source, .. } => Error::Write { path: Some(path.to_path_buf()), source },
        Error::Output { kind, .. } => Error::Output { path: path.to_path_buf(), kind },
        error => error,
    }
}

/// Files in chunks that are taken over from images, with their new maps.
type Maps = Vec<(InodeId, ChunkMap)>;

/// Encodes files, if they are to be compressed, or takes over those of images.
fn encode_files(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<(Encoded, Maps)> {
    if !images.is_empty() {
        return take_over(observer, threads, inputs, images);
    }
    if !inputs.options.may_compress() {
        return Ok((Encoded::default(), Vec::new()));
    }
    invalidate(observer, inputs.sink)?;
    if inputs.options.may_have_repeats() {
        observer.phase(Phase::Dedupe)?;
    }
    let find = |report: &(dyn Fn(u64) + Sync)| encode::Tasks::of_files(inputs, report);
    let tasks = observer.watch(threads, 0, find)?;
    observer.phase(Phase::Encode)?;
    let encode = |report: &(dyn Fn(u64) + Sync)| encode::Files::encode(inputs, &tasks, report);
    let files = observer.watch(threads, tasks.len(), encode)?;
    let packed_len = files.packed_len();
    if packed_len > 0 {
        observer.phase(Phase::Pack)?;
    }
    let encode = |report: &(dyn Fn(u64) + Sync)| files.encode_packed(inputs, report);
    Ok((observer.watch(threads, packed_len, encode)?, Vec::new()))
}

/// Takes over files of images as they are stored there.
fn take_over(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<(Encoded, Maps)> {
    let taken = observer.watch(threads, 0, |_| encode::Taken::new(inputs, images))?;
    invalidate(observer, inputs.sink)?;
    observer.phase(Phase::Encode)?;
    observer.watch(threads, taken.len(), |report| taken.copy(inputs, report))
}

/// Invalidates an image that the output may hold. From then on the old content is lost,
/// and the caller is told.
fn invalidate(observer: &Observer<'_>, sink: &Sink<'_>) -> Result<()> {
    let write_error = |source| Error::Write { path: None, source };
    let holds_something = sink.holds_something().map_err(write_error)?;
    let has_written = sink.invalidate().map_err(write_error)?;
    if holds_something {
        observer.overwrites()?;
    }
    match has_written {
        true => sink.sync().map_err(write_error),
        false => Ok(()),
    }
}

/// Reserves the room for what is not written yet.
fn reserve(sink: &Sink<'_>, placement: &Placement<'_>, options: &Options) -> Result<()> {
    let start = match placement.pclusters.is_empty() {
        true => 0,
        false => placement.pclusters.end * options.block_size.len(),
    };
    sink.reserve(start, placement.len() - start)
        .map_err(|source| Error::Write { path: None, source })
}

/// Whether an image that ends at `needed` fits into a device.
fn check_capacity(capacity: Option<u64>, needed: u64) -> Result<()> {
    match capacity {
        Some(available) if available < needed => Err(Error::Output {
            path: PathBuf::new(),
            kind: OutputErrorKind::TooSmall { needed, available },
        }),
        _ => Ok(()),
    }
}

/// Where the image ends in the output.
fn image_end(options: &Options, placement: &Placement<'_>) -> Result<u64> {
    let end = options.offset.checked_add(placement.len());
    end.filter(|end| i64::try_from(*end).is_ok()).ok_or(OptionsError::Offset.into())
}

/// Refuses contradictions between options, and values beyond all bounds.
fn check_options(options: &Options) -> Result<()> {
    options.check_target()?;
    let block_len = options.block_size.len();
    let mut sizes = options.pcluster_sizes().map(|size| u64::from(size.bytes()));
    if let Some(pcluster) = sizes.find(|len| len % block_len != 0) {
        let block = options.block_size.bytes();
        return Err(OptionsError::PclusterSizeForBlockSize { pcluster, block }.into());
    }
    if options.max_extent_len.is_some_and(|len| len < block_len) {
        return Err(OptionsError::MaxExtentLen.into());
    }
    if let Some(chunk) = options.chunk_size {
        let (chunk_bits, block_bits) = (chunk.bits(), options.block_size.bits());
        if !(block_bits..=block_bits + 31).contains(&chunk_bits) {
            return Err(OptionsError::ChunkSizeForBlockSize {
                chunk: chunk.bytes(),
                block: options.block_size.bytes(),
            }
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
