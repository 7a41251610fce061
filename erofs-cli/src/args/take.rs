//! Flags that take images apart. They make no image, and so most other flags mean nothing
//! with them.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::usage::UsageError;

/// What a listing tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// A line for each file.
    Files,
    /// What each entry of the root takes.
    Table,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TakeArgs {
    /// List what the image FILE has, and how it is stored
    ///
    /// With PATHs after FILE, only these, with all that is in them. Columns are the mode,
    /// links, user, group, size, time in UTC, how the data is stored, the bytes that it
    /// takes, and the path. Bytes count for the first file that has them.
    ///
    /// With table, what each entry of the root takes, the largest first. With --json,
    /// objects, one a line.
    #[arg(
        long,
        value_name = "files|table",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "files",
        value_parser = form,
        help_heading = "Taking apart"
    )]
    pub(crate) list: Option<ListForm>,

    /// Extract the image FILE into DIR, which is made if it is missing
    ///
    /// With PATHs after FILE, only these, with all that is in them. Nothing is made
    /// outside of DIR, and a file that is there already is not replaced. Root keeps
    /// owners and devices. For others, files are their own, and what they may not make
    /// is left out with a note.
    #[arg(long, value_name = "DIR", conflicts_with = "list", help_heading = "Taking apart")]
    pub(crate) extract: Option<PathBuf>,

    /// Let --extract replace files that are there already
    #[arg(long, requires = "extract", help_heading = "Taking apart")]
    pub(crate) overwrite: bool,

    /// Do not let --extract give files the owners of the image
    #[arg(
        long,
        visible_alias = "no-preserve-owner",
        requires = "extract",
        help_heading = "Taking apart"
    )]
    pub(crate) no_same_owner: bool,

    /// Do not let --extract give files extended attributes and ACLs
    #[arg(long, requires = "extract", help_heading = "Taking apart")]
    pub(crate) no_xattrs: bool,
}

fn form(text: &str) -> Result<ListForm, &'static str> {
    match text {
        "files" => Ok(ListForm::Files),
        "table" => Ok(ListForm::Table),
        _ => Err("use files for a line for each file, or table for what fills the image"),
    }
}

/// The flags that mean something where an image is taken apart.
const KNOWN: &[&str] = &[
    "file",
    "sources",
    "list",
    "extract",
    "overwrite",
    "no_same_owner",
    "no_xattrs",
    "quiet",
    "json",
    "no_progress",
    "level",
    "workers",
    "async_queue_limit",
];

/// An error for the first flag that has no meaning where an image is taken apart.
pub(super) fn check(matches: &ArgMatches) -> Result<(), UsageError> {
    let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let mode = match (typed("list"), typed("extract")) {
        (true, _) => "--list",
        (_, true) => "--extract",
        _ => return Ok(()),
    };
    let definition = super::definition();
    let other = definition
        .get_arguments()
        .filter(|arg| {
            let id = arg.get_id().as_str();
            !KNOWN.contains(&id) && !matches!(id, "help" | "version") && typed(id)
        })
        .min_by_key(|arg| matches.index_of(arg.get_id().as_str()));
    let Some(other) = other else {
        return match typed("json") && mode == "--extract" {
            true => Err(UsageError::contradiction(mode, "--json")),
            false => Ok(()),
        };
    };
    let flag = match (other.get_long(), other.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => other.get_id().to_string(),
    };
    Err(UsageError::contradiction(mode, flag))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        super::super::command().debug_assert();
    }

    #[test]
    fn all_flags_that_are_known_exist() {
        let definition = super::super::definition();
        for known in super::KNOWN {
            assert!(definition.get_arguments().any(|arg| arg.get_id() == *known), "{known}");
        }
    }
}
