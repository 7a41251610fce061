//! What literals and matches are expected to cost.

use super::canonical::BITS_MAX;
use super::codes::FIXED;
use super::counts::Counts;
use super::symbols::{
    DISTANCES, DISTANCES_LEN, EXTRA, LENS, LITLENS_LEN, MAX_MATCH, SYMBOLS, len_symbol,
};
use crate::codec::huffman::Work;
use crate::codec::log2::log2;

/// No code is longer, in 256ths of a bit.
const COST_MAX: u32 = (BITS_MAX as u32) << 8;

/// Costs in 256ths of a bit.
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) literals: [u32; 256],
    /// Those of lengths, with the extra bits.
    pub(super) lens: [u32; MAX_MATCH + 1],
    /// The lowest of these.
    pub(super) len_min: u32,
    /// Those of distances by their code, with the extra bits.
    pub(super) distances: [u32; 32],
    work: Work,
}

impl Prices {
    pub(super) fn new() -> Self {
        Prices {
            literals: [0; 256],
            lens: [0; MAX_MATCH + 1],
            len_min: 0,
            distances: [0; 32],
            work: Work::new(),
        }
    }

    /// Costs before anything was found: those of literals from their counts in some data,
    /// and what is true of most matches.
    pub(super) fn guess(&mut self, data: &[u8]) {
        let mut counts = Counts::new();
        for byte in data {
            counts.symbols[usize::from(*byte)] += 1;
        }
        let total = data.len() as u32;
        for (code, count) in counts.symbols[LENS..LITLENS_LEN].iter_mut().enumerate() {
            *count = total / (16 + 16 * code as u32);
        }
        counts.symbols[DISTANCES..DISTANCES + DISTANCES_LEN].fill(1);
        self.set(&counts);
    }

    /// Those of the fixed codes.
    pub(super) fn set_fixed(&mut self) {
        self.set_bits(|symbol| u32::from(FIXED[symbol]) << 8);
    }

    /// Costs from counts.
    ///
    /// They lie between what the counts ask for and the whole bits of codes. The former
    /// alone are far too low where there are few symbols, and the latter alone tell
    /// less of what may get cheaper.
    pub(super) fn set(&mut self, counts: &Counts) {
        let mut costs = [0; SYMBOLS];
        let mut lengths = [0; SYMBOLS];
        for (first, len) in [(0, LITLENS_LEN), (DISTANCES, DISTANCES_LEN)] {
            let counts = &counts.symbols[first..first + len];
            set_costs(counts, &mut costs[first..first + len]);
            self.work.set_lengths(counts, BITS_MAX, &mut lengths[first..first + len]);
        }
        for (cost, len) in costs.iter_mut().zip(lengths).filter(|(_, len)| *len > 0) {
            *cost = cost.midpoint(u32::from(len) << 8);
        }
        self.set_bits(|symbol| costs[symbol]);
    }

    /// Costs from those of symbols without their extra bits.
    fn set_bits(&mut self, cost_of: impl Fn(usize) -> u32) {
        let with_extra = |symbol: usize| cost_of(symbol) + (u32::from(EXTRA[symbol]) << 8);
        for (symbol, cost) in self.literals.iter_mut().enumerate() {
            *cost = cost_of(symbol);
        }
        self.len_min = u32::MAX;
        for (len, cost) in (3..).zip(&mut self.lens[3..]) {
            *cost = with_extra(len_symbol(len));
            self.len_min = self.len_min.min(*cost);
        }
        for (code, cost) in self.distances.iter_mut().enumerate() {
            *cost = with_extra(DISTANCES + code);
        }
    }
}

/// The costs of symbols with these counts. What never came costs as if it had come half
/// a time.
fn set_costs(counts: &[u32], costs: &mut [u32]) {
    let total: u32 = counts.iter().sum();
    let all = log2(total.max(1));
    for (count, cost) in counts.iter().zip(costs) {
        let bits = match count {
            0 => all + 256,
            count => all - log2(*count).min(all),
        };
        *cost = bits.clamp(128, COST_MAX);
    }
}
