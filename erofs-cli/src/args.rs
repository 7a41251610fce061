//! The arguments as typed, with each value checked by itself. `job.rs` decides what flags
//! mean together.

mod durable;
mod manifest;
mod metadata;
mod nix;
mod order;
mod rebuild;
mod report;
mod source;
mod take;
mod texts;
mod values;
mod verity;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use erofs_writer::{BlockSize, ChunkSize, KernelVersion, Label, PclusterSize, XattrPrefix};

use crate::compress;
use crate::number;
use crate::refused;
use crate::suboptions::{self, Suboption};
use crate::usage::UsageError;

use durable::DurableArgs;
use manifest::ManifestArgs;
pub(crate) use metadata::MetaboxArg;
use metadata::MetadataArgs;
use nix::NixArgs;
use order::OrderArgs;
use rebuild::RebuildArgs;
use report::ReportArgs;
use source::SourceArgs;
pub(crate) use take::{ListForm, TakeArgs};
use texts::{JOINED, USAGE, version};
pub(crate) use values::{NoCopy, Tar, UuidArg};
use values::{
    block_size, chunk_size, id, id_offset, kernel_version, label, mode, pcluster_size, seconds,
    uuid, words, workers, xattr_prefix,
};
pub(crate) use verity::SaltArg;
use verity::VerityArgs;

