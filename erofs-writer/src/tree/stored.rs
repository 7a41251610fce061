//! Contents that an image has, and that another image can take over as they are stored
//! there, without decoding them.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::format::algorithm::Algorithm;
use crate::tree::device::Device;
use crate::tree::read_at::ReadAt;

/// An image that is read.
pub(crate) trait StoredImage: Send + Sync {
    /// The length of its blocks.
    fn block_len(&self) -> u64;

    /// Its name in messages.
    fn name(&self) -> &Path;

    /// What its decoders need.
    fn needs(&self) -> DecoderNeeds;

    /// The open file that has the image, if it is in one.
    fn file(&self) -> Option<&Arc<File>>;

    /// Fills `buf` from the byte `pos` of the image on.
    fn read(&self, buf: &mut [u8], pos: u64) -> io::Result<()>;
}

/// What decoders of an image need: the algorithms that it may use, and the most that it
/// says of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct DecoderNeeds {
    /// In the order of their numbers.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) lzma_dict_size: u32,
    pub(crate) deflate_window_log: u8,
    pub(crate) zstd_window_log: u8,
}

/// A file of an image.
pub(crate) trait StoredFile: Send + Sync {
    fn image(&self) -> Arc<dyn StoredImage>;

    /// Reads the file, and decodes it.
    fn reader(&self) -> &dyn ReadAt;

    /// How it is stored.
    fn stored(&self) -> io::Result<StoredMap>;

    /// Of all its bytes, how the one at `offset` is stored: the extent that has it, and
    /// where that begins.
    fn stored_at(&self, offset: u64) -> io::Result<(u64, StoredExtent)>;

    /// The device that its image becomes, if the file stays there.
    fn device(&self) -> Option<&Arc<Device>>;

    /// The file with fragments of the image.
    fn packed(&self) -> Option<Box<dyn StoredFile>>;
}

/// How a file is stored.
#[derive(Debug, Default)]
pub(crate) struct StoredMap {
    /// log2 of the length of its chunks, if it is stored in chunks. Otherwise it is in
    /// pclusters.
    pub(crate) chunk_bits: Option<u32>,
    /// How many blocks its inode says that it takes, if it is in pclusters.
    pub(crate) blocks: u32,
    /// All of its bytes, in their order.
    pub(crate) extents: Vec<StoredExtent>,
}

/// Consecutive bytes of a file that are stored in one way.
#[derive(Debug)]
pub(crate) struct StoredExtent {
    pub(crate) len: u64,
    pub(crate) at: StoredAt,
}

/// Where bytes are. Positions are bytes of the image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoredAt {
    /// They are zeros, and nowhere.
    Hole,
    /// As they are, from this position on.
    Plain { pos: u64 },
    /// As they are, but turned, in `len` bytes.
    Interlaced { pos: u64, len: u64 },
    /// In a pcluster of `len` bytes, which may decode to more bytes if it is `partial`.
    Encoded { algorithm: Algorithm, pos: u64, len: u64, partial: bool },
    /// After the inode, in a pcluster of these bytes; plain ones if there is no algorithm.
    Inline { algorithm: Option<Algorithm>, bytes: Box<[u8]> },
    /// From this byte of the file with fragments on.
    Fragment { offset: u64 },
}
