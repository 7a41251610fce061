//! How files are compressed.

use crate::codec::Codec;
use crate::format::algorithm::Algorithm;
use crate::options::error::OptionsError;
use crate::options::layout::Tails;
use crate::options::names::ImageUuid;
use crate::options::rule::CompressRule;
use crate::options::set::Options;
use crate::options::sizes::PclusterSize;

/// How large pclusters of the packed inode may be where nothing is said of
/// any.
const PACKED_PCLUSTER_LEN: u64 = 16 * 1024;

/// How one file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCodec {
    pub(crate) codec: Codec,
    /// How many bytes its pclusters have at most.
    pub(crate) pcluster_len: u64,
}

impl Options {
    /// What files are compressed with, if with anything. Default: `None`.
    ///
    /// A file that does not become smaller is stored as it is. Zeros are then
    /// compressed like everything else, but for those of files that are
    /// nearly nothing else: see [`Options::holes`].
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Option<Codec>>) -> Self {
        self.codec = codec.into();
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

    /// Compresses some files in other ways than the rest: of these rules the
    /// first one that matches a file decides. Default: none.
    #[must_use]
    pub fn compress_rules(mut self, rules: impl IntoIterator<Item = CompressRule>) -> Self {
        self.compress_rules = rules.into_iter().collect();
        self
    }

    /// Where the ends of compressed files go. Default: [`Tails::Blocks`]. Of files
    /// that are not compressed [`Options::inline_data`] says that.
    #[must_use]
    pub fn tails(mut self, tails: Tails) -> Self {
        self.tails = tails;
        self
    }

    /// How large pclusters of the packed inode are at most. Default: as
    /// [`Options::pcluster_size`] says for files, and without that 16 KiB for
    /// [`Tails::Fragments`], which reads no slower than a block and makes the
    /// image of a store 1 % smaller.
    #[must_use]
    pub fn packed_pcluster_size(mut self, size: PclusterSize) -> Self {
        self.packed_pcluster_size = Some(size);
        self
    }

    /// Whether fragments that are the same are stored once. Default: yes.
    #[must_use]
    pub fn share_fragments(mut self, on: bool) -> Self {
        self.share_fragments = on;
        self
    }

    /// Whether bytes that come again are stored once, also if whole files
    /// differ. Default: no.
    ///
    /// In compressed files ("dedupe", Linux 6.1) these are runs of some 5 KiB
    /// or more, 12 KiB where pclusters are larger than a block, wherever they
    /// begin; in others blocks (Linux 5.15), which those that have some in
    /// common then have as chunks. To find them takes some 25 MiB of memory
    /// for each GiB of files, which are read once more.
    #[must_use]
    pub fn dedupe(mut self, on: bool) -> Self {
        self.dedupe = on;
        self
    }

    /// Whether the ends of files that are not compressed may lie after their
    /// inodes. Those of files in chunks are in their last chunk.
    pub(crate) fn may_have_inline_data(&self) -> bool {
        self.inline_data && self.chunk_size.is_none()
    }

    /// Whether files that are not compressed may have blocks of others.
    pub(crate) fn may_share_blocks(&self) -> bool {
        self.dedupe && !self.may_compress() && self.chunk_size.is_none()
    }

    /// Whether files may have pclusters of others.
    pub(crate) fn may_have_repeats(&self) -> bool {
        self.dedupe && self.may_compress()
    }

    /// Whether plain pclusters are interlaced, as mkfs.erofs has them where there
    /// are fragments. Files cannot share such a pcluster if it lies at different
    /// places in them.
    pub(crate) fn has_interlaced_pclusters(&self) -> bool {
        self.may_have_fragments() && !self.may_have_repeats()
    }

    /// Whether there may be a packed inode.
    pub(crate) fn may_have_fragments(&self) -> bool {
        self.tails.are_fragments() && self.may_compress()
    }

    /// Whether the last pclusters of files may lie after their inodes.
    pub(crate) fn may_have_inline_pclusters(&self) -> bool {
        self.tails == Tails::Inline && self.may_compress()
    }

    /// How the packed inode is compressed: as files are for which there is no
    /// rule, or if these are not, as the last rule says. There is none if nothing
    /// is compressed.
    pub(crate) fn packed_codec(&self) -> Option<FileCodec> {
        let codec = self.file_codecs().last()?;
        let pcluster_len = match (self.packed_pcluster_size, self.pcluster_size) {
            (Some(size), _) => u64::from(size.bytes()),
            (None, None) if self.tails == Tails::Fragments => {
                codec.pcluster_len.max(PACKED_PCLUSTER_LEN)
            }
            (None, _) => codec.pcluster_len,
        };
        Some(FileCodec { pcluster_len, ..codec })
    }

    /// How many bytes of a file a pcluster holds at most: a block or more.
    /// Default: 12 MiB, the most that Linux decodes. Less means less to decode
    /// for a few bytes that are read, and a larger image.
    ///
    /// # Errors
    /// [`OptionsError::MaxExtentLen`] if it is less than any block, 512 bytes.
    pub fn max_extent_len(mut self, bytes: u64) -> Result<Self, OptionsError> {
        if bytes < 512 {
            return Err(OptionsError::MaxExtentLen);
        }
        self.max_extent_len = Some(bytes);
        Ok(self)
    }

    /// How files are compressed for which there is no rule.
    pub(crate) fn default_codec(&self) -> Option<FileCodec> {
        self.codec.map(|codec| self.file_codec(codec, self.pcluster_size))
    }

    fn file_codec(&self, codec: Codec, pcluster_size: Option<PclusterSize>) -> FileCodec {
        let pcluster_len =
            pcluster_size.map_or(self.block_size.len(), |size| u64::from(size.bytes()));
        FileCodec { codec, pcluster_len }
    }

    fn rule_codec(&self, rule: &CompressRule) -> Option<FileCodec> {
        rule.codec.map(|codec| self.file_codec(codec, rule.pcluster_size))
    }

    /// How files are compressed that are, whatever rule decides.
    pub(crate) fn file_codecs(&self) -> impl Iterator<Item = FileCodec> {
        let of_rules = self.compress_rules.iter().filter_map(|rule| self.rule_codec(rule));
        of_rules.chain(self.default_codec())
    }

    /// Whether there is a rule for the file `path`, and how it is then compressed,
    /// if it is.
    pub(crate) fn codec_by_rule(&self, path: &[u8]) -> Option<Option<FileCodec>> {
        let rule = self.compress_rules.iter().find(|rule| rule.pattern.is_match(path))?;
        Some(self.rule_codec(rule))
    }

    /// Whether files may be compressed.
    pub(crate) fn may_compress(&self) -> bool {
        self.file_codecs().next().is_some()
    }

    /// Whether the UUID depends on every byte.
    pub(crate) fn derives_uuid(&self) -> bool {
        self.uuid == ImageUuid::FromContent
    }

    /// How anything may be compressed.
    pub(crate) fn all_codecs(&self) -> impl Iterator<Item = FileCodec> {
        let packed = self.packed_codec().filter(|_| self.may_have_fragments());
        self.file_codecs().chain(packed)
    }

    /// All that is said of how large pclusters are.
    pub(crate) fn pcluster_sizes(&self) -> impl Iterator<Item = PclusterSize> {
        let of_rules = self.compress_rules.iter().filter_map(|rule| rule.pcluster_size);
        of_rules.chain(self.pcluster_size).chain(self.packed_pcluster_size)
    }

    /// The most bytes that a pcluster has, where files are compressed.
    pub(crate) fn pcluster_len_max(&self) -> u64 {
        self.all_codecs().map(|codec| codec.pcluster_len).max().unwrap_or(0)
    }

    /// How many blocks that are.
    pub(crate) fn pcluster_blocks_max(&self) -> u16 {
        let blocks = self.pcluster_len_max() / self.block_size.len();
        u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes")
    }

    /// The algorithms that may be in the image, in the order of their numbers.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<Algorithm> =
            self.all_codecs().map(|codec| codec.codec.algorithm()).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        algorithms
    }

    /// Whether pclusters may have several blocks.
    pub(crate) fn may_have_big_pclusters(&self) -> bool {
        self.pcluster_len_max() > self.block_size.len()
    }
}
