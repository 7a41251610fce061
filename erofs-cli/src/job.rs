//! From the arguments to a job. The meaning of flags together is decided here. Where it
//! differs between a directory and a list of store paths, the two are handled one after
//! the other.

mod index;
mod metadata;
mod notes;
mod sources;
mod verity;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use erofs_writer::ere::Ere;
use erofs_writer::{Codec, HardLinks, ImageUuid, Options, OptionsError, Shown};

use crate::args::{Args, UuidArg};
use crate::compress;
use crate::edits::{AddedFile, BuildTime, FileTimes, Hints, Labels, Owner, Owners};
use crate::excludes::{self, Excludes};
use crate::number;
use crate::suboptions;
use crate::usage::UsageError;
pub(crate) use sources::{Registration, Source};
pub(crate) use verity::Hashes;

/// The work to do: the source, the output, and everything between the two.
#[derive(Debug)]
pub struct Job {
    pub(crate) source: Source,
    /// Whether extended attributes of the source count.
    pub(crate) xattrs: bool,
    /// Whether attributes that an image cannot hold are an error.
    pub(crate) strict_xattrs: bool,
    pub(crate) hard_links: HardLinks,
    pub(crate) strip_case_hack: bool,
    /// Whether whiteouts of overlayfs and the like are left out.
    pub(crate) strips_overlay: bool,
    pub(crate) excludes: Excludes,
    /// Where the registration of store paths comes from, if the image gets one.
    pub(crate) registration: Option<Registration>,
    /// Files that the image gets besides the source.
    pub(crate) added: Vec<AddedFile>,
    pub(crate) labels: Option<Labels>,
    pub(crate) owners: Owners,
    /// The permissions of the root, if they are not those of the source.
    pub(crate) root_mode: Option<u16>,
    pub(crate) build_time: BuildTime,
    pub(crate) file_times: FileTimes,
    /// Whether the image gets a random UUID, whatever `options` say.
    pub(crate) random_uuid: bool,
    pub(crate) options: Options,
    /// The file of hints, which adds rules about compression to `options`, if there is
    /// one.
    pub(crate) hints: Option<Hints>,
    /// A file of hints that no algorithm needs. That it can be read is checked, as its name
    /// may be a typing error.
    pub(crate) idle_hints: Option<PathBuf>,
    /// The list of paths whose contents come first.
    pub(crate) order: Option<PathBuf>,
    pub(crate) threads: Option<NonZeroUsize>,
    /// An earlier image whose pclusters may be taken.
    pub(crate) base: Option<PathBuf>,
    pub(crate) output: PathBuf,
    /// Whether the output may be an archive, which is then lost.
    pub(crate) replaces_archives: bool,
    /// What is written besides the image.
    pub(crate) hashes: Hashes,
    /// Whether the image has to be on the disk at the end.
    pub(crate) sync: bool,
    /// Whether the image is read back and compared with the source.
    pub(crate) verify: bool,
    pub(crate) report: Report,
    /// Notes about arguments without effect.
    pub(crate) notes: Vec<String>,
}

/// The reports during the run and at the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) summary: Summary,
    pub(crate) progress: bool,
    pub(crate) notes: bool,
    pub(crate) phase_times: bool,
}

/// The form of the report on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summary {
    Nothing,
    Text {
        /// Whether it tells all that is known.
        details: bool,
    },
    Json,
}

/// The job that `args` and the environment ask for.
pub(crate) fn job(mut args: Args, source_date_epoch: Option<&OsStr>) -> Result<Job, UsageError> {
    let mut words = args.words();
    let hints_file = args.compress_hints.clone();
    let mut notes = index::settle(&mut args, &mut words)?;
    let options = suboptions::apply(&words, args.compresses(), metadata::begin(&args)?);
    let codecs = match &args.compress {
        Some(text) => compress::codecs(text)?,
        None => Vec::new(),
    };
    let options = layout(&args, &codecs, options)?;
    let options = metadata::metadata(&args, &words, &codecs, options)?;
    let options = verity::options(&args, options)?;
    let (output, source) = sources::places(&args, &words)?;
    let epoch = source_date_epoch.map(epoch).transpose()?;
    let is_store = source.is_store();
    let (build_time, file_times) = match &source {
        Source::Store { keep_times: false, .. } | Source::Cached { .. } => store_times(&args),
        _ => times(&args, epoch),
    };
    let labels = labels(&args)?;
    notes.extend(notes::notes(&args, &words));
    notes.extend(verity::notes(&args));
    notes.extend(args.metadata.small.then(|| metadata::small(&options)));
    let excludes = excludes(&args, &mut notes)?;
    let hints = hints(&args, codecs);
    Ok(Job {
        idle_hints: hints_file.filter(|_| hints.is_none()),
        hints,
        registration: sources::registration(&args)?,
        source,
        xattrs: args.source.xattr_tolerance.map_or(!is_store, |tolerance| tolerance >= 0),
        strict_xattrs: args.source.strict_xattrs,
        hard_links: match (is_store && !args.source.keep_hard_links) || args.source.hard_dereference
        {
            true => HardLinks::Ignore,
            false => HardLinks::Keep,
        },
        strip_case_hack: args.source.strip_case_hack,
        strips_overlay: args.source.ovlfs_strip == Some(true),
        excludes,
        added: args.source.add_file.clone(),
        labels,
        owners: Owners {
            user: Owner { force: args.force_uid, offset: args.uid_offset.unwrap_or(0) },
            group: Owner { force: args.force_gid, offset: args.gid_offset.unwrap_or(0) },
        },
        root_mode: args.root_mode,
        build_time,
        file_times,
        random_uuid: args.uuid == Some(UuidArg::Random),
        options: identity(&args, is_store, options)
            .xattr_share_above(share_above(args.source.xattr_tolerance.unwrap_or(2)))
            .rebuildable(args.rebuild.rebuildable)
            .trust_store_names(args.rebuild.trust_store_names),
        order: args.order.order.clone(),
        base: args.rebuild.base.clone(),
        threads: args.workers,
        hashes: verity::hashes(&args, &output)?,
        output,
        replaces_archives: args.durable.force,
        sync: args.durable.sync,
        verify: args.durable.verify,
        report: report(&args),
        notes,
    })
}

