//! Where it pays to begin another block, with codes of its own.

use super::counts::Counts;
use super::parse::Sequence;
use crate::codec::runs::{Run, Runs};

/// A run of sequences, which may become a block.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) counts: Counts,
    /// Where it begins and ends in the data.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The index of its first sequence, and of that after its last one.
    pub(super) first: usize,
    pub(super) last: usize,
    /// How many literals and matches there are.
    symbols: usize,
    /// About how many bits it takes as a block.
    pub(super) cost: u64,
}

impl Run for Part {
    fn new() -> Self {
        Part { counts: Counts::new(), start: 0, end: 0, first: 0, last: 0, symbols: 0, cost: 0 }
    }

    fn cost(&self) -> u64 {
        self.cost
    }

    fn cost_with(&self, next: &Self) -> u64 {
        self.counts.estimate_with(&next.counts)
    }

    fn join(&mut self, next: &Self, cost: u64) {
        self.counts.join(&next.counts);
        (self.end, self.last) = (next.end, next.last);
        self.cost = cost;
    }
}

impl Part {
    /// Begins with the sequence of that index, at `start` in the data.
    pub(super) fn begin(&mut self, start: usize, first: usize) {
        self.counts.clear();
        (self.start, self.end, self.first, self.last) = (start, start, first, first);
        (self.symbols, self.cost) = (0, 0);
    }
}

/// The parts of a parse, in their order.
#[derive(Debug)]
pub(super) struct Parts {
    parts: Vec<Part>,
    len: usize,
    /// So many bytes are in a part at least.
    part_len: usize,
}

impl Parts {
    pub(super) fn new(part_len: usize) -> Self {
        Parts { parts: Vec::new(), len: 0, part_len }
    }

    pub(super) fn begin(&mut self) {
        self.len = 0;
    }

    /// Adds the sequences after those that were added before, the first of which
    /// begins at `start`.
    pub(super) fn add(&mut self, data: &[u8], start: usize, sequences: &[Sequence]) {
        if self.len == 0 {
            self.open(start, 0);
        }
        let mut part = &mut self.parts[self.len - 1];
        while let Some(sequence) = sequences.get(part.last) {
            // Long matches would make many parts that tell little.
            if part.end - part.start >= self.part_len && part.symbols >= self.part_len / 8 {
                part.cost = part.counts.estimate();
                let (start, first) = (part.end, part.last);
                self.open(start, first);
                part = &mut self.parts[self.len - 1];
            }
            part.counts.add(data, part.end, *sequence);
            part.symbols += sequence.literals as usize + 1;
            part.end += sequence.bytes();
            part.last += 1;
        }
        part.cost = part.counts.estimate();
    }

    fn open(&mut self, start: usize, first: usize) {
        if self.len == self.parts.len() {
            self.parts.push(Part::new());
        }
        self.parts[self.len].begin(start, first);
        self.len += 1;
    }

    /// Those from the sequence `first` on, where one begins.
    pub(super) fn from(&self, first: usize) -> &[Part] {
        let parts = &self.parts[..self.len];
        &parts[parts.partition_point(|part| part.first < first)..]
    }
}

/// Joins `parts` to blocks and returns about how many bits those take.
pub(super) fn split(blocks: &mut Runs<Part>, parts: &[Part]) -> u64 {
    blocks.clear();
    for part in parts {
        blocks.add().clone_from(part);
    }
    blocks.join(0);
    blocks.iter().map(|block| block.cost).sum()
}
