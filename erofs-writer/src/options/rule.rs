//! Rules for how single files are compressed.

use crate::codec::Codec;
use crate::ere::Ere;
use crate::options::sizes::PclusterSize;

/// How the files are compressed whose path a pattern is found in.
#[derive(Debug, Clone, PartialEq)]
pub struct CompressRule {
    pub(super) pattern: Ere,
    pub(super) codec: Option<Codec>,
    pub(super) pcluster_size: Option<PclusterSize>,
}

impl CompressRule {
    /// A rule for the files in whose path `pattern` is found. Paths are those
    /// in the image, without a leading slash; of a file with several names
    /// the first in the order of their bytes counts. Unless a codec is set such
    /// files are stored as they are.
    pub fn new(pattern: Ere) -> Self {
        CompressRule { pattern, codec: None, pcluster_size: None }
    }

    /// How many bytes of memory its pattern takes.
    pub fn memory_usage(&self) -> usize {
        self.pattern.memory_usage()
    }

    /// In which paths it is looked for.
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

    /// What they are compressed with, if with anything.
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Option<Codec>>) -> Self {
        self.codec = codec.into();
        self
    }

    /// How large their pclusters are at most. Default: a block.
    #[must_use]
    pub fn pcluster_size(mut self, size: PclusterSize) -> Self {
        self.pcluster_size = Some(size);
        self
    }
}
