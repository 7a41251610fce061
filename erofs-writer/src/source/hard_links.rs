//! Files of several names.

/// What becomes of files that have several names on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HardLinks {
    /// One inode with several names, as on the host.
    #[default]
    Keep,
    /// One inode for each name. The image then does not depend on which files
    /// the host happens to have linked; their data is shared all the same.
    Ignore,
}
