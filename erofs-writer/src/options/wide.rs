//! Addresses of 48 bits, and what comes with them.

use crate::format::{NULL_ADDR, NULL_ADDR_48};
use crate::options::kernel::WIDE_ADDRESSES;
use crate::options::set::Options;

impl Options {
    /// Whether the image has the layout that Linux 6.15 has brought ("48bit").
    /// Default: only where an [index](crate::source::Tar::index) and its archives
    /// are too long for 32 bits, 2 TiB together, and nothing is compressed, nor
    /// [`target_kernel`](Options::target_kernel) one that cannot mount it.
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
        self.widens = false;
        self
    }

    /// The same with wide addresses, for an image whose further devices are too
    /// long without them; none if that is not for the tree to say. Where files are
    /// compressed, some of them have been written when that turns out.
    pub(crate) fn widened(&self) -> Option<Self> {
        let knows_them = self.target_kernel.is_none_or(|target| target >= WIDE_ADDRESSES);
        let may_be = self.widens && knows_them && !self.may_compress();
        may_be.then(|| self.clone().wide_addresses(true))
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
