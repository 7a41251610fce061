//! What encoders tell.

/// What an encoder did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// How many bytes of input it took.
    pub consumed: usize,
    /// How many bytes of output it wrote: at most as many as there were.
    pub written: usize,
}