/// Makes an EROFS image of a directory, a list of store paths, an archive or a manifest
///
/// Takes the arguments of mkfs.erofs and can be installed under its name.
/// The same input and options give the same bytes on every host and with any
/// number of threads: without -U and -T, nothing is taken from chance or the
/// clock. An image appears under its name only when it is complete.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "mkfs-erofs",
    display_name = "mkfs.erofs",
    version = version(),
    override_usage = USAGE,
    after_help = JOINED,
    no_binary_name = true,
    args_override_self = true,
    infer_long_args = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    /// The image: a file to make or replace, or a block device
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The directory to pack; with --store-paths, where the store lies
    ///
    /// It may also be an EROFS image, which becomes a device of the new one unless
    /// --clean=data is given. Of several sources, later ones are laid over earlier
    /// ones. Directories with the same path are merged; of other files with the
    /// same path, the last one counts.
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,

    #[command(flatten)]
    pub(crate) nix: NixArgs,

    /// The size of a block in bytes, 512 to 65536 [default: 4096]
    ///
    /// May end in k. The default does not depend on the host's pages.
    #[arg(short, value_name = "SIZE", value_parser = block_size, help_heading = "Layout")]
    pub(crate) block_size: Option<BlockSize>,

    /// Compress files with ALGORITHM: lz4, lz4hc, zstd, deflate, libdeflate or lzma
    /// [default: none]
    ///
    /// A level is given as zstd,9 or zstd,level=9: lz4hc 1-12 (default 9), zstd
    /// 1-22 (3), deflate 0-9 (1), libdeflate 1-12 (1), lzma 0-9 or 100-109 (6).
    /// zstd, deflate and lzma take dictsize=N after a comma: how far back a
    /// match may begin. A file that does not become smaller is stored as it is.
    /// Several algorithms are joined by colons: the first one is for all files
    /// for which --compress-hints names no other.
    #[arg(short = 'z', value_name = "ALGORITHM", help_heading = "Layout")]
    pub(crate) compress: Option<String>,

    /// Compress into pclusters of up to SIZE bytes [default: a block]
    ///
    /// A multiple of the block size, up to 1048576; may end in k. Larger ones
    /// make a smaller image and slower random reads.
    #[arg(short = 'C', value_name = "SIZE", value_parser = pcluster_size, help_heading = "Layout")]
    pub(crate) pcluster_size: Option<PclusterSize>,

    /// Let a pcluster hold N bytes of a file at most [default: 12 MiB]
    ///
    /// At least a block. Less makes reads of a few bytes faster and the image
    /// larger.
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u64>, help_heading = "Layout")]
    pub(crate) max_extent_bytes: Option<u64>,

    /// Compress the files that match a line of FILE as this line says
    ///
    /// A line is SIZE [NUMBER] REGEX: the pcluster size, or 0 to store the files
    /// as they are; the number of an algorithm of -z, the first of which is 0;
    /// and an extended regular expression for paths. The first line that matches
    /// counts.
    #[arg(long, value_name = "FILE", help_heading = "Layout")]
    pub(crate) compress_hints: Option<PathBuf>,

    /// Refuse what Linux VERSION cannot mount, such as 6.1
    ///
    /// Blocks of over 4096 bytes are not refused, but a note says that pages
    /// have to be as large.
    #[arg(long, value_name = "VERSION", value_parser = kernel_version, help_heading = "Layout")]
    pub(crate) target_kernel: Option<KernelVersion>,

    /// Extended options, joined by commas; ^ before one turns it off
    #[arg(
        short = 'E',
        value_name = "WORD,...",
        value_parser = words,
        long_help = suboptions::long_help(),
        help_heading = "Layout"
    )]
    extended: Vec<Vec<Suboption>>,

    #[command(flatten, next_help_heading = "Layout")]
    pub(crate) metadata: MetadataArgs,

    /// Store files in chunks of SIZE bytes, equal chunks once
    ///
    /// With -z, those files that are not compressed.
    #[arg(long, value_name = "SIZE", value_parser = chunk_size, help_heading = "Layout")]
    pub(crate) chunksize: Option<ChunkSize>,

    /// Align the data of files to N blocks [default: 1]
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u32>, help_heading = "Layout")]
    pub(crate) dsunit: Option<u32>,

    /// Pad the image to a multiple of N blocks [default: 1]
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u32>, help_heading = "Layout")]
    pub(crate) fsalignblks: Option<u32>,

    /// Leave N bytes of FILE before the image as they are [default: 0]
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u64>, help_heading = "Layout")]
    pub(crate) offset: Option<u64>,

    /// Reserve at least N bytes for the root's extended attributes [default: 0]
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u32>, help_heading = "Layout")]
    pub(crate) root_xattr_isize: Option<u32>,

    /// Store this prefix of extended attribute names once; may be repeated
    #[arg(
        long,
        value_name = "PREFIX",
        value_parser = OsStringValueParser::new().try_map(xattr_prefix),
        help_heading = "Layout"
    )]
    pub(crate) xattr_prefix: Vec<XattrPrefix>,

    /// The directory where the image will be mounted, for the paths of --file-contexts
    /// [default: /]
    #[arg(long, value_name = "PATH", help_heading = "Layout")]
    pub(crate) mount_point: Option<OsString>,

    /// Copy contents of images that are a SOURCE, so that FILE does not need them
    ///
    /// They are copied as they are stored; with -z, -b, --chunksize or -E dedupe
    /// they are decoded.
    #[arg(
        long,
        value_name = "data",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "data",
        value_parser = ["data"],
        hide_possible_values = true,
        help_heading = "Layout"
    )]
    pub(crate) clean: Option<String>,

    /// Make user and group 0 own everything
    #[arg(long, help_heading = "Ownership and time")]
    all_root: bool,

    /// With --store-paths, keep the owners of the host
    #[arg(long, help_heading = "Ownership and time")]
    pub(crate) keep_owners: bool,

    /// Give the root these permissions, in octal [default: those of the source; 0755 with
    /// --store-paths]
    #[arg(long, value_name = "MODE", value_parser = mode, help_heading = "Ownership and time")]
    pub(crate) root_mode: Option<u16>,

    /// Make user UID own everything
    #[arg(long, value_name = "UID", value_parser = id, help_heading = "Ownership and time")]
    pub(crate) force_uid: Option<u32>,

    /// Make group GID own everything
    #[arg(long, value_name = "GID", value_parser = id, help_heading = "Ownership and time")]
    pub(crate) force_gid: Option<u32>,

    /// Add N, which may be negative, to all user numbers, also to a forced one
    #[arg(long, value_name = "N", value_parser = id_offset, help_heading = "Ownership and time")]
    pub(crate) uid_offset: Option<i64>,

    /// Add N, which may be negative, to all group numbers, also to a forced one
    #[arg(long, value_name = "N", value_parser = id_offset, help_heading = "Ownership and time")]
    pub(crate) gid_offset: Option<i64>,

    /// The time of the build and, without --mkfs-time, of all files [default: files keep
    /// theirs; 0 with --store-paths]
    ///
    /// In seconds since 1970. If the environment variable SOURCE_DATE_EPOCH is
    /// set, it is the time of the build instead, and only files with later times
    /// get it. With --store-paths that variable matters only together with
    /// --preserve-mtime. Without either, no time of the build is recorded and
    /// files keep their times.
    #[arg(
        short = 'T',
        value_name = "SECONDS",
        value_parser = seconds,
        help_heading = "Ownership and time"
    )]
    pub(crate) time: Option<i64>,

    /// Give all files the time of the build; implied by -T
    #[arg(long, overrides_with = "mkfs_time", help_heading = "Ownership and time")]
    pub(crate) all_time: bool,

    /// Let files keep their times in spite of -T
    #[arg(long, overrides_with = "all_time", help_heading = "Ownership and time")]
    pub(crate) mkfs_time: bool,

    /// Give all files the time of the build, the current time if none is given
    ///
    /// Implied by -E force-inode-compact.
    #[arg(long, overrides_with = "preserve_mtime", help_heading = "Ownership and time")]
    pub(crate) ignore_mtime: bool,

    /// Undo --ignore-mtime; with --store-paths, keep the times of the host
    #[arg(long, overrides_with = "ignore_mtime", help_heading = "Ownership and time")]
    pub(crate) preserve_mtime: bool,

    /// The label, at most 15 bytes [default: none; nix-store with --store-paths]
    #[arg(
        short = 'L',
        value_name = "LABEL",
        value_parser = OsStringValueParser::new().try_map(label),
        help_heading = "Identity"
    )]
    pub(crate) label: Option<Label>,

    /// The UUID, or "clear" for none, or "random" [default: derived from the contents]
    ///
    /// With --store-paths the default is eb176051-bd15-49b7-9e6b-462e0b467019.
    #[arg(short = 'U', value_name = "UUID", value_parser = uuid, help_heading = "Identity")]
    pub(crate) uuid: Option<UuidArg>,

    #[command(flatten)]
    pub(crate) order: OrderArgs,

    #[command(flatten)]
    pub(crate) rebuild: RebuildArgs,

    #[command(flatten)]
    pub(crate) verity: VerityArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) durable: DurableArgs,

    /// The size of a queue of mkfs.erofs; accepted, cannot change anything
    #[arg(long, value_name = "N", value_parser = number::unsigned::<u32>, help_heading = "Output")]
    async_queue_limit: Option<u32>,

    /// How many threads work; 0 is 1 [default: as many as there are processors, and 8
    /// at least where they wait for the disk]
    #[arg(long, value_name = "N", value_parser = workers, help_heading = "Output")]
    pub(crate) workers: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) take: TakeArgs,
}

