//! The sizes of blocks, chunks and pclusters.

use std::fmt;
use std::str::FromStr;

use crate::options::error::OptionsError;

/// The size of a block: a power of two from 512 to 65,536 bytes.
///
/// Linux mounts only images whose blocks are no larger than its pages
/// (`erofs_read_superblock`). Blocks below the page size need Linux 6.4. The default of
/// 4096 bytes works everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockSize(u8);

impl BlockSize {
    /// Blocks of `bytes` bytes.
    ///
    /// # Errors
    /// [`OptionsError::BlockSize`] if `bytes` is not a power of two from 512 to 65,536.
    pub fn new(bytes: u32) -> Result<Self, OptionsError> {
        match (bytes.is_power_of_two(), u8::try_from(bytes.trailing_zeros())) {
            (true, Ok(bits @ 9..=16)) => Ok(BlockSize(bits)),
            _ => Err(OptionsError::BlockSize),
        }
    }

    /// The size in bytes.
    pub fn bytes(self) -> u32 {
        1 << self.0
    }

    /// The smallest page size, in bytes, of a machine that can mount such blocks. No
    /// machine has pages below 4096 bytes.
    pub(crate) fn page_size_min(self) -> u32 {
        self.bytes().max(BlockSize::default().bytes())
    }

    /// Whether blocks are below 4096 bytes, the smallest page size. Linux before 6.4
    /// requires blocks of the page size.
    pub(crate) fn is_small(self) -> bool {
        self.0 < 12
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn len(self) -> u64 {
        1 << self.0
    }

    /// The number of blocks that hold `len` bytes.
    pub(crate) fn blocks(self, len: u64) -> u64 {
        len.div_ceil(self.len())
    }

    /// How many of `len` bytes come after the last full block.
    pub(crate) fn tail(self, len: u64) -> u64 {
        len % self.len()
    }
}

impl Default for BlockSize {
    fn default() -> Self {
        BlockSize(12)
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl FromStr for BlockSize {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        BlockSize::new(text.parse().map_err(|_| OptionsError::BlockSize)?)
    }
}

/// The size of a chunk of a chunk-based file: a power of two of at least 512
/// bytes, and at least a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// Chunks of `bytes` bytes.
    ///
    /// # Errors
    /// [`OptionsError::ChunkSize`] if `bytes` is not a power of two, or is below 512.
    pub fn new(bytes: u64) -> Result<Self, OptionsError> {
        match (bytes.is_power_of_two(), u8::try_from(bytes.trailing_zeros())) {
            (true, Ok(bits @ 9..)) => Ok(ChunkSize(bits)),
            _ => Err(OptionsError::ChunkSize),
        }
    }

    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        1 << self.0
    }

    /// Chunks of one block.
    pub(crate) fn of_block(block_size: BlockSize) -> Self {
        ChunkSize(block_size.bits())
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }
}

impl fmt::Display for ChunkSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl FromStr for ChunkSize {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        ChunkSize::new(text.parse().map_err(|_| OptionsError::ChunkSize)?)
    }
}

/// The largest size of a pcluster: 512 to 1,048,576 bytes, a multiple of the block
/// size.
///
/// A pcluster is decoded as a whole. Larger ones make the image smaller, but a read of
/// a few bytes decodes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PclusterSize(u32);

impl PclusterSize {
    /// Pclusters of up to `bytes` bytes.
    ///
    /// # Errors
    /// [`OptionsError::PclusterSize`] if `bytes` is not a multiple of 512 from 512 to
    /// 1,048,576.
    pub fn new(bytes: u32) -> Result<Self, OptionsError> {
        match (bytes % 512, bytes) {
            (0, 512..=0x10_0000) => Ok(PclusterSize(bytes)),
            _ => Err(OptionsError::PclusterSize),
        }
    }

    /// The size in bytes.
    pub fn bytes(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PclusterSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl FromStr for PclusterSize {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        PclusterSize::new(text.parse().map_err(|_| OptionsError::PclusterSize)?)
    }
}
