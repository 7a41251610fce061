//! The arguments about inodes and directories.

use crate::args::values::{metabox, metadata_zone, zero_or_one};

/// The value of `-m`: a size and an algorithm, both as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaboxArg {
    pub(crate) size: erofs_writer::PclusterSize,
    /// An algorithm, or the number of one of `-z`.
    pub(crate) algorithm: Option<String>,
}

/// The arguments about inodes and directories.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Layout")]
pub(crate) struct MetadataArgs {
    /// Make the smallest image that Linux 6.17, or that of --target-kernel, can mount
    ///
    /// This is -z lzma,109 -C 1048576 -E all-fragments,dedupe,dot-omitted --zD -m 65536, or
    /// as much of it as the kernel has; a note says what it is. Other flags can change each
    /// of these. The build takes long, and reads of few bytes decode much.
    #[arg(long)]
    pub(crate) small: bool,

    /// Compress inodes into pclusters of up to SIZE bytes (Linux 6.17)
    ///
    /// So are the xattrs, ends of files, symlinks and short directories that lie after
    /// inodes. SIZE is a multiple of the block size; 4096 reads fast, 16384 and more make
    /// the image smaller. X is an algorithm, as for -z, or the number of one of -z, the
    /// first of which is 0 and the default.
    #[arg(short = 'm', value_name = "SIZE[:X]", value_parser = metabox)]
    pub(crate) metabox: Option<MetaboxArg>,

    /// Compress directories if that saves something (Linux 6.1)
    ///
    /// They become fragments. 0 is the default. (mkfs.erofs 1.9 says so as well, but takes
    /// 1 for 0 and 0 for 1.)
    #[arg(
        long = "zD",
        value_name = "0|1",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = zero_or_one
    )]
    pub(crate) compress_directories: Option<bool>,

    /// Put inodes (i) and the blocks of directories (d) into one zone; accepted
    ///
    /// Inodes lie together in any case, and so do the blocks of directories.
    #[arg(
        long = "MZ",
        value_name = "0|i|id",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "id",
        value_parser = metadata_zone
    )]
    zone: Option<()>,
}
