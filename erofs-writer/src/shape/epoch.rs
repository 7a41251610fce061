//! The superblock's time, to which those of compact inodes are relative.

use crate::shape::order::Order;
use crate::time::Timestamp;
use crate::tree::Tree;

/// The time that compact inodes have, or count from, and the image's build time
/// after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) time: Timestamp,
    pub(crate) build_time: u32,
    /// Whether compact inodes tell how long after it their times are.
    counts: bool,
}

impl Epoch {
    /// The epoch of an image of `tree`, whose build time may be given. `counts`
    /// says whether compact inodes count from it.
    pub(super) fn choose(
        tree: &Tree,
        order: &Order,
        build: Option<Timestamp>,
        counts: bool,
    ) -> Self {
        let mut times: Vec<Timestamp> =
            order.ids.iter().map(|id| tree.inode(*id).metadata.mtime).collect();
        times.sort_unstable();
        match counts {
            true => Self::of_most(&times, build),
            false => Self::of_commonest(&times, build),
        }
    }

    /// The commonest of `times`, if a given build time can be told relative to
    /// it; else the build time.
    fn of_commonest(times: &[Timestamp], build: Option<Timestamp>) -> Self {
        let common = commonest(times).unwrap_or_default();
        let (time, build_time) = match build {
            None => (common, 0),
            Some(build) => match seconds_after(build, common) {
                Some(after) if build.nsec == 0 || build == common => (common, after),
                _ => (build, 0),
            },
        };
        Epoch { time, build_time, counts: false }
    }

    /// A time from which most of `times` can be counted, and the build time:
    /// 1970 if it is as good as any other, as it is what mkfs.erofs takes.
    fn of_most(times: &[Timestamp], build: Option<Timestamp>) -> Self {
        let built = build.or_else(|| commonest(times)).unwrap_or_default();
        let nsec = match build {
            Some(Timestamp { nsec: 1.., .. }) => built.nsec,
            _ => {
                let mut nsecs: Vec<u32> = times.iter().map(|time| time.nsec).collect();
                nsecs.sort_unstable();
                commonest(&nsecs).unwrap_or_default()
            }
        };
        let secs: Vec<i64> =
            times.iter().filter(|time| time.nsec == nsec).map(|time| time.sec).collect();
        let window = i64::from(u32::MAX);
        let count = |start: i64| {
            let end = secs.partition_point(|sec| sec.saturating_sub(start) <= window);
            end - secs.partition_point(|sec| *sec < start)
        };
        let usual = built.sec.saturating_sub(window).max(0);
        let starts = [usual].into_iter().chain(secs.iter().copied()).chain([built.sec]);
        let at = |sec| Timestamp { sec, nsec };
        let mut starts: Vec<i64> =
            starts.filter(|start| seconds_after(built, at(*start)).is_some()).collect();
        starts.dedup();
        let most = match starts.first().is_some_and(|first| count(*first) == secs.len()) {
            true => starts.first(),
            // The first of those that are equally good.
            false => starts.iter().rev().max_by_key(|start| count(**start)),
        };
        let time = at(*most.expect("the build time is one"));
        let build_time = seconds_after(built, time).expect("all that are not have been left out");
        Epoch { time, build_time, counts: true }
    }

    /// The `i_mtime` of a compact inode for `time`, if there is one.
    pub(crate) fn field(self, time: Timestamp) -> Option<u32> {
        let after = seconds_after(time, self.time).filter(|_| time.nsec == self.time.nsec);
        after.filter(|after| self.counts || *after == 0)
    }
}

/// How many whole seconds `time` is after `start`, if a field of 32 bits has
/// room for these.
fn seconds_after(time: Timestamp, start: Timestamp) -> Option<u32> {
    time.sec.checked_sub(start.sec).and_then(|after| u32::try_from(after).ok())
}

/// The commonest value of a sorted list; of several, the least.
fn commonest<T: Copy + Eq>(sorted: &[T]) -> Option<T> {
    let runs = sorted.chunk_by(|a, b| a == b).rev();
    runs.max_by_key(|run| run.len()).map(|run| run[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sec: i64, nsec: u32) -> Timestamp {
        Timestamp { sec, nsec }
    }

    fn of_most(times: &[Timestamp], build: Option<Timestamp>) -> (i64, u32, u32) {
        let mut times = times.to_vec();
        times.sort_unstable();
        let epoch = Epoch::of_most(&times, build);
        let built = build.or_else(|| commonest(&times)).unwrap_or_default();
        assert_eq!(epoch.time.sec + i64::from(epoch.build_time), built.sec);
        (epoch.time.sec, epoch.time.nsec, epoch.build_time)
    }

    #[test]
    fn times_are_counted_from_1970_if_all_can_be() {
        let now = 1_700_000_000;
        assert_eq!(of_most(&[], None), (0, 0, 0));
        assert_eq!(of_most(&[at(0, 0), at(now, 0)], Some(at(5, 0))), (0, 0, 5));
        assert_eq!(of_most(&[at(i64::from(u32::MAX), 0)], Some(at(now, 0))).0, 0);
    }

    #[test]
    fn most_times_decide_where_not_all_can_be_counted() {
        let old = -1_000_000_000;
        let times = [at(old, 0), at(old + 7, 0), at(0, 0)];
        assert_eq!(of_most(&times, None).0, old);
        assert_eq!(of_most(&times, Some(at(1 << 32, 0))).0, 1, "the build time has to fit");
        assert_eq!(of_most(&[at(1 << 40, 0)], Some(at(7, 0))), (0, 0, 7));
        let late = i64::from(u32::MAX) + 10;
        assert_eq!(of_most(&[at(late, 0), at(late, 0), at(0, 0)], None), (10, 0, u32::MAX));
        assert_eq!(of_most(&[at(i64::MIN, 0), at(i64::MAX, 0)], None), (i64::MIN, 0, 0));
    }

    #[test]
    fn the_commonest_nanoseconds_decide() {
        let times = [at(1, 7), at(2, 7), at(3, 0), at(4, 1), at(4, 1)];
        assert_eq!(of_most(&times, None), (0, 1, 4));
        assert_eq!(of_most(&times[..4], None), (0, 7, 1));
        assert_eq!(of_most(&times, Some(at(9, 0))), (0, 1, 9));
        assert_eq!(of_most(&times, Some(at(9, 3))), (0, 3, 9));
        let epoch = Epoch::of_most(&times[..2], None);
        assert_eq!((epoch.field(at(2, 7)), epoch.field(at(2, 8))), (Some(2), None));
        assert_eq!(epoch.field(at(-1, 7)), None);
        let epoch = Epoch::of_commonest(&times[..1], None);
        assert_eq!((epoch.field(at(1, 7)), epoch.field(at(2, 7))), (Some(0), None));
    }
}
