//! The options of an image and their setters.

use uuid::Uuid;

use crate::codec::Codec;
use crate::format::xattr::{BODY_MAX, PREFIXES_MAX};
use crate::options::error::OptionsError;
use crate::options::layout::{InodeForm, Tails};
use crate::options::names::{ImageUuid, Label, XattrPrefix};
use crate::options::rule::CompressRule;
use crate::options::sizes::{BlockSize, ChunkSize, PclusterSize};
#[cfg(feature = "verity")]
use crate::options::verity::Verity;
use crate::options::version::KernelVersion;
use crate::time::Timestamp;

/// How an image is written. The default options make a small image without compression,
/// with the same bytes everywhere. Every kernel since 5.4 can mount it, unless it has a
/// file with holes, which needs 5.15.
///
/// Setters chain. Invalid values are refused when they are made, by their types or by
/// the setter. Options that contradict the tree or each other are found by
/// [`ImageWriter::write`](crate::ImageWriter::write) before the first byte is written.
/// Each setter has a getter, named `get_` and the name of the setter.
///
/// ```
/// use erofs_writer::{BlockSize, Options};
///
/// let options = Options::new().label("root".parse()?).block_size(BlockSize::new(4096)?);
/// let options = options.offset(1 << 20)?;
/// assert_eq!(options.get_label().to_string(), "root");
/// # Ok::<(), erofs_writer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub(crate) block_size: BlockSize,
    pub(crate) label: Label,
    pub(crate) uuid: ImageUuid,
    pub(crate) build_time: Option<Timestamp>,
    pub(crate) checksum: bool,
    pub(crate) wide_addresses: bool,
    /// Whether wide addresses are turned on if the tree needs them.
    pub(super) widens: bool,
    pub(crate) inode_form: InodeForm,
    pub(super) inline_data: bool,
    pub(crate) chunk_size: Option<ChunkSize>,
    pub(crate) chunk_indexes: bool,
    pub(crate) codec: Option<Codec>,
    pub(crate) pcluster_size: Option<PclusterSize>,
    pub(crate) full_indexes: bool,
    pub(crate) compress_rules: Vec<CompressRule>,
    pub(crate) max_extent_len: Option<u64>,
    pub(crate) tails: Tails,
    pub(super) packed_pcluster_size: Option<PclusterSize>,
    pub(super) metabox_codec: Option<Codec>,
    pub(super) metabox_pcluster_size: Option<PclusterSize>,
    pub(super) compress_directories: bool,
    pub(crate) omit_dots: bool,
    pub(crate) share_fragments: bool,
    pub(crate) dedupe: bool,
    pub(crate) share_identical: bool,
    pub(crate) holes: bool,
    pub(crate) xattr_share_above: u32,
    pub(crate) xattr_name_filter: bool,
    pub(crate) xattr_prefixes: Vec<XattrPrefix>,
    pub(crate) root_xattr_len: u32,
    pub(crate) read_order: Vec<Vec<u8>>,
    pub(crate) data_alignment: u32,
    pub(crate) image_alignment: u32,
    pub(crate) offset: u64,
    pub(crate) rebuildable: bool,
    pub(crate) trust_store_names: bool,
    pub(crate) target_kernel: Option<KernelVersion>,
    #[cfg(feature = "verity")]
    pub(crate) verity: Option<Verity>,
}

/// The UUID of store images.
const STORE_UUID: Uuid = Uuid::from_u128(0xeb17_6051_bd15_49b7_9e6b_462e_0b46_7019);

