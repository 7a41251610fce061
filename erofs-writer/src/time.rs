//! Points in time, of files and of images.

use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time: seconds since 1970, which are negative before, and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01 00:00 UTC.
    pub sec: i64,
    /// Nanoseconds after `sec`: 0 to 999,999,999.
    pub nsec: u32,
}

impl Timestamp {
    /// The time `sec` seconds after 1970, without nanoseconds.
    pub const fn from_sec(sec: i64) -> Self {
        Timestamp { sec, nsec: 0 }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let (since, before) = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => (since, false),
            Err(error) => (error.duration(), true),
        };
        let nanos = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
        let nanos = if before { -nanos } else { nanos };
        let sec = i64::try_from(nanos.div_euclid(NANOS)).expect("a time of the system fits");
        let nsec = u32::try_from(nanos.rem_euclid(NANOS)).expect("less than a second");
        Timestamp { sec, nsec }
    }
}

const NANOS: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_of_the_system_are_taken_over() {
        let time = |sec, nsec| Timestamp { sec, nsec };
        let ms = Duration::from_millis;
        assert_eq!(Timestamp::from(UNIX_EPOCH), time(0, 0));
        assert_eq!(Timestamp::from(UNIX_EPOCH + ms(1500)), time(1, 500_000_000));
        assert_eq!(Timestamp::from(UNIX_EPOCH - ms(1500)), time(-2, 500_000_000));
        assert_eq!(Timestamp::from(UNIX_EPOCH - ms(1000)), time(-1, 0));
    }
}
