//! The line about the work, for a terminal of any width.

use std::time::Duration;

use crate::size::Size;

/// How much of the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// Nothing is known.
    Unknown,
    /// So many inodes were found.
    Inodes(u64),
    /// So many bytes were read.
    Bytes(u64),
    /// Of `total` bytes, `done` are dealt with.
    Part { done: u64, total: u64 },
}

/// The least width of the bar, with its brackets.
const BAR_MIN: usize = 12;
/// The greatest one.
const BAR_MAX: usize = 42;
/// Before this a rate says little.
const STEADY: Duration = Duration::from_millis(500);

/// The line about work that is called `doing` and has been done for `elapsed`. It has less
/// than `width` characters, all of ASCII: what matters less is left out.
pub(super) fn line(width: usize, doing: &str, amount: Amount, elapsed: Duration) -> String {
    let room = width.saturating_sub(1);
    let mut parts = vec![doing.to_owned()];
    let mut more = Vec::new();
    match amount {
        Amount::Unknown => more.push(time(elapsed)),
        Amount::Inodes(count) => more.extend([format!("{count} inodes"), time(elapsed)]),
        Amount::Bytes(bytes) => more.extend([format!("{} read", Size(bytes)), time(elapsed)]),
        Amount::Part { done, total } => more = part(done, total, elapsed),
    }
    let mut len = doing.len();
    for text in more {
        // What matters less may still fit.
        if len + 2 + text.len() <= room {
            len += 2 + text.len();
            parts.push(text);
        }
    }
    if let Amount::Part { done, total } = amount {
        let bar = room.saturating_sub(len + 2).min(BAR_MAX);
        if bar >= BAR_MIN && parts.len() > 1 {
            parts.insert(2, drawn(bar, done, total));
        }
    }
    let mut line = parts.join("  ");
    line.truncate(room);
    line
}

/// Texts about a part of the work, the most important one first.
fn part(done: u64, total: u64, elapsed: Duration) -> Vec<String> {
    let done = done.min(total);
    let mut texts =
        vec![format!("{:3} %", percent(done, total)), format!("{} of {}", Size(done), Size(total))];
    let millis = elapsed.as_millis();
    if elapsed >= STEADY && done > 0 {
        let rate = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
        let left = u128::from(total - done).saturating_mul(millis) / u128::from(done);
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
        texts.extend([format!("{} left", time(left)), format!("{}/s", Size(rate))]);
    }
    texts
}

/// The whole percents that are done.
fn percent(done: u64, total: u64) -> usize {
    let percent = u128::from(done.min(total)) * 100 / u128::from(total.max(1));
    usize::try_from(percent).unwrap_or(100)
}

/// A bar of this width.
fn drawn(width: usize, done: u64, total: u64) -> String {
    let inner = width - 2;
    let full = inner * percent(done, total) / 100;
    let head = if full < inner { ">" } else { "" };
    format!("[{:<inner$}]", "=".repeat(full) + head)
}

/// A time of at most a few characters.
fn time(time: Duration) -> String {
    match time.as_secs() {
        sec @ 0..60 => format!("{sec} s"),
        sec @ 60..3600 => format!("{}:{:02} min", sec / 60, sec % 60),
        sec => format!("{}:{:02} h", sec / 3600, sec / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn at(width: usize) -> String {
        let amount = Amount::Part { done: GIB, total: 4 * GIB };
        line(width, "compressing", amount, Duration::from_secs(10))
    }

    #[test]
    fn what_matters_most_is_shown_where_there_is_little_room() {
        assert_eq!(at(20), "compressing   25 %");
        assert_eq!(at(38), "compressing   25 %  30 s left");
        assert_eq!(at(40), "compressing   25 %  1.0 GiB of 4.0 GiB");
        assert_eq!(
            at(80),
            "compressing   25 %  [===>         ]  1.0 GiB of 4.0 GiB  30 s left  102.3 MiB/s"
        );
        assert_eq!(line(5, "writing", Amount::Unknown, Duration::ZERO), "writ");
        assert_eq!(line(0, "writing", Amount::Unknown, Duration::ZERO), "");
    }

    #[test]
    fn no_line_is_as_wide_as_the_terminal() {
        let amounts = [
            Amount::Unknown,
            Amount::Inodes(u64::MAX),
            Amount::Bytes(u64::MAX),
            Amount::Part { done: 0, total: 1 },
            Amount::Part { done: 1, total: u64::MAX },
            Amount::Part { done: u64::MAX, total: u64::MAX },
            // More than there should be, as a file grew.
            Amount::Part { done: 9, total: 3 },
            Amount::Part { done: 0, total: 0 },
        ];
        for width in 0..200 {
            for amount in amounts {
                for elapsed in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
                    let line = line(width, "looking for repeats", amount, elapsed);
                    assert!(line.is_ascii() && line.len() <= width.saturating_sub(1), "{line}");
                }
            }
        }
    }

    #[test]
    fn other_work_has_amounts_too() {
        let inodes = line(80, "reading", Amount::Inodes(12_345), Duration::from_secs(65));
        assert_eq!(inodes, "reading  12345 inodes  1:05 min");
        let bytes = line(80, "comparing files", Amount::Bytes(3 << 20), Duration::from_secs(3725));
        assert_eq!(bytes, "comparing files  3.0 MiB read  1:02 h");
    }
}
