//! The repeats that are worth it, and the places where pclusters are made to begin for
//! them.

use crate::encode::repeats::repeat::Repeat;
use crate::encode::task::Part;
use crate::format::to_usize;
use crate::options::FileCodec;

/// Repeats in shorter blocks are judged as in blocks of this length, as chunks are no
/// shorter there.
const BLOCK_MIN: u64 = 4096;

/// Where matches reach further back than this, they find more of the repeats themselves,
/// and a pcluster that ends early loses more of what is known.
const SHORT_REACH: u64 = 64 * 1024;
/// Runs are not more than this many times longer because of that.
const LONGER_MAX: u64 = 8;

/// How much repeats and cuts have to save. The figures were measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// The least length of a run, in bytes.
    pub(super) run: usize,
    /// How many bytes longer a run has to be for each pcluster that has to end early.
    pub(super) cut: usize,
    /// How many repeats have to begin at a place for a pcluster to be made to begin
    /// there. Elsewhere, repeats begin with the next pcluster.
    pub(super) wanted: usize,
    /// Whether pclusters are also made to end where a repeat of them ends, because
    /// otherwise too many of their bytes would not be repeated.
    pub(super) ends: bool,
}

impl Worth {
    pub(super) fn of(parts: &[Part], block_len: u64) -> Self {
        let block = to_usize(block_len.max(BLOCK_MIN));
        if parts.iter().all(|part| part.codec.pcluster_len <= block_len) {
            return Worth { run: block * 5 / 4, cut: block * 3 / 4, wanted: 2, ends: false };
        }
        let reach = parts.iter().map(|part| reach(part.codec)).max().unwrap_or(0);
        let times = to_usize((reach / SHORT_REACH).clamp(1, LONGER_MAX));
        Worth { run: times * block * 3, cut: times * block * 5 / 2, wanted: 1, ends: true }
    }

    /// For each part, the places where its pclusters are made to begin: multiples of a
    /// block, where that is always possible.
    pub(super) fn cuts(self, repeats: &[Vec<Repeat>], block_len: usize) -> Vec<Vec<usize>> {
        let mut wanted = vec![Vec::new(); repeats.len()];
        for Repeat { len, source, source_at, .. } in repeats.iter().flatten() {
            wanted[*source].push(source_at.next_multiple_of(block_len));
            if self.ends {
                let end = source_at + len;
                wanted[*source].push(end / block_len * block_len);
                // Bytes that are a repeat themselves can only be cut in the part from
                // which they come.
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

/// How far matches reach back: a window, but never much further than a pcluster.
fn reach(codec: FileCodec) -> u64 {
    codec.codec.window(to_usize(codec.pcluster_len)).min(codec.pcluster_len)
}

/// The place where the bytes before `end`, in the part of this number, came first: the
/// number of that part, and their end in it.
fn origin(repeats: &[Vec<Repeat>], mut part: usize, mut end: usize) -> (usize, usize) {
    // Repeats are in the order of their places, and each leads to an earlier place.
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
        // A repeat ends or begins here, so no cut inside of one is needed.
        assert_eq!(origin(&repeats, 1, 38_192), (1, 38_192));
        assert_eq!(origin(&repeats, 1, 8192), (1, 8192));
        let worth = Worth { run: 0, cut: 0, wanted: 1, ends: true };
        let cuts = worth.cuts(&repeats, 4096);
        assert_eq!(cuts[0], [4096, 20_480, 32_768]);
        assert_eq!(cuts[1], [8192, 24_576]);
    }
}
