//! Which of what there is a source reads.

/// Something of which a source asks whether it is wanted.
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

    /// Whether it is a directory. A symlink to one is none.
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }
}

/// Whether something is wanted.
pub type Keep<'a> = dyn Fn(Candidate<'_>) -> bool + Send + Sync + 'a;
