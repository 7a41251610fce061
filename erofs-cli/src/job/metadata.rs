//! How inodes and directories are stored.

use erofs_writer::{Codec, Options};

use crate::args::{Args, MetaboxArg};
use crate::number;
use crate::suboptions::{self, Suboption};
use crate::usage::UsageError;

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
    }
    if args.metadata.compress_directories == Some(true) {
        if codecs.is_empty() && args.metadata.metabox.is_none() {
            let why = "directories are compressed as files or inodes are, so give -z or -m";
            return Err(UsageError::refused("--zD", why));
        }
        options = options.compress_directories(true);
    }
    let needs_them = match &args.metadata.metabox {
        Some(arg) => Some(flag(arg)),
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
