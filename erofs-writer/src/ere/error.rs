//! Reasons why a pattern is refused.

use std::fmt;

use super::limits::{MAX_HEIGHT, SIZE_LIMIT};

/// Reasons why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EreError {
    /// The pattern has a NUL byte, which ends it for glibc.
    Nul {
        /// Offset of the byte.
        at: usize,
    },
    /// The pattern ends in a backslash.
    Escape {
        /// Offset of the backslash.
        at: usize,
    },
    /// A back-reference, `\1` to `\9`.
    BackReference {
        /// Offset of the backslash.
        at: usize,
    },
    /// A group has no `)`.
    Group {
        /// Offset of the `(`.
        at: usize,
    },
    /// A repetition has nothing before it that can be repeated.
    Repeat {
        /// Offset of the operator.
        at: usize,
    },
    /// An anchor or a word edge is repeated by `+` or by an interval beyond 1. Then glibc
    /// does not heed all copies of it.
    RepeatedAnchor {
        /// Offset of the operator.
        at: usize,
    },
    /// An interval such as `{2,3}` is malformed or has no `}`, its bounds are in the wrong order,
    /// or one is above 32767.
    Interval {
        /// Offset of the `{`.
        at: usize,
    },
    /// A bracket expression has no `]`.
    Bracket {
        /// Offset of the `[`.
        at: usize,
    },
    /// A range is empty, or its ends are not single characters.
    Range {
        /// Offset of the range or of its bad end.
        at: usize,
    },
    /// Three hyphens in a row in a bracket expression, which versions of GNU code read
    /// differently.
    Hyphens {
        /// Offset of the first hyphen.
        at: usize,
    },
    /// A character class such as `[:name:]` is not one of the twelve of the C locale.
    Class {
        /// Offset of the `[:`.
        at: usize,
    },
    /// A `[.x.]` or `[=x=]` is not a single byte.
    Collating {
        /// Offset of the inner `[`.
        at: usize,
    },
    /// More than 100 levels of groups and repetitions of repetitions.
    Height {
        /// Offset of the group or repetition that is one too many.
        at: usize,
    },
    /// The automaton takes more than 64 MiB.
    TooLarge,
}

impl fmt::Display for EreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, what) = match self {
            Self::Nul { at } => (at, "nul byte"),
            Self::Escape { at } => (at, "backslash with nothing after it"),
            Self::BackReference { at } => (at, "back-references are not supported"),
            Self::Group { at } => (at, "group is not closed"),
            Self::Repeat { at } => (at, "nothing to repeat"),
            Self::RepeatedAnchor { at } => (at, "an anchor cannot be repeated this way"),
            Self::Interval { at } => (at, "bad repetition interval"),
            Self::Bracket { at } => (at, "bracket expression is not closed"),
            Self::Range { at } => (at, "bad range in a bracket expression"),
            Self::Hyphens { at } => (at, "three hyphens in a bracket expression are ambiguous"),
            Self::Class { at } => (at, "unknown character class"),
            Self::Collating { at } => (at, "unknown collating element"),
            Self::Height { at } => {
                return write!(f, "byte {at}: nested more than {} deep", MAX_HEIGHT);
            }
            Self::TooLarge => {
                return write!(f, "compiled pattern takes more than {} MiB", SIZE_LIMIT >> 20);
            }
        };
        write!(f, "byte {at}: {what}")
    }
}

impl std::error::Error for EreError {}
