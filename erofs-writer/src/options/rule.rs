//! Rules for the compression of single files.

use crate::codec::Codec;
use crate::ere::Ere;
use crate::options::sizes::PclusterSize;

/// A rule for the compression of files. See
/// [`Options::compress_rules`](crate::Options::compress_rules).
#[derive(Debug, Clone, PartialEq)]
pub struct CompressRule {
    pub(super) pattern: Ere,
    pub(super) codec: Option<Codec>,
    pub(super) pcluster_size: Option<PclusterSize>,
}

impl CompressRule {
    /// A rule for files that have a match of `pattern` anywhere in their path. Paths
    /// are those in the image, without a leading slash. For a file with several names,
    /// the first one in the order of bytes counts. Without a [`codec`](Self::codec),
    /// such files are not compressed.
    pub fn new(pattern: Ere) -> Self {
        CompressRule { pattern, codec: None, pcluster_size: None }
    }

    /// The memory that the pattern takes, in bytes.
    pub fn memory_usage(&self) -> usize {
        self.pattern.memory_usage()
    }

    /// The pattern that is searched in paths.
    pub fn get_pattern(&self) -> &Ere {
        &self.pattern
    }

    /// See [`codec`](Self::codec).
    pub fn get_codec(&self) -> Option<Codec> {
        self.codec
    }

    /// See [`pcluster_size`](Self::pcluster_size).
    pub fn get_pcluster_size(&self) -> Option<PclusterSize> {
        self.pcluster_size
    }

    /// The codec that compresses such files. Default: `None`, they are not compressed.
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Option<Codec>>) -> Self {
        self.codec = codec.into();
        self
    }

    /// The largest size of their pclusters. Default: one block.
    #[must_use]
    pub fn pcluster_size(mut self, size: PclusterSize) -> Self {
        self.pcluster_size = Some(size);
        self
    }
}