/// The options that are about the layout of the image.
fn layout(args: &Args, codecs: &[Codec], options: Options) -> Result<Options, UsageError> {
    let block_size = args.block_size.unwrap_or_default();
    let mut options = options.block_size(block_size);
    let reserved = options.root_xattr_len(args.root_xattr_isize.unwrap_or(0));
    options = set(reserved, "--root-xattr-isize", args.root_xattr_isize)?;
    let prefixes = args.xattr_prefix.iter().cloned();
    options = set(options.xattr_prefixes(prefixes), "--xattr-prefix", args.xattr_prefix.last())?;
    let block_len = u64::from(block_size.bytes());
    // 0 blocks count as one, as in mkfs.erofs.
    let blocks = |wanted: Option<u32>| wanted.unwrap_or(1).max(1);
    options = set(options.data_alignment(blocks(args.dsunit)), "--dsunit", args.dsunit)?;
    let alignment = options.image_alignment(blocks(args.fsalignblks));
    options = set(alignment, "--fsalignblks", args.fsalignblks)?;
    options = set(options.offset(args.offset.unwrap_or(0)), "--offset", args.offset)?;
    if let Some(size) = args.pcluster_size {
        if u64::from(size.bytes()) % block_len != 0 {
            let blocks = format!("blocks of {block_size} bytes (-b)");
            return Err(UsageError::contradiction(blocks, format!("-C {size}")));
        }
        options = options.pcluster_size(size);
    }
    if let Some(bytes) = args.max_extent_bytes {
        if bytes < block_len {
            let blocks = format!("blocks of {block_size} bytes (-b)");
            return Err(UsageError::contradiction(blocks, format!("--max-extent-bytes={bytes}")));
        }
        options = set(options.max_extent_len(bytes), "--max-extent-bytes", Some(bytes))?;
    }
    if let Some(version) = args.target_kernel {
        options = options.target_kernel(version);
    }
    if let Some(first) = codecs.first() {
        options = options.codec(*first);
    }
    if let Some(chunk_size) = args.chunksize {
        if chunk_size.bytes() < block_len {
            let blocks = format!("blocks of {block_size} bytes (-b)");
            return Err(UsageError::contradiction(blocks, format!("--chunksize={chunk_size}")));
        }
        options = options.chunk_size(chunk_size);
    }
    Ok(options)
}

/// The options with the value of `flag`, or the error that it cannot have this value.
fn set(
    options: Result<Options, OptionsError>,
    flag: &str,
    value: Option<impl ToString>,
) -> Result<Options, UsageError> {
    let value = || value.map(|value| value.to_string()).unwrap_or_default();
    options.map_err(|error| UsageError::value(flag, value(), error))
}

/// The hints, unless there is no algorithm that they could choose.
fn hints(args: &Args, codecs: Vec<Codec>) -> Option<Hints> {
    let file = args.compress_hints.clone().filter(|_| !codecs.is_empty())?;
    Some(Hints { file, codecs, block_size: args.block_size.unwrap_or_default() })
}

