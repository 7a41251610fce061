//! How inodes and directories are stored.

use crate::codec::Codec;
use crate::options::compress::FileCodec;
use crate::options::error::OptionsError;
use crate::options::set::Options;
use crate::options::sizes::PclusterSize;

/// The longest directory that is compressed, in bytes. Its bytes are made anew for each
/// part of the packed inode that has some of them.
const DIRECTORY_MAX: u64 = 64 << 20;

impl Options {
    /// The codec that compresses inodes, with their xattrs and whatever lies after them:
    /// ends of files, short directories, symlinks, and indexes. Default: `None`, they are
    /// not compressed.
    ///
    /// All of them, the root too, are then in one stream, the metabox (Linux 6.17). This
    /// turns [`wide_addresses`](Self::wide_addresses) on, as the root is not found
    /// otherwise.
    #[must_use]
    pub fn metabox_codec(mut self, codec: impl Into<Option<Codec>>) -> Self {
        self.metabox_codec = codec.into();
        if self.has_metabox() { self.wide_addresses(true) } else { self }
    }

    /// The largest size of a pcluster of the metabox, and of directories that are
    /// [compressed](Self::compress_directories) in an image with one. Default: one block.
    /// With larger ones the image is smaller, but a look at a single inode takes longer.
    #[must_use]
    pub fn metabox_pcluster_size(mut self, size: PclusterSize) -> Self {
        self.metabox_pcluster_size = Some(size);
        self
    }

    /// Whether directories are compressed if that saves something (Linux 6.1). Default:
    /// no.
    ///
    /// They become fragments, with or without those of files. In an image with a
    /// [metabox](Self::metabox_codec), this is of use only for directories of more than
    /// a block. Those of more than 64 MiB are not compressed, and neither is the root if
    /// there is no metabox. It needs a codec for files or for the metabox.
    #[must_use]
    pub fn compress_directories(mut self, on: bool) -> Self {
        self.compress_directories = on;
        self
    }

    /// Whether directories are stored without the entry `.`, which Linux 6.15 makes up.
    /// Default: no. This turns [`wide_addresses`](Self::wide_addresses) on.
    #[must_use]
    pub fn omit_dots(mut self, on: bool) -> Self {
        self.omit_dots = on;
        if on { self.wide_addresses(true) } else { self }
    }

    /// Whether inodes are in the metabox.
    pub(crate) fn has_metabox(&self) -> bool {
        self.metabox_codec.is_some()
    }

    /// How the metabox is compressed, if there is one.
    pub(crate) fn metabox(&self) -> Option<FileCodec> {
        self.metabox_codec.map(|codec| self.file_codec(codec, self.metabox_pcluster_size))
    }

    /// Whether a directory of `len` bytes may be compressed.
    pub(crate) fn may_compress_directory(&self, len: u64) -> bool {
        self.compress_directories && len <= DIRECTORY_MAX
    }

    /// How directories in the packed inode are compressed. All of a packed inode has one
    /// algorithm.
    pub(crate) fn directory_codec(&self) -> Option<FileCodec> {
        let packed = self.packed_codec()?;
        let pcluster_len = match self.metabox() {
            Some(metabox) => metabox.pcluster_len.min(packed.pcluster_len),
            None => packed.pcluster_len,
        };
        Some(FileCodec { pcluster_len, ..packed })
    }

    /// Refuses what contradicts these options.
    pub(crate) fn check_metadata(&self) -> Result<(), OptionsError> {
        if (self.has_metabox() || self.omit_dots) && !self.wide_addresses {
            return Err(OptionsError::NeedsWideAddresses);
        }
        match self.compress_directories && self.packed_codec().is_none() {
            true => Err(OptionsError::DirectoriesNeedCodec),
            false => Ok(()),
        }
    }
}
