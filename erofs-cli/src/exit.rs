//! The end of a run that fails: its message and exit code. Nothing here can fail or
//! panic, whatever has become of standard error.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use erofs_writer::{Limit, Shown, StorePathsError};
use signal_hook::consts::SIGPIPE;
use signal_hook::low_level::emulate_default_handler;

use crate::report;
use crate::usage::UsageError;

/// The exit code of a run that failed.
const FAILED: u8 = 1;
/// The exit code of a run whose arguments make no sense.
const USAGE: u8 = 2;

/// The reason why there is no image, or no report about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense, as is known from the source.
    Usage(UsageError),
    /// The library returned an error.
    Build(erofs_writer::Error),
    /// The list of store paths cannot be used.
    List { list: PathBuf, source: StorePathsError },
    /// A file that the arguments name cannot be used.
    Invalid { path: PathBuf, why: String },
    /// It is not possible to wait for signals.
    Signals { source: io::Error },
    /// The image is complete, but the report could not be written.
    Report { source: io::Error },
    /// A file besides the image could not be written, before or after the image was made.
    Beside { path: PathBuf, source: io::Error, made: bool },
    /// A listing could not be written.
    Listing { source: io::Error },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(error) => error.fmt(f),
            Failure::Build(error) => error.fmt(f),
            Failure::List { list, .. } if list == Path::new("-") => f.write_str("standard input"),
            Failure::List { list, .. } => Shown::new(list).fmt(f),
            Failure::Invalid { path, why } => write!(f, "{}: {why}", Shown::new(path)),
            Failure::Signals { .. } => f.write_str("signals cannot be handled"),
            Failure::Report { .. } => {
                f.write_str("the image is complete, but standard output cannot be written")
            }
            Failure::Beside { path, made: true, .. } => {
                write!(f, "the image is complete, but {} cannot be written", Shown::new(path))
            }
            Failure::Beside { path, .. } => write!(f, "{}: cannot be written", Shown::new(path)),
            Failure::Listing { .. } => f.write_str("standard output cannot be written"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Usage(error) => error.source(),
            Failure::Build(error) => error.source(),
            Failure::List { source, .. } => Some(source),
            Failure::Invalid { .. } => None,
            Failure::Signals { source }
            | Failure::Beside { source, .. }
            | Failure::Report { source }
            | Failure::Listing { source } => Some(source),
        }
    }
}

impl From<erofs_writer::Error> for Failure {
    fn from(error: erofs_writer::Error) -> Self {
        Failure::Build(error)
    }
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Failure::Usage(error)
    }
}

/// Ends a run that failed.
pub(crate) fn failure(failure: &Failure) -> ExitCode {
    if let Failure::Usage(error) = failure {
        return usage(error);
    }
    if matches!(failure, Failure::Listing { source } if source.kind() == io::ErrorKind::BrokenPipe)
    {
        // Who reads has seen enough. As other commands, this one ends by the signal.
        let _ = emulate_default_handler(SIGPIPE);
        return ExitCode::from(FAILED);
    }
    complain(&printable(&(chain(failure) + advice(failure))));
    ExitCode::from(match failure {
        // The arguments contradict each other.
        Failure::Build(erofs_writer::Error::Options(_)) => USAGE,
        _ => FAILED,
    })
}

/// The flag that helps, where the library can only name what it does.
fn advice(failure: &Failure) -> &'static str {
    use erofs_writer::{Error, OptionsError};
    match failure {
        Failure::Build(Error::Options(OptionsError::FilesBesideStaying)) => {
            "; leave out -z, or give --clean=data, which compresses all anew"
        }
        Failure::Build(Error::Options(OptionsError::InodesBesideStaying)) => {
            "; leave out -m, or give --clean=data, which copies those files"
        }
        Failure::Build(Error::Full(Limit::Blocks | Limit::DeviceBlocks)) => {
            "; give -E48bit, which needs Linux 6.15"
        }
        _ => "",
    }
}

/// Ends a run whose arguments make no job.
pub(crate) fn usage(error: &UsageError) -> ExitCode {
    if let Some(answer) = error.answer() {
        return match report::print(&answer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(source) => {
                complain(&format!("standard output cannot be written: {source}"));
                ExitCode::from(FAILED)
            }
        };
    }
    let mut text = bounded(&chain(error));
    if !text.contains("'--help'") {
        text.push_str("\n\nFor more information, try '--help'.");
    }
    complain(&text);
    ExitCode::from(USAGE)
}

/// Writes a note, which is not about a failure.
pub(crate) fn note(text: &str) {
    complain(&printable(text));
}

/// Tells that a signal ends the run that makes `output`.
pub(crate) fn interrupted(output: &Path) {
    complain(&format!("{}: interrupted", Shown::new(output)));
}

/// Tells that `output`, which was written in place, holds neither its old content nor an
/// image.
pub(crate) fn lost(output: &Path) {
    let output = Shown::new(output);
    complain(&format!("{output}: was written in place, and what it held before is lost"));
}

/// Writes `text` to standard error. If that fails, there is nobody to tell.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "mkfs-erofs: {text}");
}

/// An error and its causes. Some errors of libraries, such as those of decoders, include
/// their causes: these are not repeated.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            let _ = write!(text, ": {reason}");
        }
        next = error.source();
    }
    text
}

/// Shortens a message of the parser of arguments. It has several lines and repeats
/// arguments, which may be long. The start and the end of each line are kept, and the
/// first and the last lines.
fn bounded(text: &str) -> String {
    const HALF: usize = 20;
    let mut lines: Vec<String> = text.lines().map(|line| Shown::new(line).to_string()).collect();
    if let Some(more @ 1..) = lines.len().checked_sub(2 * HALF) {
        lines.splice(HALF..HALF + more, [format!("[... {more} lines ...]")]);
    }
    lines.join("\n")
}

/// `text` without anything with which a file name could control a terminal.
fn printable(text: &str) -> String {
    Shown::whole(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_the_chain_of_causes() {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = erofs_writer::Error::Read { path: "/a/b".into(), source };
        let text = chain(&Failure::Build(error));
        assert_eq!(text, "/a/b: cannot be read: permission denied");
        let list = PathBuf::from("closure");
        let text = chain(&Failure::List { list, source: StorePathsError::Empty });
        assert_eq!(text, "closure: the list of store paths is empty");
    }

    /// An error that includes its cause, like those of decoders, and that an `io::Error`
    /// passes on.
    #[derive(Debug)]
    struct Talkative(io::Error);

    impl fmt::Display for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "no frame: {}", self.0)
        }
    }

    impl Error for Talkative {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_reason_is_told_once() {
        let source = io::Error::other(Talkative(io::Error::other("too short")));
        let error = erofs_writer::Error::Read { path: "/a".into(), source };
        let text = chain(&Failure::Build(error));
        assert_eq!(text, "/a: cannot be read: no frame: too short");
    }

    #[test]
    fn what_the_parser_says_has_a_bound() {
        let text = bounded(&format!("a\n{}\n{}z", "\x1b".repeat(5000), "b\n".repeat(1000)));
        assert!(text.starts_with("a\n\\u{1b}") && text.ends_with("b\nz"), "{text}");
        assert!(text.contains("[... 963 lines ...]") && text.len() < 8000, "{text}");
        assert_eq!(bounded("a\nb"), "a\nb");
    }
}
