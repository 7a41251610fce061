//! The layout with addresses of 48 bits.

use crate::format::{NULL_ADDR, NULL_ADDR_48};
use crate::options::kernel::WIDE_ADDRESSES;
use crate::options::set::Options;

impl Options {
    /// Whether the image has the layout of Linux 6.15 with wide addresses ("48bit").
    /// Default: only if an [index](crate::source::Tar::index) needs it, because it and
    /// its archives have more blocks than 32 bits can address, 2 TiB in all. Even then
    /// the default is off if files are compressed, or if the
    /// [`target_kernel`](Options::target_kernel) cannot mount the layout.
    ///
    /// - The image may have 2^48 - 1 blocks instead of 2^32 - 1. Only pclusters must
    ///   lie in the first 2^32 - 1.
    /// - Each compact inode has its own time, if all times lie within 136 years and
    ///   have the same nanoseconds. Trees with times of whole seconds do.
    /// - A compressed file has a record for each extent in place of an index if that is
    ///   no longer. With large pclusters it usually is not.
    #[must_use]
    pub fn wide_addresses(mut self, on: bool) -> Self {
        self.wide_addresses = on;
        self.widens = false;
        self
    }

    /// These options with wide addresses, for an image whose extra devices are too long
    /// without them. None if wide addresses were set or ruled out, the target kernel
    /// does not have them, or files are compressed: some of those have been written
    /// when it turns out that the devices are too long.
    pub(crate) fn widened(&self) -> Option<Self> {
        let knows_them = self.target_kernel.is_none_or(|target| target >= WIDE_ADDRESSES);
        let may_be = self.widens && knows_them && !self.may_compress();
        may_be.then(|| self.clone().wide_addresses(true))
    }

    /// The most blocks that an image can have. The greatest value of an address means
    /// "no block", and positions in bytes have 63 bits.
    pub(crate) fn blocks_max(&self) -> u64 {
        match self.wide_addresses {
            true => (NULL_ADDR_48 - 1).min(i64::MAX.unsigned_abs() / self.block_size.len()),
            false => u64::from(NULL_ADDR) - 1,
        }
    }
}