/// The SELinux labels that are asked for.
fn labels(args: &Args) -> Result<Option<Labels>, UsageError> {
    let name = |file: &PathBuf| format!("--file-contexts={}", Shown::new(file));
    let Some(file) = args.source.file_contexts.first() else {
        return Ok(None);
    };
    if let Some(other) = args.source.file_contexts.iter().find(|other| *other != file) {
        return Err(UsageError::contradiction(name(file), name(other)));
    }
    if let Some(tolerance @ ..=-1) = args.source.xattr_tolerance {
        return Err(UsageError::contradiction(format!("-x {tolerance}"), name(file)));
    }
    let mount_point = args.mount_point.clone().unwrap_or_default().into_vec();
    Ok(Some(Labels { file: file.clone(), mount_point }))
}

/// The number of inodes above which an extended attribute is shared.
fn share_above(tolerance: i64) -> u32 {
    // From here on mkfs.erofs shares none.
    const NEVER: u32 = i32::MAX.unsigned_abs();
    match u32::try_from(tolerance.max(0)) {
        Ok(count) if count < NEVER => count,
        _ => u32::MAX,
    }
}

/// Gives the image its label and its UUID.
fn identity(args: &Args, is_store: bool, options: Options) -> Options {
    let default = if is_store { Options::store_image() } else { Options::new() };
    options.label(args.label.unwrap_or(default.get_label())).uuid(match args.uuid {
        // A random UUID is made when the image is made.
        None | Some(UuidArg::Random) => default.get_uuid(),
        Some(UuidArg::Clear) => ImageUuid::None,
        Some(UuidArg::Fixed(uuid)) if uuid.is_nil() => ImageUuid::None,
        Some(UuidArg::Fixed(uuid)) => ImageUuid::Fixed(uuid),
    })
}

/// The times if files have times of their own, as in mkfs.erofs: the variable
/// SOURCE_DATE_EPOCH takes precedence over -T, and clamps times where -T would replace
/// them.
fn times(args: &Args, epoch: Option<i64>) -> (BuildTime, FileTimes) {
    let (build, files) = match (epoch, args.time) {
        (Some(epoch), _) => (BuildTime::At(epoch), FileTimes::Clamp),
        (None, Some(time)) if args.mkfs_time => (BuildTime::At(time), FileTimes::Keep),
        (None, Some(time)) => (BuildTime::At(time), FileTimes::Build),
        (None, None) if args.all_time => (BuildTime::Now, FileTimes::Build),
        (None, None) if args.ignore_mtime => (BuildTime::Now, FileTimes::Build),
        (None, None) => (BuildTime::None, FileTimes::Keep),
    };
    (build, if args.ignore_mtime { FileTimes::Build } else { files })
}

/// The times if all files have time 0. The environment does not matter then: there is
/// nothing to clamp, and -T is the time that all files get.
fn store_times(args: &Args) -> (BuildTime, FileTimes) {
    let build = BuildTime::At(args.time.unwrap_or(0));
    let only_build = args.mkfs_time && !args.ignore_mtime;
    (build, if only_build { FileTimes::Keep } else { FileTimes::Build })
}

/// The value of SOURCE_DATE_EPOCH, always decimal. An empty value is 0.
fn epoch(value: &OsStr) -> Result<i64, UsageError> {
    let text = value.to_string_lossy();
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = text.trim_start_matches('0');
    match (is_decimal, decimal) {
        (true, "") => Ok(0),
        (true, decimal) => number::signed(decimal),
        (false, _) => Err(number::NumberError::NotANumber),
    }
    .map_err(|error| UsageError::value("SOURCE_DATE_EPOCH", &text, error))
}

/// The paths that are left out.
fn excludes(args: &Args, notes: &mut Vec<String>) -> Result<Excludes, UsageError> {
    let mut excludes = Excludes::default();
    for path in &args.source.exclude_path {
        if !excludes::can_be(path.as_bytes()) {
            let path = Shown::new(path);
            notes.push(format!(
                "--exclude-path={path}: leaves nothing out: no path begins or ends with a slash"
            ));
        }
        excludes.add_path(path.as_bytes().to_vec());
    }
    for regex in &args.source.exclude_regex {
        excludes.add_regex(ere(regex)?, regex.as_bytes().to_vec());
    }
    Ok(excludes)
}

fn ere(regex: &OsString) -> Result<Ere, UsageError> {
    Ere::new(regex.as_bytes()).map_err(|error| {
        UsageError::value("--exclude-regex <REGEX>", regex.to_string_lossy(), error)
    })
}

/// The reports to make. What is asked for by name is always reported; other things are
/// not, if the command is to be quiet.
fn report(args: &Args) -> Report {
    let errors_only = args.report.quiet || args.report.level < 2;
    let summary = match (args.report.json, errors_only) {
        (true, _) => Summary::Json,
        (false, true) => Summary::Nothing,
        (false, false) => Summary::Text { details: args.report.level >= 3 },
    };
    Report {
        summary,
        progress: !errors_only && !args.report.no_progress,
        notes: !errors_only,
        phase_times: !errors_only && args.report.level >= 4,
    }
}

#[cfg(test)]
mod tests;
