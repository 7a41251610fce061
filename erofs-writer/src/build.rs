//! Writing an image: the whole pipeline. Read this file first.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use crate::encode::{self, Encoded};
use crate::error::{Error, OutputErrorKind, Result};
use crate::event::{Event, InodeCounts, Phase, Summary};
use crate::format::superblock::{
    ALG_LZ4, COMPAT_MTIME, COMPAT_PLAIN_XATTR_PFX, COMPAT_SB_CHKSUM, COMPAT_XATTR_FILTER,
    INCOMPAT_BIG_PCLUSTER, INCOMPAT_CHUNKED_FILE, INCOMPAT_LZ4_0PADDING, INCOMPAT_XATTR_PREFIXES,
    LZ4_MAX_DISTANCE, Lz4Cfgs, SUPER_MAGIC, SUPER_OFFSET, SuperBlock,
};
use crate::format::{checked_u32, to_u64, to_usize};
use crate::meta::inode::Inodes;
use crate::meta::place::{Head, Placement};
use crate::meta::xattr::XattrTable;
use crate::options::{Codec, ImageUuid, Options, OptionsError};
use crate::output;
use crate::plan::{DataPlan, Order, Reader};
use crate::sink::{Sink, WriteAt};
use crate::tree::{Kind, Tree, check};
use crate::write::{Job, Observer, Written};

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
    on_event: Option<Box<dyn FnMut(Event) -> ControlFlow<()> + 'a>>,
}

impl std::fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageWriter").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> ImageWriter<'a> {
    /// A writer with these options.
    pub fn new(options: Options) -> Self {
        ImageWriter { options, on_event: None }
    }

    /// Calls `on_event` with what happens, on the thread that calls `write`.
    /// If it returns `Break`, the build ends with [`Error::Cancelled`].
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(Event) -> ControlFlow<()> + 'a) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Writes `tree` to the file or block device `path`.
    ///
    /// A file is written under a temporary name beside `path` and renamed
    /// when it is complete, so that `path` is never half an image, and what
    /// was there before stays if the build fails. It is not synced to disk. A
    /// block device is written in place and synced, and holds no valid
    /// superblock until everything else is written.
    ///
    /// # Errors
    /// Every variant of [`Error`].
    pub fn write_path(&mut self, tree: &Tree, path: impl AsRef<Path>) -> Result<Summary> {
        let path = path.as_ref();
        let offset = self.options.offset;
        let written = output::Target::open(path, &tree.host_roots, offset).and_then(|target| {
            let summary = self.build(tree, target.file(), target.capacity())?;
            target.commit(offset + summary.bytes_out).map(|()| summary)
        });
        // Named as the caller names it, not as it was resolved.
        written.map_err(|error| match error {
            Error::Write { source, .. } => Error::Write { path: Some(path.to_path_buf()), source },
            Error::Output { kind, .. } => Error::Output { path: path.to_path_buf(), kind },
            error => error,
        })
    }

    /// Writes `tree` to `output`. If that has been written to before, what
    /// was there may show through until the image is complete.
    ///
    /// # Errors
    /// Every variant of [`Error`] but [`Error::Output`].
    pub fn write(&mut self, tree: &Tree, output: &impl WriteAt) -> Result<Summary> {
        self.build(tree, output, None)
    }

    fn build(
        &mut self,
        tree: &Tree,
        output: &dyn WriteAt,
        capacity: Option<u64>,
    ) -> Result<Summary> {
        let options = &self.options;
        let pool = crate::pool::new(options.threads)?;
        let mut observer = Observer::new(self.on_event.as_deref_mut(), &pool);
        let stop = &AtomicBool::new(false);

        observer.phase(Phase::Check)?;
        check_options(options)?;
        let order = &Order::new(tree);
        check::check(tree, &order.ids)?;
        let xattrs = &XattrTable::new(tree, &order.ids, options)?;
        let inodes = &Inodes::new(tree, order, xattrs, options)?;

        observer.phase(Phase::Plan)?;
        let reader = Reader { tree, stop };
        let head_len = |id| inodes.head_len(id);
        let plan =
            &observer.watch(stop, 0, |_| DataPlan::new(reader, order, options, &head_len))?;

        let sink = &Sink::new(output, options);
        let head = Head::new(tree, xattrs, inodes, options)?;
        let first_block = head.blocks();
        let job = encode::Job { reader, order, plan, options, sink, stop, first_block };
        let encoded = &encode_files(&mut observer, capacity.is_some(), &job)?;

        observer.phase(Phase::Place)?;
        let placement = &Placement::new(head, tree, order, inodes, plan, encoded, options)?;
        check_capacity(capacity, options.offset + placement.len())?;

        observer.phase(Phase::Write)?;
        match capacity {
            Some(_) => invalidate(sink)?,
            None => reserve(sink, placement, options)?,
        }
        let job = Job { tree, order, xattrs, inodes, plan, placement, options, sink, stop };
        let written = job.run(&mut observer)?;

        observer.phase(Phase::Finish)?;
        let uuid = job.finish(written)?;
        Ok(Summary { times: observer.finish(), ..job.summary(uuid) })
    }
}

