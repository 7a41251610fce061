//! How an image is to be written: plain data, each value checked when made.

mod compress;
pub(crate) mod kernel;
mod sizes;
mod wide;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::tree::Timestamp;

pub(crate) use compress::FileCodec;
pub use compress::{Codec, CompressRule, Fragments, PclusterSize};
pub use kernel::KernelVersion;
pub use sizes::{BlockSize, ChunkSize};

/// Why a value or a combination of values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// A block size that is no power of two from 512 to 65,536.
    BlockSize,
    /// A chunk size that is no power of two, or below 512.
    ChunkSize,
    /// The chunk size is below the block size, or over 2^31 blocks.
    ChunkSizeForBlockSize {
        /// The chunk size in bytes.
        chunk: u64,
        /// The block size in bytes.
        block: u32,
    },
    /// A pcluster size that is no multiple of 512, or over 1 MiB.
    PclusterSize,
    /// The pcluster size is no multiple of the block size.
    PclusterSizeForBlockSize {
        /// The pcluster size in bytes.
        pcluster: u64,
        /// The block size in bytes.
        block: u32,
    },
    /// The bytes of a file that a pcluster may hold are less than a block.
    MaxExtentLen,
    /// Contents stay in an archive, and blocks have not the 512 bytes that it
    /// has as well.
    BlockSizeForDevices {
        /// The block size in bytes.
        block: u32,
    },
    /// A label over 15 bytes or with a NUL in it.
    Label,
    /// An xattr prefix in no namespace that EROFS can store, or over 255 bytes.
    XattrPrefix,
    /// More than 128 xattr prefixes.
    TooManyXattrPrefixes,
    /// The image would begin, or end, 2^63 bytes or more behind the start of the
    /// output.
    Offset,
    /// The build time lies before 1970 or has over 999,999,999 nanoseconds.
    BuildTime,
    /// A version of Linux that is not written as two numbers with a dot.
    KernelVersion,
    /// Something is asked for that the target kernel does not know.
    TargetKernel {
        /// What it is.
        feature: &'static str,
        /// The first version that knows it.
        since: KernelVersion,
        /// The target.
        target: KernelVersion,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::BlockSize => {
                f.write_str("the block size must be a power of two from 512 to 65536")
            }
            OptionsError::ChunkSize => {
                f.write_str("the chunk size must be a power of two of at least 512")
            }
            OptionsError::ChunkSizeForBlockSize { chunk, block } => write!(
                f,
                "chunks of {chunk} bytes do not go with blocks of {block}: a chunk has 1 to 2^31 blocks"
            ),
            OptionsError::PclusterSize => {
                f.write_str("the pcluster size must be a multiple of 512 up to 1048576")
            }
            OptionsError::PclusterSizeForBlockSize { pcluster, block } => write!(
                f,
                "pclusters of {pcluster} bytes do not go with blocks of {block}: they have whole blocks"
            ),
            OptionsError::MaxExtentLen => {
                f.write_str("the largest extent must not be below the block size")
            }
            OptionsError::BlockSizeForDevices { block } => write!(
                f,
                "contents that stay in an archive need blocks of 512 bytes, not of {block}"
            ),
            OptionsError::Label => f.write_str("a label has at most 15 bytes, none of them NUL"),
            OptionsError::XattrPrefix => f.write_str(
                "an xattr prefix starts with user., trusted. or security. and has at most 255 bytes more",
            ),
            OptionsError::TooManyXattrPrefixes => {
                f.write_str("an image has at most 128 xattr prefixes")
            }
            OptionsError::Offset => {
                f.write_str("an image must end at byte 9223372036854775807 of the output or before")
            }
            OptionsError::BuildTime => {
                f.write_str("the build time must not be before 1970, nor have over 999999999 nanoseconds")
            }
            OptionsError::KernelVersion => {
                f.write_str("a version of Linux is written like 6.1")
            }
            OptionsError::TargetKernel { feature, since, target } => write!(
                f,
                "Linux {target} cannot mount {feature}: they need {since}"
            ),
        }
    }
}

impl std::error::Error for OptionsError {}

/// The volume label, by which a system can mount the image: at most 15 bytes.
///
/// The field has 16, but Linux before 6.15 refuses one without a final NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Label([u8; 16]);

impl Label {
    /// A label of these bytes.
    ///
    /// # Errors
    /// [`OptionsError::Label`] if there are over 15 or one is NUL.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, OptionsError> {
        let bytes = bytes.as_ref();
        if bytes.len() > 15 || bytes.contains(&0) {
            return Err(OptionsError::Label);
        }
        let mut label = [0; 16];
        label[..bytes.len()].copy_from_slice(bytes);
        Ok(Label(label))
    }

    pub(crate) fn field(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for Label {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        Label::new(text)
    }
}

