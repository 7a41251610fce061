//! How files are compressed.

use std::fmt;
use std::str::FromStr;

use crate::codec::lz4;
use crate::options::{ImageUuid, Options, OptionsError};

/// What files are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Codec {
    /// Nothing.
    #[default]
    None,
    /// LZ4 (Linux 5.4).
    Lz4(lz4::Level),
}

/// How many bytes a pcluster has at most: 512 to 1,048,576, in whole blocks.
///
/// A pcluster is decoded as a whole. Larger ones make a smaller image, and
/// more to decode for a few bytes that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PclusterSize(u32);

impl PclusterSize {
    /// Pclusters of up to `bytes` bytes.
    ///
    /// # Errors
    /// [`OptionsError::PclusterSize`] if `bytes` is no multiple of 512, or
    /// not from 512 to 1,048,576.
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

impl Options {
    /// What files are compressed with. Default: [`Codec::None`].
    ///
    /// A file that does not become smaller is stored as it is. Zeros are then
    /// compressed like everything else, and not stored as holes.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// How large pclusters are at most. Default: a block. More than a block
    /// needs Linux 5.13.
    #[must_use]
    pub fn pcluster_size(mut self, size: PclusterSize) -> Self {
        self.pcluster_size = Some(size);
        self
    }

    /// Whether indexes of compressed files have 8 bytes a block, and not 2 or
    /// 4. Default: no.
    #[must_use]
    pub fn full_indexes(mut self, on: bool) -> Self {
        self.full_indexes = on;
        self
    }

    /// Whether the UUID depends on every byte.
    pub(crate) fn derives_uuid(&self) -> bool {
        self.uuid == ImageUuid::FromContent
    }

    pub(crate) fn pcluster_len(&self) -> u64 {
        self.pcluster_size.map_or(self.block_size.len(), |size| u64::from(size.bytes()))
    }

    /// Whether pclusters may have several blocks.
    pub(crate) fn may_have_big_pclusters(&self) -> bool {
        self.codec != Codec::None && self.pcluster_len() > self.block_size.len()
    }
}
