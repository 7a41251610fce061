//! Errors of options.

use std::fmt;

use crate::codec::SettingError;
use crate::options::version::KernelVersion;

/// Why a value or a combination of values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// A block size is not a power of two from 512 to 65,536.
    BlockSize,
    /// A chunk size is not a power of two, or is below 512.
    ChunkSize,
    /// The chunk size is below the block size, or over 2^31 blocks.
    ChunkSizeForBlockSize {
        /// The chunk size in bytes.
        chunk: u64,
        /// The block size in bytes.
        block: u32,
    },
    /// A pcluster size is not a multiple of 512, is 0, or is over 1 MiB.
    PclusterSize,
    /// The pcluster size is not a multiple of the block size.
    PclusterSizeForBlockSize {
        /// The pcluster size in bytes.
        pcluster: u64,
        /// The block size in bytes.
        block: u32,
    },
    /// The maximum length of an extent is less than a block.
    MaxExtentLen,
    /// An alignment is 0 blocks.
    Alignment,
    /// A codec has no such setting.
    Codec(SettingError),
    /// Contents stay in an archive or an image, which needs blocks like its own, but the
    /// new image has others.
    BlockSizeForDevices {
        /// The block size in bytes.
        block: u32,
        /// The block size of the archive or image.
        needed: u32,
    },
    /// A label has more than 15 bytes or a NUL.
    Label,
    /// An xattr prefix is in no namespace that EROFS can store, has more than 255 bytes
    /// after its namespace, or has a NUL.
    XattrPrefix,
    /// There are more than 128 xattr prefixes.
    TooManyXattrPrefixes,
    /// More than 262,148 bytes are reserved for the root's xattrs.
    RootXattrLen,
    /// The image would begin or end 2^63 bytes or more after the start of the output.
    Offset,
    /// The build time is before 1970 or has more than 999,999,999 nanoseconds.
    BuildTime,
    /// Inodes are to be compressed or dots left out, which needs addresses of 48 bits, but
    /// these are turned off.
    NeedsWideAddresses,
    /// Directories are to be compressed, but there is no codec.
    DirectoriesNeedCodec,
    /// Directories are to be compressed, but files are taken over from an image as it
    /// stores them, and so is its packed inode.
    DirectoriesBesideStored,
    /// Files are to be compressed, but others stay compressed in an image.
    FilesBesideStaying,
    /// Inodes are to be compressed, but files stay compressed in an image. Indexes have the
    /// addresses of these, which come after the new image: they depend on its length, and that
    /// would depend on them.
    InodesBesideStaying,
    /// The hash function of a verity tree is none that there is.
    VerityHash,
    /// The salt of a verity tree has more than 256 bytes.
    VeritySalt,
    /// There is a file for a verity tree, but no tree is asked for.
    NoVerity,
    /// A version of Linux is not two numbers with a dot, such as `6.1`, perhaps with a
    /// third one.
    KernelVersion,
    /// The options need a feature that the target kernel does not have.
    TargetKernel {
        /// The name of the feature.
        feature: &'static str,
        /// The first version that has it.
        since: KernelVersion,
        /// The version of [`Options::target_kernel`](crate::Options::target_kernel).
        target: KernelVersion,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::ChunkSizeForBlockSize { chunk, block } => write!(
                f,
                "chunks of {chunk} bytes do not fit blocks of {block}: a chunk has 1 to 2^31 blocks"
            ),
            OptionsError::PclusterSizeForBlockSize { pcluster, block } => write!(
                f,
                "pclusters of {pcluster} bytes do not fit blocks of {block}: a pcluster has whole blocks"
            ),
            OptionsError::Codec(error) => error.fmt(f),
            OptionsError::BlockSizeForDevices { block, needed: 512 } => write!(
                f,
                "contents that stay in an archive need blocks of 512 bytes, not of {block}"
            ),
            OptionsError::BlockSizeForDevices { block, needed } => write!(
                f,
                "contents that stay in an image need its blocks of {needed} bytes, not of {block}"
            ),
            OptionsError::TargetKernel { feature, since, target } => {
                write!(f, "Linux {target} cannot mount {feature}: they need {since}")
            }
            other => f.write_str(other.text()),
        }
    }
}

impl OptionsError {
    /// The message of an error without values.
    fn text(&self) -> &'static str {
        match self {
            OptionsError::BlockSize => "the block size must be a power of two from 512 to 65536",
            OptionsError::ChunkSize => "the chunk size must be a power of two of at least 512",
            OptionsError::PclusterSize => {
                "the pcluster size must be a multiple of 512 up to 1048576"
            }
            OptionsError::MaxExtentLen => {
                "the maximum length of an extent must be at least the block size"
            }
            OptionsError::Alignment => "an alignment must be at least one block",
            OptionsError::Label => "a label has at most 15 bytes, none of them NUL",
            OptionsError::XattrPrefix => {
                "an xattr prefix starts with user., trusted. or security., followed by at most 255 bytes"
            }
            OptionsError::TooManyXattrPrefixes => "an image has at most 128 xattr prefixes",
            OptionsError::RootXattrLen => "the xattrs of an inode have at most 262148 bytes",
            OptionsError::Offset => {
                "an image must end at or before byte 9223372036854775807 of the output"
            }
            OptionsError::BuildTime => {
                "the build time must be 1970 or later and have at most 999999999 nanoseconds"
            }
            OptionsError::NeedsWideAddresses => {
                "compressed inodes and directories without dots need addresses of 48 bits"
            }
            OptionsError::DirectoriesNeedCodec => {
                "directories can only be compressed if there is a codec for files or inodes"
            }
            OptionsError::DirectoriesBesideStored => {
                "directories cannot be compressed beside files that are taken over as an image stores them"
            }
            OptionsError::FilesBesideStaying => {
                "files cannot be compressed beside files that stay compressed in an image"
            }
            OptionsError::InodesBesideStaying => {
                "inodes cannot be compressed beside files that stay compressed in an image"
            }
            OptionsError::VerityHash => "the hash of a verity tree is sha256 or sha512",
            OptionsError::VeritySalt => "the salt of a verity tree has at most 256 bytes",
            OptionsError::NoVerity => {
                "a file for a verity tree needs the option that asks for the tree"
            }
            OptionsError::KernelVersion => {
                "a version of Linux is written like 6.1, or as uname -r has it"
            }
            OptionsError::ChunkSizeForBlockSize { .. }
            | OptionsError::PclusterSizeForBlockSize { .. }
            | OptionsError::Codec(_)
            | OptionsError::BlockSizeForDevices { .. }
            | OptionsError::TargetKernel { .. } => panic!("its message has values"),
        }
    }
}

impl std::error::Error for OptionsError {}

impl From<SettingError> for OptionsError {
    fn from(error: SettingError) -> Self {
        OptionsError::Codec(error)
    }
}
