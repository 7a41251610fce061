//! The question that a source asks about each entry: whether to read it.

/// An entry of a source, of which a [`Keep`] says whether it is read.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    path: &'a [u8],
    is_dir: bool,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(path: &'a [u8], is_dir: bool) -> Self {
        Candidate { path, is_dir }
    }

    /// The path relative to the root of the source, without a leading slash.
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// Whether the entry is a directory. A symlink to a directory is not one.
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }
}

/// Returns whether a source reads an entry. Several threads may call it at the same
/// time.
pub type Keep<'a> = dyn Fn(Candidate<'_>) -> bool + Send + Sync + 'a;
