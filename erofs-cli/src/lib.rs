//! The command `mkfs-erofs`: arguments -> [`Job`] -> `erofs-writer` -> report.
//!
//! [`parse`] turns arguments into a job without touching the file system, the clock or
//! the environment; [`run`] does everything. Here lies what only a command needs: the
//! terminal, signals, the clock, random UUIDs and exit codes.

#![forbid(unsafe_code)]

mod archive;
mod args;
mod compress;
mod edits;
mod excludes;
mod exit;
mod hashes;
mod inputs;
mod job;
mod nix;
mod number;
mod progress;
mod refused;
mod registration;
mod replaced;
mod report;
mod signals;
mod size;
mod source;
mod suboptions;
mod take;
mod usage;
mod work;

use std::ffi::OsString;
use std::hint::black_box;
use std::process::ExitCode;

pub use job::Job;
pub use usage::UsageError;

/// The definition of the arguments, from which the manual page and completions
/// are made.
#[doc(hidden)]
pub fn command() -> clap::Command {
    args::definition()
}

/// The words of `-E` as they are typed, with a line about each, for the manual page and
/// completions.
#[doc(hidden)]
pub fn extended_options() -> &'static [(&'static str, &'static str)] {
    suboptions::HELP
}

/// Turns arguments, without the name of the program, into a job.
/// `source_date_epoch` is the value of the environment variable of that name.
///
/// # Errors
/// [`UsageError`] if the arguments make no job. Asking for the help or the
/// version counts as such; see [`UsageError::answer`].
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    source_date_epoch: Option<OsString>,
) -> Result<Job, UsageError> {
    let args = args::parse(args)?;
    match take::Take::new(&args)? {
        None => job::job(args, source_date_epoch.as_deref()),
        Some(_) => Err(UsageError::refused("--list and --extract", "make no image")),
    }
}

/// Names of flags as C strings: kata-deploy searches the program for these before it uses
/// the flags.
static C_STRINGS: &[u8] = b"\0mkfs-time\0sort\0";

/// Parses arguments as [`parse`] does, does the job and reports on it. The
/// exit code is 0 if the image is complete, 1 if not, 2 if the arguments make
/// no sense. Arguments that take an image apart are done as well.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    source_date_epoch: Option<OsString>,
) -> ExitCode {
    // Keeps the strings in the program.
    black_box(C_STRINGS);
    match work(args, source_date_epoch) {
        Err(failure) => exit::failure(&failure),
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn work(
    args: impl IntoIterator<Item = OsString>,
    source_date_epoch: Option<OsString>,
) -> Result<(), exit::Failure> {
    let args = args::parse(args)?;
    match take::Take::new(&args)? {
        Some(take) => take::take(&take),
        None => work::work(job::job(args, source_date_epoch.as_deref())?),
    }
}