impl Default for Options {
    fn default() -> Self {
        Options {
            block_size: BlockSize::default(),
            label: Label::default(),
            uuid: ImageUuid::default(),
            build_time: None,
            checksum: true,
            wide_addresses: false,
            widens: true,
            inode_form: InodeForm::default(),
            inline_data: true,
            chunk_size: None,
            chunk_indexes: false,
            codec: None,
            pcluster_size: None,
            full_indexes: false,
            compress_rules: Vec::new(),
            max_extent_len: None,
            tails: Tails::default(),
            packed_pcluster_size: None,
            metabox_codec: None,
            metabox_pcluster_size: None,
            compress_directories: false,
            omit_dots: false,
            share_fragments: true,
            dedupe: false,
            share_identical: true,
            holes: true,
            xattr_share_above: 2,
            xattr_name_filter: true,
            xattr_prefixes: Vec::new(),
            root_xattr_len: 0,
            read_order: Vec::new(),
            data_alignment: 1,
            image_alignment: 1,
            offset: 0,
            rebuildable: false,
            trust_store_names: false,
            target_kernel: None,
            #[cfg(feature = "verity")]
            verity: None,
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The options of a store image: the label `nix-store`, by which systems built with
    /// Nixpkgs mount it, and the UUID by which they recognize it.
    pub fn store_image() -> Self {
        let label = Label::new("nix-store").expect("nine letters make a label");
        Options::new().label(label).uuid(ImageUuid::Fixed(STORE_UUID))
    }

    /// The block size. Default: 4096 bytes, on every host.
    #[must_use]
    pub fn block_size(mut self, size: BlockSize) -> Self {
        self.block_size = size;
        self
    }

    /// The volume label. Default: an empty one.
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

    /// Adds a dm-verity hash tree, over the image and what
    /// [`rebuildable`](Self::rebuildable) adds to it. It comes after these, or goes to
    /// a file of its own by [`ImageWriter::verity_path`](crate::ImageWriter::verity_path).
    /// [`Summary::verity`](crate::Summary::verity) has the root hash. Default: none.
    ///
    /// The image is padded with zeros to whole data blocks. It is read back from the output,
    /// which has to be a [`File`](std::fs::File) that is open for reading, too.
    #[cfg(feature = "verity")]
    #[must_use]
    pub fn verity(mut self, verity: Verity) -> Self {
        self.verity = Some(verity);
        self
    }

    /// Whether there is to be a hash tree.
    pub(crate) fn has_verity(&self) -> bool {
        #[cfg(feature = "verity")]
        return self.verity.is_some();
        #[cfg(not(feature = "verity"))]
        return false;
    }

    /// The build time that the image records. Default: none.
    ///
    /// Files keep their own times. Without [`Options::wide_addresses`], an inode can be
    /// compact only if its time is the `epoch` of the image. The epoch is the most
    /// common time of the tree. It is the build time if that cannot be stored relative
    /// to the most common time: if it is earlier, has nanoseconds, or is 2^32 seconds
    /// or more later.
    ///
    /// # Errors
    /// [`OptionsError::BuildTime`] if `time` is before 1970, or has more than
    /// 999,999,999 nanoseconds.
    pub fn build_time(mut self, time: Timestamp) -> Result<Self, OptionsError> {
        if time.sec < 0 || time.nsec >= 1_000_000_000 {
            return Err(OptionsError::BuildTime);
        }
        self.build_time = Some(time);
        Ok(self)
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

    /// Whether the ends of files that are not compressed, and of directories and
    /// symlinks, lie right after their inodes if they fit into the same block.
    /// Otherwise they have blocks of their own, which DAX and direct block mapping
    /// need. Default: yes, which makes the image smaller. For compressed files, see
    /// [`Options::tails`].
    #[must_use]
    pub fn inline_data(mut self, on: bool) -> Self {
        self.inline_data = on;
        self
    }

    /// Stores every regular file in chunks of this size, and equal chunks once (Linux
    /// 5.15). Default: files are stored whole, but files with long runs of zeros are
    /// chunk-based, so that the zeros take no space.
    ///
    /// With [`Options::codec`], this applies to files that are not compressed, because
    /// a rule says so or because they would not become smaller.
    #[must_use]
    pub fn chunk_size(mut self, size: ChunkSize) -> Self {
        self.chunk_size = Some(size);
        self
    }

    /// Whether chunk maps have 8-byte indexes instead of 4-byte block numbers. Default:
    /// no.
    #[must_use]
    pub fn chunk_indexes(mut self, on: bool) -> Self {
        self.chunk_indexes = on;
        self
    }

    /// Whether files with the same contents share their blocks. Default: yes.
    ///
    /// This needs no feature of the kernel. Files whose bytes all lie after the inode
    /// have no blocks to share.
    #[must_use]
    pub fn share_identical(mut self, on: bool) -> Self {
        self.share_identical = on;
        self
    }

    /// Whether long runs of zeros in large files are stored as holes (Linux 5.15).
    /// Default: yes. Files below 1 MiB and runs below 64 KiB are not searched. In files
    /// over 64 GiB, a run needs a millionth of the file. Zeros give the same image
    /// whether they are holes on the host or not.
    ///
    /// With compression, zeros are compressed, too. Only two kinds of files are stored
    /// with holes then: files of 1 MiB or more of which at least 127/128 are zeros, if that
    /// seems to take less room,
    /// and files of more than 2^28 blocks.
    #[must_use]
    pub fn holes(mut self, on: bool) -> Self {
        self.holes = on;
        self
    }

    /// An xattr that more than `count` inodes have is stored once, as a shared xattr.
    /// Default: 2. With `u32::MAX` none is shared.
    #[must_use]
    pub fn xattr_share_above(mut self, count: u32) -> Self {
        self.xattr_share_above = count;
        self
    }

    /// Whether inodes have a filter of their xattr names, so that Linux 6.6 and later
    /// need not search for names that an inode does not have. Default: yes.
    #[must_use]
    pub fn xattr_name_filter(mut self, on: bool) -> Self {
        self.xattr_name_filter = on;
        self
    }

    /// Prefixes of xattr names that are stored once (Linux 6.4). Default: none.
    ///
    /// # Errors
    /// [`OptionsError::TooManyXattrPrefixes`] if there are more than 128.
    pub fn xattr_prefixes(
        mut self,
        prefixes: impl IntoIterator<Item = XattrPrefix>,
    ) -> Result<Self, OptionsError> {
        self.xattr_prefixes = prefixes.into_iter().take(PREFIXES_MAX + 1).collect();
        if self.xattr_prefixes.len() > PREFIXES_MAX {
            return Err(OptionsError::TooManyXattrPrefixes);
        }
        Ok(self)
    }

    /// Reserves at least `len` bytes for the root's xattrs. Default: 0.
    ///
    /// # Errors
    /// [`OptionsError::RootXattrLen`] if `len` is over 262,148.
    pub fn root_xattr_len(mut self, len: u32) -> Result<Self, OptionsError> {
        if u64::from(len) > BODY_MAX {
            return Err(OptionsError::RootXattrLen);
        }
        self.root_xattr_len = len;
        Ok(self)
    }

    /// The paths that are read first when the image is used, in this order: their inodes
    /// lie side by side and before all others, and so do their contents. Then what is needed
    /// to start is read in few steps. Default: none.
    ///
    /// Paths are those in the image, with or without a slash before them. Symlinks are not
    /// followed. The directories on the way count, but not what else is in them. Paths that
    /// the tree does not have are passed over, and so are further names of an inode. Contents
    /// that are copied as an image stores them keep the order that they have there.
    #[must_use]
    pub fn read_order<P: Into<Vec<u8>>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.read_order = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Aligns the data of each file to a multiple of `blocks` blocks. Default: 1.
    ///
    /// # Errors
    /// [`OptionsError::Alignment`] if `blocks` is 0.
    pub fn data_alignment(mut self, blocks: u32) -> Result<Self, OptionsError> {
        self.data_alignment = alignment(blocks)?;
        Ok(self)
    }

    /// Pads the image to a multiple of `blocks` blocks. Default: 1.
    ///
    /// # Errors
    /// [`OptionsError::Alignment`] if `blocks` is 0.
    pub fn image_alignment(mut self, blocks: u32) -> Result<Self, OptionsError> {
        self.image_alignment = alignment(blocks)?;
        Ok(self)
    }

    /// Writes the image `bytes` bytes after the start of the output. The bytes of the
    /// output before the image are kept. Default: 0.
    ///
    /// # Errors
    /// [`OptionsError::Offset`] if `bytes` is 2^63 or more.
    pub fn offset(mut self, bytes: u64) -> Result<Self, OptionsError> {
        if i64::try_from(bytes).is_err() {
            return Err(OptionsError::Offset);
        }
        self.offset = bytes;
        Ok(self)
    }

    /// Whether a table follows the image that lets later builds take its pclusters:
    /// see [`Base`](crate::Base). It is no part of the file system, and takes some 19
    /// bytes for each file that is encoded by itself, and for each 4 MiB of longer ones.
    /// Default: no.
    #[must_use]
    pub fn rebuildable(mut self, on: bool) -> Self {
        self.rebuildable = on;
        self
    }

    /// Whether a file of a store path has the same bytes as the file of the same path and
    /// length had in an earlier build, and so is not read again where nothing else needs
    /// it. Default: no.
    ///
    /// It needs [`rebuildable`](Self::rebuildable) and a [`Base`](crate::Base) that was
    /// made with both. The base is trusted, too: what it has is not decoded and compared, so
    /// that damage is noticed, but not a base that is forged. The bytes of the image are
    /// those of a build without this as long as both are worth that trust. A store path is a directory or a file of the host whose name is one of
    /// Nix: 32 characters of a hash, a hyphen and a name. What the tree changes in metadata
    /// does not matter.
    ///
    /// The table that follows the image then has hashes of all contents as well: some 60
    /// bytes for each file, and with [`dedupe`](Self::dedupe) 10 for each 1.4 KB of longer
    /// ones. They are kept in memory during a build.
    #[must_use]
    pub fn trust_store_names(mut self, on: bool) -> Self {
        self.trust_store_names = on;
        self
    }
}

fn alignment(blocks: u32) -> Result<u32, OptionsError> {
    if blocks == 0 { Err(OptionsError::Alignment) } else { Ok(blocks) }
}
