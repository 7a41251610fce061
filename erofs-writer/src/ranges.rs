//! Ranges of bytes that were counted.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that do not overlap: where each begins, and where it ends.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a range, and returns how many of its bytes are new.
    pub(crate) fn add(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let Range { mut start, mut end } = range;
        let mut new = end - start;
        loop {
            // Of ranges that do not overlap, the last one that begins here ends last.
            let last = self.0.range(..=end).next_back().map(|(first, last)| (*first, *last));
            let Some((first, last)) = last.filter(|(_, last)| *last >= start) else { break };
            self.0.remove(&first);
            new -= range.end.min(last).saturating_sub(range.start.max(first));
            (start, end) = (start.min(first), end.max(last));
        }
        self.0.insert(start, end);
        new
    }
}

/// The part of `stored` bytes that `part` of `whole` bytes takes; 0 of nothing.
pub(crate) fn share(stored: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = u128::from(stored) * u128::from(part.min(whole)) / u128::from(whole);
    u64::try_from(share).expect("a part is no more than the whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_counted_once() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.add(10..20), 10);
        assert_eq!(ranges.add(10..20), 0);
        assert_eq!(ranges.add(5..5), 0);
        assert_eq!(ranges.add(0..12), 10);
        assert_eq!(ranges.add(30..40), 10);
        assert_eq!(ranges.add(50..60), 10);
        assert_eq!(ranges.add(15..55), 20);
        assert_eq!(ranges.add(0..u64::MAX), u64::MAX - 60);
        assert_eq!(ranges.0, BTreeMap::from([(0, u64::MAX)]));
    }

    #[test]
    fn touching_ranges_become_one() {
        let mut ranges = Ranges::default();
        for start in (0..100_u64).rev() {
            assert_eq!(ranges.add(3 * start..3 * start + 3), 3);
        }
        assert_eq!(ranges.0.len(), 1);
    }

    #[test]
    fn shares_have_no_overflow() {
        assert_eq!(share(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!((share(10, 3, 4), share(10, 3, 0), share(10, 9, 4)), (7, 0, 10));
    }
}
