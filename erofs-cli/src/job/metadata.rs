//! How inodes and directories are stored.

use erofs_writer::{Codec, Options, Tails};

use crate::args::{Args, MetaboxArg, Tar};
use crate::number;
use crate::suboptions::{self, Suboption};
use crate::usage::UsageError;

/// The options before all other flags.
pub(super) fn begin(args: &Args) -> Result<Options, UsageError> {
    let options = Options::new();
    if !args.metadata.small {
        return Ok(options);
    }
    if args.source.tar == Some(Tar::Index) {
        return Err(UsageError::contradiction("--tar=i", "--small"));
    }
    Ok(match args.target_kernel {
        Some(version) => options.target_kernel(version).small(),
        None => options.small(),
    })
}

/// The note about what `--small` is, together with the flags beside it.
pub(super) fn small(options: &Options) -> String {
    let mut flags = Vec::new();
    let codec = |codec: Option<Codec>| codec.map(|codec| codec.to_string());
    flags.extend(codec(options.get_codec()).map(|codec| format!("-z {codec}")));
    flags.extend(options.get_pcluster_size().map(|size| format!("-C {size}")));
    let tails = match options.get_tails() {
        Tails::Inline => Some("ztailpacking"),
        Tails::Fragments => Some("fragments"),
        Tails::AllFragments => Some("all-fragments"),
        _ => None,
    };
    let dedupe = options.get_dedupe().then_some("dedupe");
    let dots = options.get_omit_dots().then_some("dot-omitted");
    let words: Vec<&str> = [tails, dedupe, dots].into_iter().flatten().collect();
    if !words.is_empty() {
        flags.push(format!("-E {}", words.join(",")));
    }
    flags.extend(options.get_compress_directories().then(|| "--zD".to_owned()));
    if let Some(codec) = codec(options.get_metabox_codec()) {
        let size = options.get_metabox_pcluster_size().map(|size| size.to_string());
        flags.push(format!("-m {}:{codec}", size.unwrap_or_default()));
    }
    format!("--small: this is {}", flags.join(" "))
}

/// The options with what `args` say about inodes and directories. `codecs` are those of
/// `-z`.
pub(super) fn metadata(
    args: &Args,
    words: &[Suboption],
    codecs: &[Codec],
    options: Options,
) -> Result<Options, UsageError> {
    let mut options = options;
    if let Some(arg) = &args.metadata.metabox {
        let block_size = options.get_block_size();
        if arg.size.bytes() % block_size.bytes() != 0 {
            let blocks = format!("blocks of {block_size} bytes (-b)");
            return Err(UsageError::contradiction(blocks, flag(arg)));
        }
        options = options.metabox_codec(codec(arg, codecs)?).metabox_pcluster_size(arg.size);
    } else if let (Some(first), Some(_)) = (codecs.first(), options.get_metabox_codec()) {
        // That of --small is the one of files.
        options = options.metabox_codec(*first);
    }
    if args.metadata.compress_directories == Some(false) {
        options = options.compress_directories(false);
    }
    if args.metadata.compress_directories == Some(true) {
        if options.get_codec().is_none() && args.metadata.metabox.is_none() {
            let why = "directories are compressed as files or inodes are, so give -z or -m";
            return Err(UsageError::refused("--zD", why));
        }
        options = options.compress_directories(true);
    }
    let is_small = args.metadata.small && options.get_metabox_codec().is_some();
    let needs_them = match &args.metadata.metabox {
        Some(arg) => Some(flag(arg)),
        None if is_small => Some("--small".to_owned()),
        None => options.get_omit_dots().then(|| "-E dot-omitted".to_owned()),
    };
    match needs_them.filter(|_| suboptions::rule_out_wide_addresses(words)) {
        Some(flag) => Err(UsageError::contradiction("-E ^48bit", flag)),
        None => Ok(options),
    }
}

fn flag(arg: &MetaboxArg) -> String {
    let algorithm = arg.algorithm.iter().flat_map(|text| [":", text]);
    format!("-m {}{}", arg.size, algorithm.collect::<String>())
}

/// The codec of the metabox: one that is named, or one of `codecs` by its number.
fn codec(arg: &MetaboxArg, codecs: &[Codec]) -> Result<Codec, UsageError> {
    let number = match &arg.algorithm {
        None => 0,
        Some(text) => match number::unsigned::<usize>(text) {
            Ok(number) => number,
            Err(_) => {
                let codec = text.parse::<Codec>();
                return codec.map_err(|error| UsageError::value("-m", flag(arg), error));
            }
        },
    };
    codecs.get(number).copied().ok_or_else(|| {
        let why = match codecs.len() {
            0 => "there is no -z, so name an algorithm, as in -m 4096:lz4".to_owned(),
            count => format!("-z has no algorithm {number}, as it has {count}"),
        };
        UsageError::refused(flag(arg), why)
    })
}
