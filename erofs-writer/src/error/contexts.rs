//! What can be wrong with a file of SELinux contexts.

use std::fmt;

use crate::error::shown::Shown;

/// What is wrong with a file of SELinux contexts. See
/// [`Error::FileContexts`](crate::Error::FileContexts).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileContextsErrorKind {
    /// It is what `sefcontext_compile` makes of such a file.
    Compiled,
    /// A word has a byte that is no ASCII character.
    NotAscii,
    /// A pattern has no context, or a path to replace no replacement.
    Incomplete,
    /// A line has a further word.
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
    /// A pattern is none, or not one that can be matched here.
    Pattern {
        /// Where in the pattern, in bytes from its start.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// With this pattern all together take more than 256 MiB.
    TooLarge,
    /// A context does not fit into an extended attribute.
    Context {
        /// How many bytes it has.
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
