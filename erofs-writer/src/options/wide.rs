//! Addresses of 48 bits, and what comes with them.

use crate::format::{NULL_ADDR, NULL_ADDR_48};
use crate::options::Options;

impl Options {
    /// Whether the image has the layout that Linux 6.15 has brought ("48bit").
    /// Default: no.
    ///
    /// - It may have 2^48 - 1 blocks, and not 2^32 - 1. Only pclusters have to
    ///   lie in the first 2^32 - 1.
    /// - Compact inodes have times of their own, as far as these lie within 136
    ///   years and have the same nanoseconds, which is so for trees with times
    ///   of whole seconds.
    /// - Compressed files have a record for each extent in place of an index
    ///   where that is no longer, as it is with large pclusters.
    #[must_use]
    pub fn wide_addresses(mut self, on: bool) -> Self {
        self.wide_addresses = on;
        self
    }

    /// The most blocks that an image has. The last value of an address means
    /// "no block", and positions have 63 bits.
    pub(crate) fn blocks_max(&self) -> u64 {
        match self.wide_addresses {
            true => (NULL_ADDR_48 - 1).min(i64::MAX.unsigned_abs() / self.block_size.len()),
            false => u64::from(NULL_ADDR) - 1,
        }
    }
}
