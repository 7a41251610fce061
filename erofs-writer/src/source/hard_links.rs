//! Handling of files with several names.

/// The handling of files that have several names in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HardLinks {
    /// One inode with several names, as in the source.
    #[default]
    Keep,
    /// One inode for each name. The image then does not depend on which files the host
    /// happens to have linked. The data is shared all the same.
    Ignore,
}
