//! Errors of files of compression hints.

use std::fmt;

use crate::ere::EreError;
use crate::shown::Shown;

/// The reason why a file of compression hints cannot be used. See
/// [`Error::CompressHints`](crate::Error::CompressHints).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressHintsErrorKind {
    /// A line does not begin with the size of a pcluster.
    Size {
        /// The word in its place.
        word: String,
    },
    /// There is no algorithm of this number.
    Algorithm {
        /// The word in its place.
        word: String,
    },
    /// A line has no pattern.
    NoPattern,
    /// A pattern is not a valid regular expression.
    Pattern(EreError),
    /// There are more than 10,000 patterns.
    TooMany,
    /// The patterns up to this line take more than 256 MiB.
    TooLarge,
}

impl fmt::Display for CompressHintsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompressHintsErrorKind::Size { word } => write!(
                f,
                "'{}' is not a pcluster size, which is 0, or 512 to 1048576 bytes",
                Shown::new(word)
            ),
            CompressHintsErrorKind::Algorithm { word } => {
                write!(f, "'{}' is not the number of an algorithm", Shown::new(word))
            }
            CompressHintsErrorKind::NoPattern => f.write_str("a pattern is missing"),
            CompressHintsErrorKind::Pattern(error) => error.fmt(f),
            CompressHintsErrorKind::TooMany => f.write_str("there are more patterns than 10000"),
            CompressHintsErrorKind::TooLarge => {
                f.write_str("the patterns up to this line take more than 256 MiB")
            }
        }
    }
}
