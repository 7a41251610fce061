//! Windows that are powers of two.

use std::ops::RangeInclusive;

/// The logarithm of `bytes`, if it is one of `logs`.
pub(super) fn window_log(bytes: u32, logs: RangeInclusive<u8>) -> Option<u8> {
    logs.into_iter().find(|log| bytes == 1 << log)
}
