//! The costs that are expected for literals and matches.
//!
//! The costs follow the counts of what was found so far, those of the last frames
//! with less and less weight.

use super::sequences::{Coded, LEN_EXTRA, LITERALS_EXTRA, MIN_MATCH, len_code, literals_code};
use crate::codec::log2::log2;

/// With more sequences than this, all counts are halved. Blocks are split where data
/// change, and so the last of them tell most. With a quarter or four times as many,
/// frames of some files are up to a fiftieth longer.
const SEQUENCES_MAX: u32 = 1 << 11;
/// Of literals these are so many times as many.
const LITERALS: u32 = 4;

/// How often offsets come before anything is known. Short ones are seldom, those of
/// middle length frequent, and the first repeat most.
const FIRST_OFFSETS: [u32; 32] = {
    let mut counts = [1; 32];
    let known = [6, 2, 1, 1, 2, 3, 4, 4, 4, 3, 2];
    let mut index = 0;
    while index < known.len() {
        counts[index] = known[index];
        index += 1;
    }
    counts
};

/// Lengths that are looked up.
const LENS: usize = 128;

/// Costs in 256ths of a bit.
#[derive(Debug, Clone)]
pub(super) struct Prices {
    literal_counts: [u32; 256],
    literals_counts: [u32; 36],
    offset_counts: [u32; 32],
    len_counts: [u32; 53],
    /// How many sequences were added since costs were computed.
    new: usize,
    literal: [u32; 256],
    literals: [u32; 64],
    literals_codes: [u32; 36],
    offsets: [u32; 32],
    lens: [u32; LENS],
    len_codes: [u32; 53],
}

impl Prices {
    pub(super) fn new() -> Self {
        Prices {
            literal_counts: [0; 256],
            literals_counts: [0; 36],
            offset_counts: [0; 32],
            len_counts: [0; 53],
            new: 0,
            literal: [0; 256],
            literals: [0; 64],
            literals_codes: [0; 36],
            offsets: [0; 32],
            lens: [0; LENS],
            len_codes: [0; 53],
        }
    }

    /// Begins with what is true of most data, and of literals in these.
    pub(super) fn begin(&mut self, data: &[u8]) {
        self.literal_counts = [0; 256];
        for byte in data {
            self.literal_counts[usize::from(*byte)] += 8;
        }
        let most = data.len() as u32 * 8 / 2048;
        for count in &mut self.literal_counts {
            *count = if *count > 0 { 1 + *count / most.max(1) } else { 0 };
        }
        self.literals_counts = [1; 36];
        (self.literals_counts[0], self.literals_counts[1]) = (4, 2);
        self.offset_counts = FIRST_OFFSETS;
        self.len_counts = [1; 53];
        self.refresh();
    }

    /// Counts a sequence with its literals.
    pub(super) fn add(&mut self, coded: &Coded, literals: &[u8]) {
        for byte in literals {
            self.literal_counts[usize::from(*byte)] += 1;
        }
        self.literals_counts[usize::from(coded.codes.literals)] += 1;
        self.offset_counts[usize::from(coded.codes.offset) % 32] += 1;
        self.len_counts[usize::from(coded.codes.len)] += 1;
        self.new += 1;
    }

    /// Computes the costs again, if enough is new.
    pub(super) fn follow(&mut self) {
        if self.new >= 16 {
            self.refresh();
        }
    }

    /// Gives less weight to what is long ago.
    fn forget(&mut self) {
        let max = SEQUENCES_MAX;
        halve(&mut self.literal_counts, LITERALS * max);
        halve(&mut self.literals_counts, max);
        halve(&mut self.offset_counts, max);
        halve(&mut self.len_counts, max);
    }

    fn refresh(&mut self) {
        self.new = 0;
        self.forget();
        costs(&self.literal_counts, &mut self.literal);
        for cost in &mut self.literal {
            // No code has more than eleven bits, and few have more than nine.
            *cost = (*cost).clamp(1 << 8, 11 << 8);
        }
        costs(&self.literals_counts, &mut self.literals_codes);
        costs(&self.offset_counts, &mut self.offsets);
        costs(&self.len_counts, &mut self.len_codes);
        for (code, cost) in self.literals_codes.iter_mut().enumerate() {
            *cost += LITERALS_EXTRA[code] << 8;
        }
        for (code, cost) in (0..).zip(&mut self.offsets) {
            *cost += code << 8;
        }
        for (code, cost) in self.len_codes.iter_mut().enumerate() {
            *cost += LEN_EXTRA[code] << 8;
        }
        for (literals, cost) in (0..).zip(&mut self.literals) {
            *cost = self.literals_codes[usize::from(literals_code(literals))];
        }
        for (len, cost) in (0..).zip(&mut self.lens) {
            *cost = self.len_codes[usize::from(len_code(len.max(MIN_MATCH as u32)))];
        }
    }

    #[inline(always)]
    pub(super) fn literal(&self, byte: u8) -> u32 {
        self.literal[usize::from(byte)]
    }

    /// The number of literals before a match.
    #[inline(always)]
    pub(super) fn literals(&self, literals: u32) -> u32 {
        match self.literals.get(literals as usize) {
            Some(cost) => *cost,
            None => self.literals_codes[usize::from(literals_code(literals)).min(35)],
        }
    }

    /// An offset, by its code.
    #[inline(always)]
    pub(super) fn offset(&self, code: u32) -> u32 {
        self.offsets[code as usize % 32]
    }

    #[inline(always)]
    pub(super) fn len(&self, len: u32) -> u32 {
        match self.lens.get(len as usize) {
            Some(cost) => *cost,
            None => self.len_codes[usize::from(len_code(len)).min(52)],
        }
    }
}

/// Halves all counts until there are at most `max`.
fn halve(counts: &mut [u32], max: u32) {
    while counts.iter().sum::<u32>() > max {
        for count in &mut *counts {
            *count = (*count).div_ceil(2);
        }
    }
}

/// The costs of symbols with these counts; what never came costs as if it had come
/// once.
fn costs(counts: &[u32], costs: &mut [u32]) {
    let total: u32 = counts.iter().sum();
    let all = log2(total.max(1));
    for (count, cost) in counts.iter().zip(costs) {
        *cost = all - log2((*count).max(1)).min(all);
    }
}
