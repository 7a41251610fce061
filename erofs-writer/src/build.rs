//! Writing an image: the whole pipeline. Read this file first.

mod conclude;
#[cfg(feature = "verity")]
mod digests;
mod encoding;
mod hashes;
mod limits;
mod recipes;
mod room;
#[cfg(feature = "verity")]
mod seal;
mod sizes;
mod summary;
mod superblock;
#[cfg(not(feature = "verity"))]
mod unsealed;
#[cfg(feature = "image")]
mod verified;
mod whole;

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rayon::ThreadPool;

#[cfg(feature = "image")]
use crate::base::Base;
use crate::cancel::{Canceller, Stop};
use crate::encode::{self, Images};
use crate::error::{Error, Limit, OutputErrorKind, Result};
use crate::event::{Event, Phase, Summary};
use crate::meta::{Bodies, Ends, Head, InodePlaces, Placement};
use crate::observer::Conduct;
use crate::options::Options;
use crate::output::{self, Target};
use crate::plan::{Codecs, DataPlan};
use crate::shape::{Inodes, Order, XattrTable};
use crate::sink::{Output, Sink, WriteAt};
use crate::tree::{OpenDirs, Reader, Tree, check};
use crate::write::Job;
use conclude::Asked;
use hashes::HashFile;
use whole::Whole;

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
    #[cfg(feature = "image")]
    verify: bool,
    asked: Asked,
    hash_file: HashFile,
    #[cfg(feature = "image")]
    base: Option<&'a Base>,
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
        ImageWriter {
            options,
            sync: false,
            #[cfg(feature = "image")]
            verify: false,
            asked: Asked::default(),
            hash_file: HashFile::default(),
            #[cfg(feature = "image")]
            base: None,
            conduct: Conduct::default(),
        }
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
        self.asked.entry_sizes = on;
        self
    }

    /// Writes the tree of [`Options::verity`] to the file or block device `path`, and not
    /// behind the image. It gets its name as that of [`write_path`](Self::write_path) does,
    /// and before the image: if either fails, neither gets its name. Only if the system
    /// cannot rename the image after that, a file that was replaced stays replaced.
    /// Default: the tree comes after the image.
    #[cfg(feature = "verity")]
    #[must_use]
    pub fn verity_path(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.hash_file.path = Some(path.into());
        self
    }

    /// Whether the summary has the [fs-verity digest](Summary::fsverity_digests) of every
    /// regular file, for which all files are read once more. Default: no.
    #[cfg(feature = "verity")]
    #[must_use]
    pub fn fsverity_digests(mut self, on: bool) -> Self {
        self.asked.digests = on;
        self
    }

    /// Takes from `base` what would be encoded in the same way. The image gets the same
    /// bytes as without it. Default: everything is encoded.
    #[cfg(feature = "image")]
    #[must_use]
    pub fn base(mut self, base: &'a Base) -> Self {
        self.base = Some(base);
        self
    }

    /// The earlier image from which results may be taken.
    #[cfg(feature = "image")]
    fn earlier(&self) -> Option<&'a dyn encode::Earlier> {
        let base: &dyn encode::Earlier = self.base?;
        Some(base)
    }

    #[cfg(not(feature = "image"))]
    fn earlier(&self) -> Option<&'a dyn encode::Earlier> {
        None
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

    /// Whether the image is read back when everything but its superblock is written, and
    /// compared with the tree: all names, inodes and xattrs, and every byte of contents,
    /// which are read again and compared with what the image decodes to. A difference is
    /// an [`Error::Verify`]; then the output gets no superblock, and
    /// [`write_path`](Self::write_path) gives it no name. Contents that stay in an archive or
    /// an image are not read, but the image has to say where they are. Default: no.
    ///
    /// It is read through the cache of the system, so this checks this crate and the
    /// memory, but not the disk. [`write`](Self::write) needs a [`File`] that is open for
    /// reading, too. A worker takes up to 40 MB, and decoded bytes up to 48 MiB are kept.
    #[cfg(feature = "image")]
    #[must_use]
    pub fn verify(mut self, on: bool) -> Self {
        self.verify = on;
        self
    }

    /// Finds out whether [`write_path`](Self::write_path) can write to `path`, before
    /// there is a tree, and to the file for the hash tree. Files that killed builds left
    /// beside them are removed.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Output`].
    pub fn check_path(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        output::check(path, &self.conduct.canceller)
            .map_err(|error| self.hash_file.named(error, path))?;
        self.hash_file.check(&self.conduct.canceller)
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
            if self.reads_back() && !output::is_readable(target.file()) {
                let kind = OutputErrorKind::NotReadable;
                return Err(Error::Output { path: path.into(), kind });
            }
            let image = (Some(target.file()), Some(&target));
            let conduct = (self.sync, &self.conduct.canceller);
            let hashes = self.hash_file.open(image, tree, self.options.has_verity(), conduct)?;
            let settle = |end: u64, stop: &dyn Stop| hashes.settle(end, stop);
            let output = Output {
                to: target.file(),
                capacity: target.capacity(),
                is_hidden: target.is_hidden(),
                settle: &|end, stop| target.settle(offset, end, stop),
                hashes: hashes.hashes(&settle),
            };
            let summary = self.build(tree, &output)?;
            hashes.commit(|| target.commit())?;
            Ok(summary)
        });
        written.map_err(|error| self.hash_file.named(error, path))
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
        if self.reads_back() && !file.is_some_and(output::is_readable) {
            let why = OutputErrorKind::NotReadable.to_string();
            return Err(write_error(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let synced = file.filter(|_| self.sync);
        let conduct = (self.sync, &self.conduct.canceller);
        let hashes = self.hash_file.open((file, None), tree, self.options.has_verity(), conduct)?;
        let settle = |end: u64, stop: &dyn Stop| hashes.settle(end, stop);
        let output = Output {
            to: &output,
            capacity: None,
            is_hidden: false,
            settle: &|end, stop| synced.map_or(Ok(()), |file| output::sync_given(file, end, stop)),
            hashes: hashes.hashes(&settle),
        };
        let summary = self.build(tree, &output)?;
        hashes.commit(|| synced.map_or(Ok(()), File::sync_all).map_err(write_error))?;
        Ok(summary)
    }

    /// Whether the output has to be readable.
    fn reads_back(&self) -> bool {
        self.verifies() || self.options.has_verity()
    }

    #[cfg(feature = "image")]
    fn verifies(&self) -> bool {
        self.verify
    }

    #[cfg(not(feature = "image"))]
    fn verifies(&self) -> bool {
        false
    }

    /// The file from which the image is read back, if that is asked for, and the time at
    /// which the build began.
    fn read_back<'o>(&self, output: &Output<'o>) -> Option<(&'o File, SystemTime)> {
        let file = output.to.as_file().filter(|_| self.verifies())?;
        Some((file, SystemTime::now()))
    }

    /// Checks that the base is not overwritten while it is read. A file that is replaced
    /// stays until nobody reads it.
    #[cfg(feature = "image")]
    fn check_base(&self, output: &Output<'_>) -> Result<()> {
        let Some(base) = self.base else { return Ok(()) };
        let Some(file) = output.to.as_file().filter(|_| !output.is_hidden) else { return Ok(()) };
        let failed = |source| Error::Write { path: None, source };
        match base.is_in(file).map_err(failed)? {
            true => Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is the base"))),
            false => Ok(()),
        }
    }

    #[cfg(not(feature = "image"))]
    fn check_base(&self, _: &Output<'_>) -> Result<()> {
        Ok(())
    }

    fn build(&mut self, tree: &Tree, output: &Output<'_>) -> Result<Summary> {
        self.check_base(output)?;
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
        let earlier = self.earlier();
        let read_back = self.read_back(output);
        let observer = &self.conduct.observer();

        observer.phase(Phase::Check)?;
        limits::check_options(options)?;
        let order = &Order::new(tree).with_first(tree, &options.read_order);
        check::check(tree, &order.ids)?;
        let xattrs = &XattrTable::new(tree, &order.ids, options)?;
        let inodes = &Inodes::new(tree, order, xattrs, options)?;

        observer.phase(Phase::Plan)?;
        let threads = &limits::threads(tree, order, options, &wanted);
        let dirs = &OpenDirs::new(threads.len());
        let reader = Reader { tree, stop: observer, dirs };
        let codecs = &Codecs::new(tree, options);
        let facts = recipes::trusted(earlier, options);
        let decide = || DataPlan::decide(reader, inodes, codecs, options, facts.as_deref());
        let draft = observer.watch(threads, 0, |_| decide())?;

        let sink = &Sink::new(output, options);
        let images = &Images::of(tree, order, options, &draft)?;
        let config = &images.config(options);
        let head = Head::new(inodes, draft.devices.len(), config, options)?;
        let setting = encode::Setting {
            reader,
            inodes,
            codecs,
            options,
            sink,
            first_block: head.blocks(),
            workers: threads.workers(),
            earlier,
        };
        let inputs = &setting.with(&draft);
        let mut encoding = encoding::encode_files(observer, threads, inputs, images)?;
        let is_encoded = |id| encoding.encoded.file(id).is_some();
        let draft = draft.with_maps(tree, &encoding.maps)?;
        let plan = &observer
            .watch(threads, 0, |_| draft.with_chunks(reader, order, options, &is_encoded))?;
        let bodies = Bodies::new(inodes, plan, &encoding.encoded, options);
        let places = InodePlaces::new(head, &bodies);
        let inputs = &setting.with(plan);
        encoding::encode_packed(observer, threads, inputs, &mut encoding, &places)?;

        observer.phase(Phase::Place)?;
        let placement = &Placement::new(places, inodes, plan, &encoding.encoded, options)?;
        let keeps_spools = read_back.is_some();
        let job = &Job { reader, inodes, plan, placement, options, sink, keeps_spools };
        let metabox = encoding::encode_metabox(observer, threads, inputs, job)?;
        let ends = &Ends::new(placement, metabox, options)?;
        let whole = Whole { job, ends };
        let work = (observer, threads);
        let summary = conclude::conclude(&whole, output, read_back, self.asked, work)?;
        let taken_bytes = earlier.map_or(0, encode::Earlier::taken_bytes);
        let (times, verified) = (observer.times(), read_back.is_some());
        Ok(Summary { times, verified, taken_bytes, ..summary })
    }
}

#[cfg(all(test, feature = "image", feature = "lz4"))]
mod forged;
#[cfg(test)]
mod tests;
