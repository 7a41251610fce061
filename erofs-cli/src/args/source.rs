//! The arguments about what goes into the image.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::values::{NoCopy, Tar, added_file, no_copy, tar_mode, zero_or_one};
use crate::edits::AddedFile;
use crate::number;

/// The arguments about what goes into the image.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArgs {
    /// Pack the store paths listed in LIST, one a line (- for standard input)
    ///
    /// Each path becomes /NAME in the image. With SOURCE, each NAME is read
    /// in that directory, else the paths are read as they stand. Only
    /// contents, names and permissions count: owners and times are 0, hard
    /// links and extended attributes are ignored, the root has the mode 0755,
    /// the label is nix-store and the UUID
    /// eb176051-bd15-49b7-9e6b-462e0b467019. --keep-owners, --preserve-mtime,
    /// --keep-hard-links, -x, --root-mode, -L and -U change these.
    #[arg(long, visible_alias = "nix-closure", value_name = "LIST")]
    pub(crate) store_paths: Option<PathBuf>,

    /// Put the contents of FILE at PATH in the image; may be repeated
    ///
    /// The source must have the directory of PATH, but not PATH itself. The
    /// mode is 0444, or 0555 if FILE is executable. Owner and time are 0, unless
    /// flags set them. Excludes do not apply.
    #[arg(
        long,
        value_name = "PATH=FILE",
        value_parser = OsStringValueParser::new().try_map(added_file)
    )]
    pub(crate) add_file: Vec<AddedFile>,

    /// Pack a tar archive: the file SOURCE, or without one (or with -) standard
    /// input
    ///
    /// The archive is in the format of POSIX, GNU or star. Compression by gzip,
    /// bzip2, xz, lzma, lzip or zstd is recognised by the first bytes. An
    /// uncompressed file is read in place; other contents wait in a file in the
    /// directory that the variable TMPDIR names. Of members with the same name,
    /// the last one counts.
    ///
    /// With i, the image is an index of an uncompressed archive, without its
    /// contents. To mount it, give the archive as -o device=ARCHIVE or append it
    /// to the image (Linux 6.4).
    #[arg(
        long,
        value_name = "f|i",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "f",
        value_parser = tar_mode
    )]
    pub(crate) tar: Option<Tar>,

    /// Take .wh. files for whiteouts of overlayfs
    ///
    /// .wh.NAME becomes a device 0:0 of that name, .wh..wh..opq the attribute
    /// trusted.overlay.opaque of its directory.
    #[arg(long)]
    pub(crate) aufs: bool,

    /// Leave out whiteouts and marks of opaque directories of overlayfs
    #[arg(
        long,
        value_name = "0|1",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = zero_or_one
    )]
    pub(crate) ovlfs_strip: Option<bool>,

    /// The order of a tar archive's data; accepted, cannot change the image
    ///
    /// Contents are in the order of paths in any case, at no cost.
    #[arg(
        long,
        value_name = "path|none",
        value_parser = ["path", "none"],
        hide_possible_values = true,
    )]
    pub(crate) sort: Option<String>,

    /// The tar archive is compressed by gzip, or not at all
    #[arg(
        long,
        visible_alias = "gzip",
        value_name = "X",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = no_copy,
        overrides_with = "unxz",
    )]
    pub(crate) ungzip: Option<NoCopy>,

    /// The tar archive is compressed by xz, lzma or lzip
    #[arg(
        long,
        visible_alias = "unlzma",
        value_name = "X",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = no_copy,
        overrides_with = "ungzip",
    )]
    pub(crate) unxz: Option<NoCopy>,

    /// Leave out PATH, which is relative to the source; may be repeated
    ///
    /// PATH is taken literally and has no leading or final slash. A directory
    /// is left out with all that is in it.
    #[arg(long, value_name = "PATH")]
    pub(crate) exclude_path: Vec<OsString>,

    /// Leave out paths in which the extended regular expression REGEX is found
    ///
    /// Paths are relative to the source, without a leading slash. A directory
    /// is left out with all that is in it. May be repeated.
    #[arg(long, value_name = "REGEX")]
    pub(crate) exclude_regex: Vec<OsString>,

    /// Give every name of a hard-linked file an inode of its own
    #[arg(long, overrides_with = "keep_hard_links")]
    pub(crate) hard_dereference: bool,

    /// With --store-paths, let names of one file have one inode, as on the host
    #[arg(long, overrides_with = "hard_dereference")]
    pub(crate) keep_hard_links: bool,

    /// Strip the suffixes ~nix~case~hack~N that Nix adds to names on macOS
    #[arg(long)]
    pub(crate) strip_case_hack: bool,

    /// Give everything the SELinux label that FILE has for its path
    ///
    /// FILE is one of a policy, file_contexts; FILE.homedirs, FILE.local,
    /// FILE.subs and FILE.subs_dist are read as well where they are there.
    /// Labels of the source do not count.
    #[arg(long, value_name = "FILE")]
    pub(crate) file_contexts: Vec<PathBuf>,

    /// Refuse extended attributes whose names an image cannot hold
    ///
    /// Without this flag they are left out, and a note counts them. An image holds
    /// names that begin with user., trusted. or security., and POSIX ACLs; it
    /// cannot hold com.apple.provenance or btrfs.compression.
    #[arg(long)]
    pub(crate) strict_xattrs: bool,

    /// Share extended attributes of more than N inodes; below 0, store none [default: 2;
    /// -1 with --store-paths]
    #[arg(short = 'x', value_name = "N", value_parser = number::signed)]
    pub(crate) xattr_tolerance: Option<i64>,
}
