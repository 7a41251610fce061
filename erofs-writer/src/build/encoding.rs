//! Encoding the files of an image, or taking over those of other images.

use crate::build::room::invalidate;
use crate::encode::{self, Encoded, Images, Metabox, Packed};
use crate::error::Result;
use crate::event::Phase;
use crate::meta::InodePlaces;
use crate::observer::Observer;
use crate::plan::ChunkMap;
use crate::pool::Threads;
use crate::tree::InodeId;
use crate::write::{Job, MetaboxParts};

/// Files in chunks that are taken over from images, with their new maps.
pub(super) type Maps = Vec<(InodeId, ChunkMap)>;

/// The files that are encoded or taken over, and what is left for the packed inode.
#[derive(Default)]
pub(super) struct Encoding {
    pub(super) encoded: Encoded,
    pub(super) maps: Maps,
    packed: Packed,
}

/// Encodes files, if they are to be compressed, or takes over those of images.
pub(super) fn encode_files(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<Encoding> {
    if !images.is_empty() {
        return take_over(observer, threads, inputs, images);
    }
    if !inputs.options.may_compress() {
        return match inputs.options.may_have_packed_inode() {
            true => pack(encode::Files::none(inputs), observer, threads, inputs),
            false => Ok(Encoding::default()),
        };
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
    pack(files, observer, threads, inputs)
}

/// Gives fragments their places in the packed inode.
fn pack(
    files: encode::Files,
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
) -> Result<Encoding> {
    if files.has_fragments() {
        observer.phase(Phase::Pack)?;
    }
    let (encoded, packed) = observer.watch(threads, 0, |_| files.pack(inputs))?;
    Ok(Encoding { encoded, maps: Vec::new(), packed })
}

/// Encodes the packed inode, if there is something in it. The inodes have their places.
pub(super) fn encode_packed(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    encoding: &mut Encoding,
    places: &InodePlaces,
) -> Result<()> {
    let Encoding { encoded, packed, .. } = encoding;
    if packed.len == 0 {
        return Ok(());
    }
    invalidate(observer, inputs.sink)?;
    let make = |id| places.directory(inputs.inodes, id);
    observer.watch(threads, packed.len, |report| {
        encoded.encode_packed(packed, inputs, &make, places.end(), report)
    })
}

/// Encodes the metabox, if there is one. Everything but its inode and that of the packed
/// inode has its place.
pub(super) fn encode_metabox(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    job: &Job<'_>,
) -> Result<Option<Metabox>> {
    let len = job.placement.inodes.metabox_len;
    let Some((len, codec)) = len.zip(inputs.options.metabox()) else { return Ok(None) };
    invalidate(observer, inputs.sink)?;
    observer.phase(Phase::Metadata)?;
    let parts = MetaboxParts::new(job, len);
    let make = |number: usize, data: &mut [u8]| parts.make(number, data);
    let (lens, block) = (parts.lens(), job.placement.end);
    let metabox = observer.watch(threads, len, |report| {
        encode::encode_metabox(inputs, codec, &lens, &make, block, report)
    })?;
    Ok(Some(metabox))
}

/// Takes over files of images as they are stored there.
fn take_over(
    observer: &Observer<'_>,
    threads: &Threads,
    inputs: &encode::Inputs<'_>,
    images: &Images<'_>,
) -> Result<Encoding> {
    let taken = observer.watch(threads, 0, |_| encode::Taken::new(inputs, images))?;
    invalidate(observer, inputs.sink)?;
    observer.phase(Phase::Encode)?;
    let copied = observer.watch(threads, taken.len(), |report| taken.copy(inputs, report))?;
    let (encoded, maps) = copied;
    Ok(Encoding { encoded, maps, packed: Packed::default() })
}
