//! Where it pays to split a block into several, with tables of their own.

use super::block::Block;
use super::entropy::Counts;
use super::sequences::Coded;
use crate::codec::runs::{Run, Runs};

/// How much a block of its own has to save, in 256ths of a bit, because decoders have to
/// build its tables.
const PAYS: i64 = 16 << 11;

/// A run of sequences, which may become a block.
#[derive(Debug)]
struct Part {
    counts: Counts,
    /// Where it ends in the data.
    end: usize,
    sequences: usize,
    literals: usize,
    cost: u64,
}

impl Run for Part {
    fn new() -> Self {
        Part { counts: Counts::new(), end: 0, sequences: 0, literals: 0, cost: 0 }
    }

    fn cost(&self) -> u64 {
        self.cost
    }

    fn cost_with(&self, next: &Self) -> u64 {
        self.counts.estimate_with(&next.counts)
    }

    fn join(&mut self, next: &Self, cost: u64) {
        self.counts.join(&next.counts);
        self.end = next.end;
        self.sequences += next.sequences;
        self.literals += next.literals;
        self.cost = cost;
    }
}

/// The parts of a block.
#[derive(Debug)]
pub(super) struct Split {
    /// About so many bytes are in a part at first.
    len: usize,
    parts: Runs<Part>,
    /// How many of these were taken, with so many sequences and literals.
    taken: usize,
    sequences: usize,
    literals: usize,
}

impl Split {
    pub(super) fn new(len: usize) -> Self {
        Split { len, parts: Runs::new(), taken: 0, sequences: 0, literals: 0 }
    }

    /// Finds how `block` is split. Is it?
    pub(super) fn find(&mut self, block: &Block) -> bool {
        self.clear();
        if block.end - block.start < 4 * self.len {
            return false;
        }
        self.cut(block);
        self.parts.join(-PAYS);
        let is_split = self.parts.len() > 1;
        if !is_split {
            self.clear();
        }
        is_split
    }

    /// Forgets what is left.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        (self.taken, self.sequences, self.literals) = (0, 0, 0);
    }

    /// Makes `block` the next part of `whole`. Is it the last one? `None` if there is
    /// none.
    pub(super) fn take(&mut self, whole: &Block, block: &mut Block) -> Option<bool> {
        if self.taken == self.parts.len() {
            return None;
        }
        let part = self.parts.get(self.taken);
        let (sequences, literals) = (self.sequences, self.literals);
        self.sequences += part.sequences;
        self.literals += part.literals;
        block.load(
            &whole.sequences[sequences..self.sequences],
            &whole.literals()[literals..self.literals],
            &part.counts,
            part.end,
        );
        self.taken += 1;
        let is_last = self.taken == self.parts.len();
        if is_last {
            block.trailing = whole.trailing;
            self.clear();
        }
        Some(is_last)
    }

    /// Fills the parts. The last one may be up to twice as long.
    fn cut(&mut self, block: &Block) {
        let mut literals = block.literals();
        let (mut begin, mut at) = (block.start, block.start);
        let (mut first, mut before) = (0, 0);
        for (index, sequence) in block.sequences.iter().enumerate() {
            before += sequence.literals as usize;
            at += (sequence.literals + sequence.len) as usize;
            if at - begin >= self.len && block.end - at >= self.len {
                let (own, rest) = literals.split_at(before);
                self.add(&block.sequences[first..=index], own, at);
                literals = rest;
                (begin, first, before) = (at, index + 1, 0);
            }
        }
        self.add(&block.sequences[first..], literals, block.end);
    }

    /// Adds a part.
    fn add(&mut self, sequences: &[Coded], literals: &[u8], end: usize) {
        let part = self.parts.add();
        part.counts.clear();
        part.counts.add_literals(literals);
        for sequence in sequences {
            part.counts.add(sequence);
        }
        (part.sequences, part.literals) = (sequences.len(), literals.len());
        part.end = end;
        part.cost = part.counts.estimate();
    }
}
