//! How often symbols come, and what they will take.

use super::parse::Sequence;
use super::symbols::{
    DISTANCES, DISTANCES_LEN, END, EXTRA, LITLENS_LEN, SYMBOLS, distance_symbol, len_symbol,
};
use crate::codec::log2::times_log2;

/// The counts of symbols.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub(super) symbols: [u32; SYMBOLS],
    /// How many bytes they stand for.
    pub(super) bytes: usize,
}

impl Counts {
    /// Those of an empty block, which has an end.
    pub(super) fn new() -> Self {
        let mut symbols = [0; SYMBOLS];
        symbols[END] = 1;
        Counts { symbols, bytes: 0 }
    }

    pub(super) fn clear(&mut self) {
        *self = Counts::new();
    }

    /// Adds a sequence that begins at `at`.
    #[inline(always)]
    pub(super) fn add(&mut self, data: &[u8], at: usize, sequence: Sequence) {
        for byte in &data[at..at + sequence.literals as usize] {
            self.symbols[usize::from(*byte)] += 1;
        }
        if sequence.len > 0 {
            self.symbols[len_symbol(sequence.len.into())] += 1;
            self.symbols[distance_symbol(sequence.distance.into())] += 1;
        }
        self.bytes += sequence.bytes();
    }

    /// Takes away a sequence that begins at `at`.
    pub(super) fn remove(&mut self, data: &[u8], at: usize, sequence: Sequence) {
        for byte in &data[at..at + sequence.literals as usize] {
            self.symbols[usize::from(*byte)] -= 1;
        }
        if sequence.len > 0 {
            self.symbols[len_symbol(sequence.len.into())] -= 1;
            self.symbols[distance_symbol(sequence.distance.into())] -= 1;
        }
        self.bytes -= sequence.bytes();
    }

    /// Adds those of the next block, whose end is left out.
    pub(super) fn join(&mut self, next: &Counts) {
        for (count, next) in self.symbols.iter_mut().zip(&next.symbols) {
            *count += next;
        }
        self.symbols[END] = 1;
        self.bytes += next.bytes;
    }

    /// About how many bits a block of these symbols takes.
    pub(super) fn estimate(&self) -> u64 {
        bits(self.bytes, |symbol| self.symbols[symbol])
    }

    /// The same for these and those of the next block.
    pub(super) fn estimate_with(&self, next: &Counts) -> u64 {
        bits(self.bytes + next.bytes, |symbol| {
            self.symbols[symbol] + next.symbols[symbol] - u32::from(symbol == END)
        })
    }
}

/// About how many bits the symbols with these counts take.
#[inline(always)]
fn bits(bytes: usize, count: impl Fn(usize) -> u32) -> u64 {
    let (mut extra, mut used) = (0, 0_u64);
    let mut sum = |first: usize, len: usize| {
        let (mut total, mut products) = (0, 0);
        for (symbol, bits) in EXTRA.iter().enumerate().skip(first).take(len) {
            let count = count(symbol);
            total += count;
            products += times_log2(count);
            extra += u64::from(count) * u64::from(*bits);
            used += u64::from(count > 0);
        }
        times_log2(total) - products.min(times_log2(total))
    };
    let bits = (sum(0, LITLENS_LEN) + sum(DISTANCES, DISTANCES_LEN)) >> 8;
    // The description of codes takes about three bits for a symbol, and whole bits
    // for codes take a little more than this.
    let coded = bits + bits / 256 + extra + 180 + 3 * used;
    coded.min(8 * bytes as u64 + 40)
}
