//! How much is done.

/// How carefully blocks are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many bytes are in the parts of blocks that may become blocks of their own.
    pub(super) part_len: usize,
    /// How often the description of codes is made again.
    pub(super) passes: u32,
    /// How often the codes of the last block are made again.
    pub(super) rounds: u32,
}