/// What the image's UUID is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageUuid {
    /// A version 8 UUID derived from every byte of the image by XXH3 of 128
    /// bits, so that equal images have the same one, and others do not unless
    /// somebody makes them so.
    #[default]
    FromContent,
    /// All zeros, which means that there is none.
    None,
    /// This one.
    Fixed(Uuid),
}

/// Which of the two on-disk forms inodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InodeForm {
    /// 32 bytes wherever they suffice, else 64.
    #[default]
    Auto,
    /// 32 bytes; an inode that needs more is an error.
    Compact,
    /// 64 bytes.
    Extended,
}

/// Where the bytes of a file behind its last full block go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tails {
    /// Right behind the inode where they fit into its block, else into a
    /// block of their own. The smallest.
    #[default]
    Inline,
    /// Into a block of their own, which DAX and direct block mapping need.
    OwnBlock,
}

/// A prefix of xattr names, such as `trusted.overlay.`, that is stored once
/// and not with every name (Linux 6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XattrPrefix(Vec<u8>);

impl XattrPrefix {
    /// This prefix, written in full.
    ///
    /// # Errors
    /// [`OptionsError::XattrPrefix`] if it is in no namespace that EROFS can
    /// store, or over 255 bytes behind the namespace.
    pub fn new(prefix: impl Into<Vec<u8>>) -> Result<Self, OptionsError> {
        let prefix = prefix.into();
        match crate::format::xattr::split_name(&prefix) {
            Some((_, infix)) if infix.len() <= 255 && !prefix.contains(&0) => {
                Ok(XattrPrefix(prefix))
            }
            _ => Err(OptionsError::XattrPrefix),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for XattrPrefix {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        XattrPrefix::new(text)
    }
}

/// How an image is to be written. The default gives the smallest image, with
/// the same bytes everywhere. Every kernel since 5.4 can mount it, unless a
/// file with holes makes that 5.15.
///
/// Setters chain and cannot fail. What contradicts the tree or another option
/// is found by [`ImageWriter::write`](crate::ImageWriter::write) before the
/// first byte is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub(crate) block_size: BlockSize,
    pub(crate) label: Label,
    pub(crate) uuid: ImageUuid,
    pub(crate) build_time: Option<Timestamp>,
    pub(crate) checksum: bool,
    pub(crate) wide_addresses: bool,
    pub(crate) inode_form: InodeForm,
    pub(crate) tails: Tails,
    pub(crate) chunk_size: Option<ChunkSize>,
    pub(crate) chunk_indexes: bool,
    pub(crate) codec: Codec,
    pub(crate) pcluster_size: Option<PclusterSize>,
    pub(crate) full_indexes: bool,
    pub(crate) compress_rules: Vec<CompressRule>,
    pub(crate) inline_pclusters: bool,
    pub(crate) max_extent_len: Option<u64>,
    pub(crate) fragments: Fragments,
    pub(crate) packed_pcluster_size: Option<PclusterSize>,
    pub(crate) share_fragments: bool,
    pub(crate) dedupe: bool,
    pub(crate) share_identical: bool,
    pub(crate) holes: bool,
    pub(crate) xattr_share_above: u32,
    pub(crate) xattr_name_filter: bool,
    pub(crate) xattr_prefixes: Vec<XattrPrefix>,
    pub(crate) root_xattr_len: u32,
    pub(crate) data_alignment: u32,
    pub(crate) image_alignment: u32,
    pub(crate) offset: u64,
    pub(crate) target_kernel: Option<KernelVersion>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            block_size: BlockSize::default(),
            label: Label::default(),
            uuid: ImageUuid::default(),
            build_time: None,
            checksum: true,
            wide_addresses: false,
            inode_form: InodeForm::default(),
            tails: Tails::default(),
            chunk_size: None,
            chunk_indexes: false,
            codec: Codec::None,
            pcluster_size: None,
            full_indexes: false,
            compress_rules: Vec::new(),
            inline_pclusters: false,
            max_extent_len: None,
            fragments: Fragments::None,
            packed_pcluster_size: None,
            share_fragments: true,
            dedupe: false,
            share_identical: true,
            holes: true,
            xattr_share_above: 2,
            xattr_name_filter: true,
            xattr_prefixes: Vec::new(),
            root_xattr_len: 0,
            data_alignment: 1,
            image_alignment: 1,
            offset: 0,
            target_kernel: None,
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The block size. Default: 4096 bytes, on every host.
    #[must_use]
    pub fn block_size(mut self, size: BlockSize) -> Self {
        self.block_size = size;
        self
    }

    /// The volume label. Default: none.
    #[must_use]
    pub fn label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// The UUID. Default: [`ImageUuid::FromContent`].
    #[must_use]
    pub fn uuid(mut self, uuid: ImageUuid) -> Self {
        self.uuid = uuid;
        self
    }

    /// The time the image says it was built at. Default: not recorded.
    ///
    /// Files keep their own times. Without [`Options::wide_addresses`] an inode
    /// is compact only if its time is the image's `epoch`; without a build time,
    /// the commonest time of the tree becomes the epoch.
    #[must_use]
    pub fn build_time(mut self, time: Timestamp) -> Self {
        self.build_time = Some(time);
        self
    }

    /// Whether the superblock has a checksum. Default: yes.
    #[must_use]
    pub fn checksum(mut self, on: bool) -> Self {
        self.checksum = on;
        self
    }

    /// The form of inodes. Default: [`InodeForm::Auto`].
    #[must_use]
    pub fn inode_form(mut self, form: InodeForm) -> Self {
        self.inode_form = form;
        self
    }

    /// Where tails go. Default: [`Tails::Inline`].
    #[must_use]
    pub fn tails(mut self, tails: Tails) -> Self {
        self.tails = tails;
        self
    }

    /// Stores every regular file in chunks of this size, equal chunks once
    /// (Linux 5.15). Default: files are stored whole, except that a file with
    /// long runs of zeros is chunk-based, so that they take no space.
    ///
    /// With [`Options::codec`] these are the files that are not compressed, as
    /// a rule says so or as they do not become smaller.
    #[must_use]
    pub fn chunk_size(mut self, size: ChunkSize) -> Self {
        self.chunk_size = Some(size);
        self
    }

    /// Whether chunk maps have 8-byte indexes, not 4-byte block numbers.
    /// Default: no.
    #[must_use]
    pub fn chunk_indexes(mut self, on: bool) -> Self {
        self.chunk_indexes = on;
        self
    }

    /// Whether files with the same contents share their blocks. Default: yes.
    ///
    /// Needs no feature of the kernel. Files without a block of their own,
    /// whose few bytes lie behind the inode, are not looked at.
    #[must_use]
    pub fn share_identical(mut self, on: bool) -> Self {
        self.share_identical = on;
        self
    }

    /// Whether long runs of zeros in large files are stored as holes (Linux
    /// 5.15). Default: yes. The same zeros give the same image whether they
    /// are holes on the host or not. Files below 1 MiB and runs below 64 KiB
    /// are not looked at; over 64 GiB these are a millionth of a file.
    ///
    /// Where files are compressed, so are zeros, but for those of files from 16
    /// MiB on of which 127 parts in 128 are zeros, and of those over 2^28 blocks.
    #[must_use]
    pub fn holes(mut self, on: bool) -> Self {
        self.holes = on;
        self
    }

    /// An xattr that more than `count` inodes have is stored once and shared.
    /// Default: 2. `u32::MAX` shares none.
    #[must_use]
    pub fn xattr_share_above(mut self, count: u32) -> Self {
        self.xattr_share_above = count;
        self
    }

    /// Whether inodes carry a filter of their xattr names, which saves the
    /// kernel (since 6.6) looking for absent ones. Default: yes.
    #[must_use]
    pub fn xattr_name_filter(mut self, on: bool) -> Self {
        self.xattr_name_filter = on;
        self
    }

    /// Prefixes of xattr names to store once (Linux 6.4). Default: none.
    #[must_use]
    pub fn xattr_prefixes(mut self, prefixes: impl IntoIterator<Item = XattrPrefix>) -> Self {
        self.xattr_prefixes = prefixes.into_iter().collect();
        self
    }

    /// Reserves at least this many bytes for the root's xattrs: 262,148 at most.
    /// Default: 0.
    #[must_use]
    pub fn root_xattr_len(mut self, len: u32) -> Self {
        self.root_xattr_len = len;
        self
    }

    /// Aligns the data of each file to this many blocks; 0 means 1, the
    /// default.
    #[must_use]
    pub fn data_alignment(mut self, blocks: u32) -> Self {
        self.data_alignment = blocks.max(1);
        self
    }

    /// Pads the image to a multiple of this many blocks; 0 means 1, the
    /// default.
    #[must_use]
    pub fn image_alignment(mut self, blocks: u32) -> Self {
        self.image_alignment = blocks.max(1);
        self
    }

    /// Writes the image this many bytes behind the start of the output, which
    /// keeps what it has before that. Default: 0.
    #[must_use]
    pub fn offset(mut self, bytes: u64) -> Self {
        self.offset = bytes;
        self
    }
}