impl Args {
    /// The words of all `-E`, in order.
    pub(crate) fn words(&self) -> Vec<Suboption> {
        self.extended.concat()
    }

    /// Whether files are compressed.
    pub(crate) fn compresses(&self) -> bool {
        self.compress.is_some() || self.metadata.small
    }

    /// If several flags set the same thing, lets the last one do it.
    fn settle(&mut self, matches: &ArgMatches) {
        let last = |flag| matches.indices_of(flag).and_then(|mut indices| indices.next_back());
        if self.all_root {
            if last("force_uid") < last("all_root") {
                self.force_uid = Some(0);
            }
            if last("force_gid") < last("all_root") {
                self.force_gid = Some(0);
            }
        }
        let implied = matches
            .indices_of("extended")
            .into_iter()
            .flatten()
            .zip(&self.extended)
            .filter(|(_, words)| words.iter().any(Suboption::implies_ignore_mtime))
            .map(|(index, _)| index)
            .last();
        if implied.is_some() && !(self.preserve_mtime && implied < last("preserve_mtime")) {
            (self.ignore_mtime, self.preserve_mtime) = (true, false);
        }
    }
}

/// Reads arguments, without the name of the program.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, UsageError> {
    let matches = command().try_get_matches_from(args)?;
    refused::check(&matches)?;
    take::check(&matches)?;
    let mut args = Args::from_arg_matches(&matches)?;
    args.settle(&matches);
    if args.compress.as_deref() == Some(compress::NONE) {
        if args.metadata.small {
            return Err(UsageError::contradiction("--small", "-z none"));
        }
        args.compress = None;
    }
    Ok(args)
}

/// The definition of the flags that work.
pub(crate) fn definition() -> Command {
    Args::command()
}

/// The definition of all flags that are understood, including those that are refused.
fn command() -> Command {
    // As with getopt, a flag that needs a value takes the next argument, whatever it
    // looks like.
    refused::add_to(definition()).mut_args(|arg| {
        match arg.get_action().takes_values() && !arg.is_positional() {
            true => arg.allow_hyphen_values(true),
            false => arg,
        }
    })
}
