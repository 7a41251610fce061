//! Flags of mkfs.erofs 1.9.3 that are refused. They are known, so that a script that uses
//! one is told the reason. They are never ignored.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::usage::UsageError;

/// Whether a flag has a value.
#[derive(Debug, Clone, Copy)]
enum Value {
    None,
    /// Only as `--flag=VALUE`.
    Optional,
    Required,
}

struct Refused {
    /// The flag with its dashes.
    flag: &'static str,
    value: Value,
    why: &'static str,
}

const COMPRESSION: &str = "this form of compression is not built yet";
const DEVICES: &str =
    "this tool puts contents into the image, or leaves them in images that are sources";
const FETCHING: &str = "this tool reads no network; fetch the files first";
const APPENDING: &str = "this tool never changes an image; it writes a new one";
const ANDROID: &str = "this tool does not do what only Android needs";
const GZIP: &str = "this tool writes no index of gzip files";
const VMDK: &str = "this tool writes no VMDK descriptors";
const DEBUGGING: &str = "this tool writes the same image each time";

const fn refused(flag: &'static str, value: Value, why: &'static str) -> Refused {
    Refused { flag, value, why }
}

const FLAGS: &[Refused] = &[
    refused("--zfeature-bits", Value::Required, COMPRESSION),
    refused("--blobdev", Value::Required, DEVICES),
    refused("--xattr-inode-digest", Value::Optional, "inode digests are not built yet"),
    refused("--s3", Value::Required, FETCHING),
    refused("--oci", Value::Optional, FETCHING),
    refused("--incremental", Value::Optional, APPENDING),
    refused("--product-out", Value::Required, ANDROID),
    refused("--fs-config-file", Value::Required, ANDROID),
    refused("--block-list-file", Value::Required, ANDROID),
    refused("--gzinfo", Value::Optional, GZIP),
    refused("--vmdk-desc", Value::Required, VMDK),
    refused("--random-pclusterblks", Value::None, DEBUGGING),
    refused("--random-algorithms", Value::None, DEBUGGING),
];

impl Refused {
    /// Whether the flag was typed.
    fn is_asked_for(&self, matches: &ArgMatches) -> bool {
        matches.value_source(self.flag) == Some(ValueSource::CommandLine)
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.flag).hide(true);
        let arg = match self.flag.strip_prefix("--") {
            Some(long) => arg.long(long),
            None => arg.short(self.flag.chars().nth(1)),
        };
        // Values are not checked, so any bytes are accepted.
        let any = clap::value_parser!(std::ffi::OsString);
        match self.value {
            Value::None => arg.action(ArgAction::Count),
            Value::Optional => {
                let arg = arg.action(ArgAction::Append).value_parser(any);
                arg.num_args(0..=1).require_equals(true)
            }
            Value::Required => arg.action(ArgAction::Append).value_parser(any),
        }
    }
}

/// Adds the refused flags to `command`, so that it parses them as mkfs.erofs does.
pub(crate) fn add_to(command: Command) -> Command {
    command.args(FLAGS.iter().map(Refused::arg))
}

/// An error that names the first refused flag.
pub(crate) fn check(matches: &ArgMatches) -> Result<(), UsageError> {
    let first = FLAGS
        .iter()
        .filter(|refused| refused.is_asked_for(matches))
        .min_by_key(|refused| matches.index_of(refused.flag));
    match first {
        Some(refused) => Err(UsageError::refused(refused.flag, refused.why)),
        None => Ok(()),
    }
}
