//! One repeat.

/// Bytes of a part that an earlier part has as well, or the same part before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Where they begin in the part.
    pub(crate) at: usize,
    pub(crate) len: usize,
    /// The number of the part that has them first, and where they begin in it.
    pub(crate) source: usize,
    pub(crate) source_at: usize,
}
