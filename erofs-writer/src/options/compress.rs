//! How files are compressed.

use crate::codec::Codec;
use crate::codec::config::CodecLimits;
use crate::format::algorithm::Algorithm;
use crate::format::to_usize;
use crate::options::error::OptionsError;
use crate::options::layout::Tails;
use crate::options::names::ImageUuid;
use crate::options::rule::CompressRule;
use crate::options::set::Options;
use crate::options::sizes::PclusterSize;

/// The size in bytes of pclusters of the packed inode if no size is set for them or for
/// files.
const PACKED_PCLUSTER_LEN: u64 = 16 * 1024;

/// How one file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCodec {
    pub(crate) codec: Codec,
    /// The most bytes that a pcluster of the file has.
    pub(crate) pcluster_len: u64,
}

impl Options {
    /// The codec that compresses files. Default: `None`, files are not compressed.
    ///
    /// A file that does not become smaller is stored uncompressed. With a codec, long
    /// runs of zeros are compressed like all other bytes, except in files that consist
    /// almost entirely of zeros: see [`Options::holes`].
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Option<Codec>>) -> Self {
        self.codec = codec.into();
        self
    }

    /// The largest size of a pcluster. Default: one block. More than one block needs
    /// Linux 5.13.
    #[must_use]
    pub fn pcluster_size(mut self, size: PclusterSize) -> Self {
        self.pcluster_size = Some(size);
        self
    }

    /// Whether indexes of compressed files have 8 bytes for each block. Default: no,
    /// they have 2 or 4.
    #[must_use]
    pub fn full_indexes(mut self, on: bool) -> Self {
        self.full_indexes = on;
        self
    }

    /// Rules that compress some files differently. The first rule that matches the path
    /// of a file decides; if none does, [`Options::codec`] and
    /// [`Options::pcluster_size`] do. Default: none.
    #[must_use]
    pub fn compress_rules(mut self, rules: impl IntoIterator<Item = CompressRule>) -> Self {
        self.compress_rules = rules.into_iter().collect();
        self
    }

    /// Where the ends of compressed files go. Default: [`Tails::Blocks`]. For files
    /// that are not compressed, see [`Options::inline_data`].
    #[must_use]
    pub fn tails(mut self, tails: Tails) -> Self {
        self.tails = tails;
        self
    }

    /// The largest size of a pcluster of the packed inode. Default: the size for files
    /// if [`Options::pcluster_size`] is set. Otherwise one block, but 16 KiB with
    /// [`Tails::Fragments`]: this reads no slower than one block, and the image of a
    /// store is 1 % smaller.
    #[must_use]
    pub fn packed_pcluster_size(mut self, size: PclusterSize) -> Self {
        self.packed_pcluster_size = Some(size);
        self
    }

    /// Whether equal fragments, and ends that files have in common, are stored once.
    /// Default: yes. The ends are only if [`share_identical`](Self::share_identical) is on.
    #[must_use]
    pub fn share_fragments(mut self, on: bool) -> Self {
        self.share_fragments = on;
        self
    }

    /// Whether repeated bytes are stored once, even if the files as a whole differ.
    /// Default: no.
    ///
    /// In compressed files ("dedupe", Linux 6.1) repeats are runs of some 5 KiB or
    /// more, at any offset; 12 KiB or more if pclusters are larger than a block. In
    /// files that are not compressed, repeats are whole blocks (Linux 5.15), and files
    /// that have blocks in common become chunk-based. The search reads all files once
    /// more, and takes some 25 MiB of memory for each GiB of files.
    #[must_use]
    pub fn dedupe(mut self, on: bool) -> Self {
        self.dedupe = on;
        self
    }

    /// Whether the ends of files that are not compressed may lie after their inodes. A
    /// chunk-based file keeps its end in its last chunk.
    pub(crate) fn may_have_inline_data(&self) -> bool {
        self.inline_data && self.chunk_size.is_none()
    }

    /// Whether files that are not compressed may use blocks of other files.
    pub(crate) fn may_share_blocks(&self) -> bool {
        self.dedupe && !self.may_compress() && self.chunk_size.is_none()
    }

    /// Whether files may use pclusters of other files.
    pub(crate) fn may_have_repeats(&self) -> bool {
        self.dedupe && self.may_compress()
    }

    /// Whether plain pclusters are interlaced, as `mkfs.erofs` makes them if there are
    /// fragments. Files can share an interlaced pcluster only if it has the same place
    /// in each of them, so pclusters are not interlaced if files may share them.
    pub(crate) fn has_interlaced_pclusters(&self) -> bool {
        self.may_have_fragments() && !self.may_have_repeats()
    }

    /// Whether there may be fragments of files.
    pub(crate) fn may_have_fragments(&self) -> bool {
        self.tails.are_fragments() && self.may_compress()
    }

    /// Whether the last pclusters of files may lie after their inodes.
    pub(crate) fn may_have_inline_pclusters(&self) -> bool {
        self.tails == Tails::Inline && self.may_compress()
    }

    /// Whether there may be a packed inode.
    pub(crate) fn may_have_packed_inode(&self) -> bool {
        self.may_have_fragments() || self.compress_directories
    }

    /// How the packed inode is compressed: like files without a rule, or if those are
    /// not compressed, as the last rule with a codec says, or if there is none, like the
    /// metabox. None if nothing is compressed.
    pub(crate) fn packed_codec(&self) -> Option<FileCodec> {
        let codec = self.file_codecs().last().or_else(|| self.metabox())?;
        let pcluster_len = match (self.packed_pcluster_size, self.pcluster_size) {
            (Some(size), _) => u64::from(size.bytes()),
            (None, None) if self.tails == Tails::Fragments => {
                codec.pcluster_len.max(PACKED_PCLUSTER_LEN)
            }
            (None, _) => codec.pcluster_len,
        };
        Some(FileCodec { pcluster_len, ..codec })
    }

    /// The most bytes of a file that a pcluster holds, at least one block. Default: 12
    /// MiB, the most that Linux decodes. With less, a read of a few bytes decodes less,
    /// but the image is larger.
    ///
    /// # Errors
    /// [`OptionsError::MaxExtentLen`] if `bytes` is less than 512, the smallest block.
    /// That it is at least a block is checked when the image is written.
    pub fn max_extent_len(mut self, bytes: u64) -> Result<Self, OptionsError> {
        if bytes < 512 {
            return Err(OptionsError::MaxExtentLen);
        }
        self.max_extent_len = Some(bytes);
        Ok(self)
    }

    /// How files without a rule are compressed. None if they are not.
    pub(crate) fn default_codec(&self) -> Option<FileCodec> {
        self.codec.map(|codec| self.file_codec(codec, self.pcluster_size))
    }

    pub(super) fn file_codec(
        &self,
        codec: Codec,
        pcluster_size: Option<PclusterSize>,
    ) -> FileCodec {
        let pcluster_len =
            pcluster_size.map_or(self.block_size.len(), |size| u64::from(size.bytes()));
        FileCodec { codec, pcluster_len }
    }

    fn rule_codec(&self, rule: &CompressRule) -> Option<FileCodec> {
        rule.codec.map(|codec| self.file_codec(codec, rule.pcluster_size))
    }

    /// All ways in which files may be compressed: those of the rules, then the one of
    /// files without a rule.
    pub(crate) fn file_codecs(&self) -> impl Iterator<Item = FileCodec> {
        let of_rules = self.compress_rules.iter().filter_map(|rule| self.rule_codec(rule));
        of_rules.chain(self.default_codec())
    }

    /// The outer option is `None` if there is no rule for the file `path`. The inner
    /// one is `None` if the rule says that the file is not compressed.
    pub(crate) fn codec_by_rule(&self, path: &[u8]) -> Option<Option<FileCodec>> {
        let rule = self.compress_rules.iter().find(|rule| rule.pattern.is_match(path))?;
        Some(self.rule_codec(rule))
    }

    /// Whether files may be compressed.
    pub(crate) fn may_compress(&self) -> bool {
        self.file_codecs().next().is_some()
    }

    /// Whether facts about contents are kept for later builds.
    pub(crate) fn keeps_facts(&self) -> bool {
        self.trust_store_names && self.rebuildable && self.may_compress()
    }

    /// Whether the UUID is derived from all bytes of the image.
    pub(crate) fn derives_uuid(&self) -> bool {
        self.uuid == ImageUuid::FromContent
    }

    /// All ways in which files, the packed inode and the metabox may be compressed.
    pub(super) fn all_codecs(&self) -> impl Iterator<Item = FileCodec> {
        let packed = self.packed_codec().filter(|_| self.may_have_packed_inode());
        self.file_codecs().chain(packed).chain(self.metabox())
    }

    /// All sizes of pclusters that are set.
    pub(crate) fn pcluster_sizes(&self) -> impl Iterator<Item = PclusterSize> {
        let of_rules = self.compress_rules.iter().filter_map(|rule| rule.pcluster_size);
        let set = [self.pcluster_size, self.packed_pcluster_size, self.metabox_pcluster_size];
        of_rules.chain(set.into_iter().flatten())
    }

    /// The most bytes that a pcluster has. 0 if nothing is compressed.
    pub(crate) fn pcluster_len_max(&self) -> u64 {
        self.all_codecs().map(|codec| codec.pcluster_len).max().unwrap_or(0)
    }

    /// The most that a decoder needs.
    pub(crate) fn codec_limits(&self) -> CodecLimits {
        let blocks = self.pcluster_len_max() / self.block_size.len();
        let mut limits = CodecLimits {
            pcluster_blocks: u16::try_from(blocks).expect("at most 1 MiB in blocks of 512 bytes"),
            ..CodecLimits::default()
        };
        self.all_codecs().for_each(|codec| limits.add(codec.codec, to_usize(codec.pcluster_len)));
        limits
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
