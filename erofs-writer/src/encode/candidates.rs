//! The files that may become smaller when they are encoded.

use crate::codec::Segment;
use crate::encode::inputs::Inputs;
use crate::encode::task::TASK_LEN;
use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::options::FileCodec;
use crate::shape::{compressed_len_max, files};
use crate::tree::{Content, InodeId};

/// How many places of a file longer than a part are tried ...
const PROBES: u64 = 16;
/// ... with this many bytes each, to see whether the file can be compressed.
const PROBE_LEN: u64 = 32 * 1024;
/// A file of at most this many bytes saves nothing, even with an inline pcluster: header
/// and index take 16 bytes, and inodes start at multiples of 32.
const INLINE_MIN: u64 = 128;

/// A file to encode.
#[derive(Clone, Copy)]
pub(super) struct FileToEncode<'a> {
    pub(super) id: InodeId,
    pub(super) content: &'a Content,
    pub(super) codec: FileCodec,
    /// How many bytes are encoded. The rest is the end of another file as well, and a
    /// fragment.
    pub(super) len: u64,
}

/// The files that may be encoded: they have a codec, are not stored in another way, and
/// are longer than a block, or than `INLINE_MIN` if pclusters may be inline.
pub(super) fn find<'a>(inputs: &Inputs<'a>) -> Vec<FileToEncode<'a>> {
    let Inputs { inodes, plan, codecs, options, .. } = *inputs;
    let block_len = options.block_size.len();
    let above = match options.may_have_inline_pclusters() {
        true => INLINE_MIN.min(block_len),
        false => block_len,
    };
    let sizes = above + 1..=compressed_len_max(options);
    let files = files(inodes.tree, inodes.order)
        .filter(|(id, content)| sizes.contains(&content.len()) && plan.is_open(*id));
    let with_codec = |(id, content): (InodeId, &'a Content)| {
        let len = plan.head_len(id, content.len());
        codecs.of(id).map(|codec| FileToEncode { id, content, codec, len })
    };
    files.filter_map(with_codec).collect()
}

impl FileToEncode<'_> {
    /// Whether the file can be compressed; some places of a long file decide. A file that
    /// cannot is better copied. The parts of a file are encoded independently of each
    /// other, so none of them could decide this for the whole file.
    pub(super) fn shrinks(&self, inputs: &Inputs<'_>) -> Result<bool> {
        // If only the end is stored elsewhere, the rest has to be in pclusters.
        if self.content.len() <= TASK_LEN || self.len < self.content.len() {
            return Ok(true);
        }
        let mut encoder = self.codec.codec.quickest().encoder(to_usize(PROBE_LEN));
        let mut data = vec![0; to_usize(PROBE_LEN)];
        let mut out = vec![0; to_usize(PROBE_LEN)];
        let mut saved = 0;
        for probe in 0..PROBES {
            let offset = (self.content.len() - PROBE_LEN) / (PROBES - 1) * probe;
            inputs
                .reader
                .with_open(self.id, self.content, |open| open.read_exact_at(&mut data, offset))?;
            let filled = Segment::new(&mut *encoder, &data).fill(0, data.len(), &mut out);
            saved += filled.consumed.saturating_sub(filled.written);
        }
        Ok(to_u64(saved) > PROBES * PROBE_LEN / 64)
    }
}
