//! Which repeats are worth it, and where pclusters are made to begin for them.

use crate::encode::repeats::repeat::Repeat;
use crate::encode::task::Part;
use crate::format::to_usize;

/// In shorter blocks it is worth as much to repeat bytes as in blocks of this
/// length, as chunks are no shorter there.
const BLOCK_MIN: u64 = 4096;

/// What repeats and cuts have to save. The figures were measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// How many bytes a run has at least.
    pub(super) run: usize,
    /// How many more for each pcluster that has to end early.
    pub(super) cut: usize,
    /// How many repeats begin at a place where a pcluster is made to begin.
    /// Where there is none, they begin with the next one.
    pub(super) wanted: usize,
    /// Whether pclusters are also made to end with a repeat, because it would
    /// be too much of them that is not repeated.
    pub(super) ends: bool,
}

impl Worth {
    pub(super) fn of(parts: &[Part], block_len: u64) -> Self {
        let block = to_usize(block_len.max(BLOCK_MIN));
        match parts.iter().any(|part| part.codec.pcluster_len > block_len) {
            false => Worth { run: block * 5 / 4, cut: block * 3 / 4, wanted: 2, ends: false },
            true => Worth { run: block * 3, cut: block * 5 / 2, wanted: 1, ends: true },
        }
    }

    /// For each part where its pclusters are made to begin: at multiples of a
    /// block, which can always be done.
    pub(super) fn cuts(self, repeats: &[Vec<Repeat>], block_len: usize) -> Vec<Vec<usize>> {
        let mut wanted = vec![Vec::new(); repeats.len()];
        for Repeat { len, source, source_at, .. } in repeats.iter().flatten() {
            wanted[*source].push(source_at.next_multiple_of(block_len));
            if self.ends {
                let end = source_at + len;
                wanted[*source].push(end / block_len * block_len);
                // What is a repeat itself can only be cut where it came from.
                let (origin, end) = origin(repeats, *source, end);
                wanted[origin].push(end / block_len * block_len);
            }
        }
        for places in &mut wanted {
            places.sort_unstable();
            let same = places.chunk_by(|a, b| a == b).filter(|same| same.len() >= self.wanted);
            *places = same.map(|same| same[0]).collect();
        }
        wanted
    }
}

/// Where the bytes before `end`, in the part of this number, were first: the
/// number of that part, and their end in it.
fn origin(repeats: &[Vec<Repeat>], mut part: usize, mut end: usize) -> (usize, usize) {
    // Repeats are in the order of their places, and go back.
    loop {
        let behind = repeats[part].partition_point(|repeat| repeat.at < end);
        let before = behind.checked_sub(1).map(|index| repeats[part][index]);
        let Some(repeat) = before.filter(|repeat| end < repeat.at + repeat.len) else {
            return (part, end);
        };
        (part, end) = (repeat.source, repeat.source_at + end - repeat.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_again_is_cut_where_it_was_first() {
        let repeat = |at, len, source, source_at| Repeat { at, len, source, source_at };
        // The second part has 30,000 bytes of the first, the third 20,000 of those.
        let repeats =
            [vec![], vec![repeat(8192, 30_000, 0, 4096)], vec![repeat(0, 20_000, 1, 8192)]];
        assert_eq!(origin(&repeats, 1, 28_192), (0, 24_096));
        assert_eq!(origin(&repeats, 2, 1000), (0, 5096));
        // Its end is one already.
        assert_eq!(origin(&repeats, 1, 38_192), (1, 38_192));
        assert_eq!(origin(&repeats, 1, 8192), (1, 8192));
        let worth = Worth { run: 0, cut: 0, wanted: 1, ends: true };
        let cuts = worth.cuts(&repeats, 4096);
        assert_eq!(cuts[0], [4096, 20_480, 32_768]);
        assert_eq!(cuts[1], [8192, 24_576]);
    }
}
