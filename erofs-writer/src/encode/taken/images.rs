//! The images whose files are taken over.

use std::path::Path;
use std::sync::Arc;

use crate::codec::config::{CodecLimits, CompressionConfig};
use crate::encode::inputs::Inputs;
use crate::encode::taken::spans::{Piece, Staying};
use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::format::algorithm::Algorithm;
use crate::format::{to_u64, to_usize};
use crate::options::{Options, OptionsError};
use crate::plan::DataPlan;
use crate::shape::{Order, files};
use crate::tree::{DecoderNeeds, InodeId, StoredFile, StoredImage, Tree};

/// The images, and their files that the tree has.
#[derive(Default)]
pub(crate) struct Images<'a> {
    pub(super) all: Vec<Arc<dyn StoredImage>>,
    pub(super) files: Vec<FileOf<'a>>,
    needs: Vec<DecoderNeeds>,
    /// The devices that they become, if they stay where they are.
    pub(super) staying: Vec<Option<Staying>>,
}

/// A file of an image.
pub(super) struct FileOf<'a> {
    pub(super) id: InodeId,
    pub(super) stored: &'a dyn StoredFile,
    pub(super) image: usize,
}

/// The most blocks of a pcluster, for records that are not known yet.
const BLOCKS_MAX: u16 = 2048;

/// How many bytes are read at a time where the kernel does not copy.
const READ_LEN: u64 = 1 << 20;

impl<'a> Images<'a> {
    /// Those of a tree. There are none if files are compressed, as then all are encoded
    /// anew.
    pub(crate) fn of(
        tree: &'a Tree,
        order: &'a Order,
        options: &Options,
        plan: &DataPlan,
    ) -> Result<Self> {
        let mut images = Images::default();
        if options.may_compress() {
            return Ok(images);
        }
        for (id, content) in files(tree, order) {
            let Some(stored) = content.stored() else { continue };
            let image = stored.image();
            let known = images.all.iter().rposition(|known| same(known, &image));
            if known.is_none() {
                if image.block_len() != options.block_size.len() {
                    let kind = TreeErrorKind::NotAsStored { why: "its blocks have another size" };
                    return Err(Error::tree(tree.path_of(id), kind));
                }
                images.needs.push(image.needs());
                images.staying.push(staying(stored, plan)?);
                images.all.push(image);
            }
            let image = known.unwrap_or(images.all.len() - 1);
            images.files.push(FileOf { id, stored, image });
        }
        match !images.is_empty() && options.may_compress_directory(0) {
            true => Err(OptionsError::DirectoriesBesideStored.into()),
            false => Ok(images),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The settings for which the superblock gets room.
    pub(crate) fn config(&self, options: &Options) -> CompressionConfig {
        if self.is_empty() {
            return CompressionConfig::new(&options.algorithms(), options.codec_limits());
        }
        let mut all: Vec<Algorithm> =
            self.needs.iter().flat_map(|needs| needs.algorithms.iter().copied()).collect();
        // The metabox may have another one.
        all.extend(options.algorithms());
        all.sort_unstable();
        all.dedup();
        CompressionConfig::new(&all, CodecLimits { pcluster_blocks: BLOCKS_MAX, ..self.limits() })
    }

    /// The most that one of them needs.
    pub(super) fn limits(&self) -> CodecLimits {
        let mut limits = CodecLimits::default();
        for needs in &self.needs {
            limits.lzma_dict_size = limits.lzma_dict_size.max(needs.lzma_dict_size);
            limits.deflate_window_log = limits.deflate_window_log.max(needs.deflate_window_log);
            limits.zstd_window_log = limits.zstd_window_log.max(needs.zstd_window_log);
        }
        limits
    }

    /// The block after the last device that one of them becomes, counted from the end of the
    /// new image on.
    pub(super) fn device_end(&self) -> u64 {
        let ends = self.staying.iter().flatten().map(|staying| staying.start + staying.blocks);
        ends.max().unwrap_or(0)
    }

    /// An algorithm that an image may use, for files in which all pclusters are plain.
    pub(super) fn any_algorithm(&self, image: usize) -> Algorithm {
        self.needs[image].algorithms.first().copied().unwrap_or_default()
    }
}

/// The device that the image of a file becomes, if it stays where it is.
fn staying(file: &dyn StoredFile, plan: &DataPlan) -> Result<Option<Staying>> {
    let Some(device) = file.device() else { return Ok(None) };
    let (start, blocks) = plan.device_blocks(device);
    match start + blocks > u64::from(u32::MAX) {
        // Indexes have 32 bits for addresses.
        true => Err(Error::Full(Limit::DeviceBlocks)),
        false => Ok(Some(Staying { start, blocks })),
    }
}

fn same(one: &Arc<dyn StoredImage>, other: &Arc<dyn StoredImage>) -> bool {
    Arc::as_ptr(one).cast::<()>() == Arc::as_ptr(other).cast::<()>()
}

/// Copies some bytes of an image.
pub(super) fn copy(inputs: &Inputs<'_>, image: &dyn StoredImage, piece: &Piece) -> Result<()> {
    let Piece { from, to, len } = *piece;
    let mut done = 0;
    if let Some(file) = image.file() {
        // An error here occurs again when the bytes are read and written, and then it is
        // known whose it is.
        done = inputs.sink.copy(file, from, to, len).unwrap_or(0);
    }
    let mut buf = Vec::new();
    while done < len {
        if inputs.is_stopped() {
            return Err(Error::Cancelled);
        }
        let step = READ_LEN.min(len - done);
        buf.resize(to_usize(step), 0);
        let read = image.read(&mut buf, from + done);
        read.map_err(|error| Error::read(Path::new(image.name()), error))?;
        let written = inputs.sink.write(&buf, to + done);
        written.map_err(|source| Error::Write { path: None, source })?;
        done += to_u64(buf.len());
    }
    Ok(())
}
