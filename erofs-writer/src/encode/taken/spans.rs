//! The blocks of an image that are copied, and their new places; or the image stays where
//! it is, and so do its blocks.

use crate::encode::extent::{Extent, PclusterOf};

/// The device that an image becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Staying {
    /// Where it begins in the blocks after the new image.
    pub(super) start: u64,
    pub(super) blocks: u64,
}

/// Blocks of an image that are needed.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// The first block and the one after the last, in any order. None if the image stays.
    found: Vec<(u64, u64)>,
    staying: Option<Staying>,
    /// The block after the last one.
    end: u64,
}

impl Spans {
    /// Those of an image, which may become a device.
    pub(super) fn of(staying: Option<Staying>) -> Self {
        Spans { staying, ..Spans::default() }
    }

    /// Checks that an image that stays has the blocks.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match self.staying.is_some_and(|staying| self.end > staying.blocks) {
            true => Err("its data lies beyond the end of its image"),
            false => Ok(()),
        }
    }

    /// Adds `count` blocks from `first` on.
    pub(super) fn mark(&mut self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        self.end = self.end.max(end);
        if self.staying.is_some() {
            return;
        }
        match self.found.last_mut() {
            Some(last) if (last.0..=last.1).contains(&first) => last.1 = last.1.max(end),
            _ => self.found.push((first, end)),
        }
    }

    /// Gives all of them places from `next` on, in their order.
    pub(super) fn place(mut self, next: &mut u64) -> Places {
        if let Some(Staying { start, .. }) = self.staying {
            return Places::Staying { start };
        }
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
        Places::Copied(runs)
    }
}

/// Blocks that follow each other in the image and in the new one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    first: u64,
    end: u64,
    place: u64,
}

/// The new places of the blocks of an image.
#[derive(Debug)]
pub(super) enum Places {
    /// In the image, in the order of their blocks.
    Copied(Vec<Run>),
    /// On the device that begins here in the blocks after the image.
    Staying { start: u64 },
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
        let runs = match self {
            Places::Copied(runs) => runs,
            Places::Staying { start } => return start + block,
        };
        let after = runs.partition_point(|run| run.first <= block);
        let run = runs[after.checked_sub(1).expect("it was marked")];
        assert!(block < run.end, "block {block} was marked");
        run.place + (block - run.first)
    }

    /// Gives extents their new places.
    pub(super) fn put(&self, extents: &mut [Extent]) {
        for extent in extents {
            // A place that is too far away is refused when all are known.
            extent.block = u32::try_from(self.of(extent.block.into())).unwrap_or(u32::MAX);
            if let Places::Staying { .. } = self {
                extent.pcluster = PclusterOf::OnDevice;
            }
        }
    }

    /// All bytes to copy, in pieces of up to `len_max` bytes.
    pub(super) fn pieces(
        &self,
        block_len: u64,
        len_max: u64,
    ) -> impl Iterator<Item = Piece> + use<'_> {
        let runs = match self {
            Places::Copied(runs) => &runs[..],
            Places::Staying { .. } => &[],
        };
        runs.iter().flat_map(move |run| {
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

    #[test]
    fn blocks_that_stay_are_not_copied() {
        let mut spans = Spans::of(Some(Staying { start: 1000, blocks: 14 }));
        spans.mark(3, 2);
        spans.mark(10, 4);
        assert_eq!(spans.check(), Ok(()));
        let mut next = 100;
        let mut beyond = Spans::of(Some(Staying { start: 1000, blocks: 14 }));
        beyond.mark(u64::MAX, 4);
        assert!(beyond.check().is_err());
        let places = spans.place(&mut next);
        assert_eq!((next, places.of(3), places.pieces(512, 2048).count()), (100, 1003, 0));
        let extent = Extent {
            len: 1,
            block: 13,
            blocks: 1,
            plain: true,
            partial: false,
            pcluster: PclusterOf::ThisPart,
        };
        let mut extents = [extent];
        places.put(&mut extents);
        assert_eq!(extents, [Extent { block: 1013, pcluster: PclusterOf::OnDevice, ..extent }]);
    }
}
