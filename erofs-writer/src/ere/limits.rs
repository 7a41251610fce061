//! Bounds of patterns.

/// The most memory a compiled pattern may take, in bytes. A pattern of 130 KB with the names of
/// 1,500 store paths takes a fiftieth of it.
pub(super) const SIZE_LIMIT: usize = 64 << 20;

/// How high the tree may get, counting groups and stacked repetitions. An unoptimised build needs
/// some 12 KB of stack for each level, and a thread has 2 MB.
pub(super) const MAX_HEIGHT: usize = 100;