/// Encodes files, if they are to be compressed.
fn encode_files(
    observer: &mut Observer<'_, '_>,
    is_device: bool,
    job: &encode::Job<'_>,
) -> Result<Encoded> {
    if job.options.codec == Codec::None {
        return Ok(Encoded::default());
    }
    observer.phase(Phase::Encode)?;
    if is_device {
        invalidate(job.sink)?;
    }
    observer.watch(job.stop, job.total(), |report| job.run(report))
}

fn invalidate(sink: &Sink<'_>) -> Result<()> {
    sink.invalidate().map_err(|source| Error::Write { path: None, source })
}

/// Takes the room for what is not written yet.
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

/// Contradictions between options.
fn check_options(options: &Options) -> Result<()> {
    if options.xattr_prefixes.len() > crate::format::xattr::PREFIXES_MAX {
        return Err(OptionsError::TooManyXattrPrefixes.into());
    }
    if options.pcluster_len() % options.block_size.len() != 0 {
        return Err(OptionsError::PclusterSizeForBlockSize {
            pcluster: options.pcluster_len(),
            block: options.block_size.bytes(),
        }
        .into());
    }
    if let Some(chunk) = options.chunk_size {
        if options.codec != Codec::None {
            return Err(OptionsError::ChunksAndCodec.into());
        }
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

impl Job<'_> {
    /// Puts the superblock into the head and writes it, the last write of
    /// all: until then there is nothing that could be mounted.
    fn finish(&self, written: Written) -> Result<Uuid> {
        let Written { mut head, digest } = written;
        let mut superblock = self.superblock();
        let uuid = match self.options.uuid {
            ImageUuid::None => Uuid::nil(),
            ImageUuid::Fixed(uuid) => uuid,
            ImageUuid::FromContent => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(digest.expect("asked for by the same option").as_bytes());
                hasher.update(superblock.as_bytes());
                let hash = hasher.finalize();
                let (bytes, _) = hash.as_bytes().split_first_chunk().expect("32 bytes have 16");
                Uuid::new_v8(*bytes)
            }
        };
        superblock.uuid = uuid.into_bytes();
        let start = to_usize(SUPER_OFFSET);
        let field = start..start + size_of::<SuperBlock>();
        head[field.clone()].copy_from_slice(superblock.as_bytes());
        if self.placement.encoded.has_big_pclusters {
            let cfgs = self.lz4_cfgs();
            head[field.end..field.end + size_of::<Lz4Cfgs>()].copy_from_slice(cfgs.as_bytes());
        }
        if self.options.checksum {
            // The format leaves out the final inversion.
            superblock.checksum = (!crc32c::crc32c(&head[start..])).into();
            head[field].copy_from_slice(superblock.as_bytes());
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        self.sink.write(&head, 0).map_err(|source| Error::Write { path: None, source })?;
        Ok(uuid)
    }

    /// What is told about LZ4 if pclusters have several blocks.
    fn lz4_cfgs(&self) -> Lz4Cfgs {
        let blocks = self.options.pcluster_len() / self.options.block_size.len();
        let mut cfgs = Lz4Cfgs::new_zeroed();
        let len = size_of::<Lz4Cfgs>() - size_of_val(&cfgs.len);
        cfgs.len = u16::try_from(len).expect("14 bytes").into();
        cfgs.max_distance = LZ4_MAX_DISTANCE.into();
        cfgs.max_pclusterblks = u16::try_from(blocks).expect("at most 2048").into();
        cfgs
    }

    fn superblock(&self) -> SuperBlock {
        let Job { options, placement, xattrs, plan, .. } = self;
        let epoch = self.inodes.epoch;
        let flag = |on, bit| if on { bit } else { 0 };
        let has_prefixes = xattrs.prefix_count > 0;
        let compat = COMPAT_MTIME
            | flag(options.checksum, COMPAT_SB_CHKSUM)
            | flag(xattrs.has_filters, COMPAT_XATTR_FILTER)
            | flag(has_prefixes, COMPAT_PLAIN_XATTR_PFX);
        let compressed = placement.encoded.blocks > 0;
        let big_pclusters = placement.encoded.has_big_pclusters;
        let incompat = flag(!plan.maps.is_empty(), INCOMPAT_CHUNKED_FILE)
            | flag(compressed, INCOMPAT_LZ4_0PADDING)
            | flag(big_pclusters, INCOMPAT_BIG_PCLUSTER)
            | flag(has_prefixes, INCOMPAT_XATTR_PREFIXES);
        let root = placement.nid(Tree::ROOT).0;
        let prefixes = if has_prefixes { placement.prefixes_pos / 4 } else { 0 };
        let mut raw = SuperBlock::new_zeroed();
        raw.magic = SUPER_MAGIC.into();
        raw.feature_compat = compat.into();
        raw.feature_incompat = incompat.into();
        raw.blkszbits = options.block_size.bits();
        raw.rootnid_2b = u16::try_from(root).expect("the root is placed first").into();
        raw.inos = avoid_minix(to_u64(placement.by_pos.len())).into();
        raw.epoch = epoch.time.sec.into();
        raw.fixed_nsec = epoch.time.nsec.into();
        raw.build_time = epoch.build_time.into();
        raw.blocks_lo = checked_u32(placement.blocks).into();
        raw.volume_name = options.label.field();
        raw.u1 = match (compressed, big_pclusters) {
            (false, _) => 0,
            (true, false) => LZ4_MAX_DISTANCE,
            (true, true) => ALG_LZ4,
        }
        .into();
        raw.xattr_prefix_count = xattrs.prefix_count;
        raw.xattr_prefix_start = checked_u32(prefixes).into();
        raw
    }

    fn summary(&self, uuid: Uuid) -> Summary {
        let block_len = self.options.block_size.len();
        let mut inodes = InodeCounts::default();
        let mut bytes_in = 0;
        for id in &self.placement.by_pos {
            match &self.tree.inode(*id).kind {
                Kind::Directory(_) => inodes.directories += 1,
                Kind::Symlink(_) => inodes.symlinks += 1,
                Kind::File(content) => {
                    inodes.files += 1;
                    bytes_in += content.len();
                }
                _ => inodes.others += 1,
            }
        }
        Summary {
            uuid,
            block_size: self.options.block_size.bytes(),
            blocks: self.placement.blocks,
            inodes,
            bytes_in,
            bytes_out: self.placement.len(),
            metadata_bytes: self.placement.meta_blocks() * block_len,
            shared_bytes: self.plan.shared_bytes,
            hole_bytes: self.plan.hole_bytes,
            kernel_copied_bytes: self.sink.kernel_copied.load(Ordering::Relaxed),
            times: Vec::new(),
        }
    }
}

/// The count of inodes as the superblock tells it.
///
/// At the place of its low 16 bits libblkid looks for the magic numbers of
/// MINIX file systems, in both byte orders; an image that shows one has no
/// label for it. The kernel uses the count for statistics only, so that one
/// more than there are does no harm.
fn avoid_minix(inodes: u64) -> u64 {
    const MAGICS: [u16; 4] = [0x137F, 0x138F, 0x2468, 0x2478];
    #[expect(clippy::as_conversions, reason = "the low 16 bits are what is looked at")]
    let seen = |count: u64| count as u16;
    let collides = |count: u64| {
        MAGICS.iter().any(|magic| seen(count) == *magic || seen(count) == magic.swap_bytes())
    };
    (inodes..).find(|count| !collides(*count)).expect("collisions are few")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_count_never_looks_like_minix() {
        assert_eq!(avoid_minix(4990), 4990);
        assert_eq!(avoid_minix(0x137F), 0x1380);
        assert_eq!(avoid_minix(0x7F13), 0x7F14);
        assert_eq!(avoid_minix(0x3_2468), 0x3_2469);
        assert_eq!(avoid_minix(0x7824), 0x7825);
    }
}
