//! How far an encoder came.

/// How far an encoder came with one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Filled {
    /// How many bytes of input it took.
    pub consumed: usize,
    /// How many bytes of output it wrote: at most as many as there were.
    pub written: usize,
}
