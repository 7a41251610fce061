//! The blocks of an image that are copied, and their new places.

use crate::encode::extent::Extent;

/// Blocks of an image that are needed.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// The first block and the one after the last, in any order.
    found: Vec<(u64, u64)>,
}

impl Spans {
    /// Adds `count` blocks from `first` on.
    pub(super) fn mark(&mut self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        match self.found.last_mut() {
            Some(last) if (last.0..=last.1).contains(&first) => last.1 = last.1.max(end),
            _ => self.found.push((first, end)),
        }
    }

    /// Gives all of them places from `next` on, in their order.
    pub(super) fn place(mut self, next: &mut u64) -> Places {
        self.found.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for (first, end) in self.found {
            match runs.last_mut() {
                Some(run) if first <= run.end => {
                    *next += end.max(run.end) - run.end;
                    run.end = end.max(run.end);
                }
                _ => {
                    runs.push(Run { first, end, place: *next });
                    *next += end - first;
                }
            }
        }
        runs.shrink_to_fit();
        Places { runs }
    }
}

/// Blocks that follow each other in the image and in the new one.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    end: u64,
    place: u64,
}

/// The new places of the blocks of an image.
#[derive(Debug)]
pub(super) struct Places {
    /// In the order of their blocks.
    runs: Vec<Run>,
}

/// Bytes to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) len: u64,
}

impl Places {
    /// The new place of a block that was marked.
    pub(super) fn of(&self, block: u64) -> u64 {
        let after = self.runs.partition_point(|run| run.first <= block);
        let run = self.runs[after.checked_sub(1).expect("it was marked")];
        assert!(block < run.end, "block {block} was marked");
        run.place + (block - run.first)
    }

    /// Gives extents their new places.
    pub(super) fn put(&self, extents: &mut [Extent]) {
        for extent in extents {
            // A place that is too far away is refused when all are known.
            extent.block = u32::try_from(self.of(extent.block.into())).unwrap_or(u32::MAX);
        }
    }

    /// All bytes to copy, in pieces of up to `len_max` bytes.
    pub(super) fn pieces(
        &self,
        block_len: u64,
        len_max: u64,
    ) -> impl Iterator<Item = Piece> + use<'_> {
        self.runs.iter().flat_map(move |run| {
            let len = (run.end - run.first) * block_len;
            let (from, to) = (run.first * block_len, run.place * block_len);
            let starts = (0..len.div_ceil(len_max)).map(move |number| number * len_max);
            starts.map(move |start| Piece {
                from: from + start,
                to: to + start,
                len: len_max.min(len - start),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_placed_once_and_in_their_order() {
        let mut spans = Spans::default();
        for (first, count) in [(10, 2), (12, 1), (3, 2), (11, 4), (30, 1), (10, 1)] {
            spans.mark(first, count);
        }
        let mut next = 100;
        let places = spans.place(&mut next);
        assert_eq!(next, 100 + 2 + 5 + 1);
        assert_eq!([3, 4, 10, 14, 30].map(|block| places.of(block)), [100, 101, 102, 106, 107]);
        let piece = |from: u64, to: u64, blocks: u64| Piece {
            from: from * 512,
            to: to * 512,
            len: blocks * 512,
        };
        let pieces: Vec<_> = places.pieces(512, 2048).collect();
        let expected = [(3, 100, 2), (10, 102, 4), (14, 106, 1), (30, 107, 1)];
        assert_eq!(pieces, expected.map(|(from, to, len)| piece(from, to, len)));
    }
}
