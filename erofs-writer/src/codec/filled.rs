//! The result of filling an output.

/// How much an encoder took and wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Filled {
    /// How many bytes of input it took.
    pub consumed: usize,
    /// How many bytes of output it wrote: at most as many as the output has.
    pub written: usize,
}
