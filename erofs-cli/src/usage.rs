//! Errors of arguments that make no job.

use std::borrow::Cow;
use std::fmt;

use erofs_writer::Shown;

/// Arguments that make no job, or that ask for the help or the version.
#[derive(Debug)]
pub struct UsageError(Kind);

#[derive(Debug)]
enum Kind {
    /// An error of the parser of arguments.
    Parser(Box<clap::Error>),
    /// A flag of mkfs.erofs that does not exist here, and the reason.
    Refused { flag: String, why: Cow<'static, str> },
    /// Two flags that cannot both be meant.
    Contradiction { first: String, second: String },
    /// A value that cannot be used, by itself or with another flag.
    Value { flag: String, value: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// An argument that has to be there.
    Missing { argument: &'static str },
}

impl UsageError {
    /// The error of a `flag` that is known but not supported.
    pub(crate) fn refused(flag: impl ToString, why: impl Into<Cow<'static, str>>) -> Self {
        UsageError(Kind::Refused { flag: flag.to_string(), why: why.into() })
    }

    /// The error of two flags that cannot both be meant.
    pub(crate) fn contradiction(first: impl ToString, second: impl ToString) -> Self {
        let (first, second) = (first.to_string(), second.to_string());
        UsageError(Kind::Contradiction { first, second })
    }

    /// The error of a `value` that `flag` cannot have.
    pub(crate) fn value(
        flag: impl ToString,
        value: impl ToString,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let (flag, value, source) = (flag.to_string(), value.to_string(), source.into());
        UsageError(Kind::Value { flag, value, source })
    }

    /// The error of an argument that is missing.
    pub(crate) fn missing(argument: &'static str) -> Self {
        UsageError(Kind::Missing { argument })
    }

    /// The help or the version, if that was asked for. It belongs on standard output and
    /// is no failure.
    pub fn answer(&self) -> Option<String> {
        match &self.0 {
            Kind::Parser(error) if !error.use_stderr() => Some(error.render().to_string()),
            _ => None,
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Parser(error) => {
                let text = error.render().to_string();
                f.write_str(text.strip_prefix("error: ").unwrap_or(&text).trim_end())
            }
            Kind::Refused { flag, why } => write!(f, "{flag}: {why}"),
            Kind::Contradiction { first, second } => {
                write!(f, "{second} contradicts {first}")
            }
            Kind::Value { flag, value, .. } => {
                write!(f, "invalid value '{}' for '{flag}'", Shortened(value))
            }
            Kind::Missing { argument } => write!(f, "{argument} is missing"),
        }
    }
}

impl std::error::Error for UsageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Value { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl From<clap::Error> for UsageError {
    fn from(error: clap::Error) -> Self {
        UsageError(Kind::Parser(Box::new(error)))
    }
}

/// A text of which a message shows only the beginning: a regular expression can have
/// 100,000 bytes.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(60) {
            Some((end, _)) => write!(f, "{}...", Shown::new(&self.0[..end])),
            None => Shown::new(self.0).fmt(f),
        }
    }
}
