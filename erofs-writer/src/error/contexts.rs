//! Errors of files of SELinux contexts.

use std::fmt;

use crate::shown::Shown;

/// The reason why a file of SELinux contexts cannot be used. See
/// [`Error::FileContexts`](crate::Error::FileContexts).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileContextsErrorKind {
    /// The file was compiled by `sefcontext_compile`. The text from which it was made
    /// is needed.
    Compiled,
    /// A word has a byte that is not ASCII.
    NotAscii,
    /// A pattern has no context, or a path to be replaced has no replacement.
    Incomplete,
    /// A line has a word too many.
    Excess {
        /// The word.
        word: String,
    },
    /// The word between pattern and context is not one of `--`, `-b`, `-c`,
    /// `-d`, `-l`, `-p` and `-s`.
    Type {
        /// The word.
        word: String,
    },
    /// A pattern is not a regular expression, or not one that this library can match.
    Pattern {
        /// The position in the pattern, in bytes from its start.
        at: usize,
        /// A description of the error.
        what: String,
    },
    /// The patterns up to this line take more than 256 MiB.
    TooLarge,
    /// A context does not fit into an extended attribute.
    Context {
        /// The length of the context in bytes.
        len: usize,
    },
}

impl fmt::Display for FileContextsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileContextsErrorKind::Compiled => {
                f.write_str("is a compiled file; the text from which it was made is needed")
            }
            FileContextsErrorKind::NotAscii => f.write_str("a byte is not ASCII"),
            FileContextsErrorKind::Incomplete => f.write_str("a second word is missing"),
            FileContextsErrorKind::Excess { word } => {
                write!(f, "'{}' is one word too many", Shown::new(word))
            }
            FileContextsErrorKind::Type { word } => {
                let word = Shown::new(word);
                write!(f, "'{word}' is not one of the types --, -b, -c, -d, -l, -p and -s")
            }
            FileContextsErrorKind::Pattern { at, what } => {
                write!(f, "byte {at} of the pattern: {}", Shown::new(what))
            }
            FileContextsErrorKind::TooLarge => {
                f.write_str("the patterns up to this line take more than 256 MiB")
            }
            FileContextsErrorKind::Context { len } => {
                write!(f, "the context has {len} bytes, but at most 65535 can be stored")
            }
        }
    }
}
