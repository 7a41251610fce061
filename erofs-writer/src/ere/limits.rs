//! Bounds of patterns.

/// The most memory that a compiled pattern may take, in bytes. A pattern of 130 KB with
/// the names of 1,500 store paths takes 2 % of it.
pub(super) const SIZE_LIMIT: usize = 64 << 20;

/// The greatest height of the tree, counting groups and stacked repetitions. An
/// unoptimised build needs some 12 KB of stack for each level, and a thread has 2 MB.
pub(super) const MAX_HEIGHT: usize = 100;
