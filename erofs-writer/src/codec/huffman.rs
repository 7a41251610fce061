//! Huffman codes of limited length.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "symbols and lengths of codes are small"
)]

/// The longest code of all.
const BITS_MAX: usize = 15;
/// The most symbols of an alphabet.
const SYMBOLS_MAX: usize = 288;
/// The lowest bits of a sorted number are a symbol, the others its count.
const SYMBOL_BITS: u32 = 9;

/// Room for building a code.
#[derive(Debug)]
pub(super) struct Work {
    /// Counts and symbols, in their order.
    sorted: [u32; SYMBOLS_MAX],
    /// The sums of pairs, and in whose pair each node is.
    sums: [u32; SYMBOLS_MAX],
    parents: [u16; 2 * SYMBOLS_MAX],
}

impl Work {
    pub(super) fn new() -> Self {
        Work { sorted: [0; SYMBOLS_MAX], sums: [0; SYMBOLS_MAX], parents: [0; 2 * SYMBOLS_MAX] }
    }

    /// Finds the lengths of the codes, of at most `max` bits, of symbols with these
    /// counts. What does not come has the length 0. A single code has one bit.
    pub(super) fn set_lengths(&mut self, counts: &[u32], max: usize, lengths: &mut [u8]) {
        let count = self.sort(counts);
        lengths.fill(0);
        if count < 2 {
            if count == 1 {
                lengths[self.symbol(0)] = 1;
            }
            return;
        }
        self.tree(count);
        let with_length = self.with_length(count, max);
        // The rarest symbols have the longest codes.
        let mut next = 0;
        for len in (1..=max).rev() {
            for _ in 0..with_length[len] {
                lengths[self.symbol(next)] = len as u8;
                next += 1;
            }
        }
    }

    fn symbol(&self, index: usize) -> usize {
        (self.sorted[index] & ((1 << SYMBOL_BITS) - 1)) as usize
    }

    /// Sorts the symbols and returns how many there are.
    fn sort(&mut self, counts: &[u32]) -> usize {
        let total: u32 = counts.iter().sum();
        // Large counts are made smaller, so that all and their sums have room.
        let shift = (SYMBOL_BITS + 1).saturating_sub(total.leading_zeros());
        let mut len = 0;
        for (symbol, count) in (0..).zip(counts) {
            // Overwritten by the next one if there are none.
            let least = u32::from(*count > 0);
            self.sorted[len % SYMBOLS_MAX] = (count >> shift).max(least) << SYMBOL_BITS | symbol;
            len += least as usize;
        }
        self.sorted[..len].sort_unstable();
        len
    }

    /// Joins the rarest two until all are in one tree.
    fn tree(&mut self, count: usize) {
        // Leaves and pairs are both in the order of their counts. The pair `n` has
        // the index `count + n`.
        let (mut leaf, mut pair) = (0, 0);
        for new in 0..count - 1 {
            let mut sum = 0;
            for _ in 0..2 {
                let own = if leaf < count { self.sorted[leaf] >> SYMBOL_BITS } else { u32::MAX };
                let index = if pair >= new || own <= self.sums[pair] {
                    sum += own;
                    leaf += 1;
                    leaf - 1
                } else {
                    sum += self.sums[pair];
                    pair += 1;
                    count + pair - 1
                };
                self.parents[index] = new as u16;
            }
            self.sums[new] = sum;
        }
    }

    /// How many codes of each length there are.
    fn with_length(&mut self, count: usize, max: usize) -> [u16; BITS_MAX + 1] {
        // Now the sums serve for the depths of pairs.
        self.sums[count - 2] = 0;
        for pair in (0..count - 2).rev() {
            self.sums[pair] = self.sums[usize::from(self.parents[count + pair])] + 1;
        }
        let mut with_length = [0_u16; BITS_MAX + 1];
        let mut is_over = false;
        for leaf in 0..count {
            let len = self.sums[usize::from(self.parents[leaf])] as usize + 1;
            with_length[len.min(max)] += 1;
            is_over |= len > max;
        }
        if is_over {
            limit(&mut with_length[..=max]);
        }
        with_length
    }
}

/// Makes the lengths those of a complete code again, after some were cut to the
/// limit.
fn limit(with_length: &mut [u16]) {
    let last = with_length.len() - 1;
    let places = |(len, codes): (usize, &u16)| u32::from(*codes) << (last - len);
    let used: u32 = with_length.iter().enumerate().skip(1).map(places).sum();
    // A code that is made a bit longer gives its place to two, itself and one of
    // the longest, which frees one place.
    for _ in 1 << last..used {
        let len = (1..last).rev().find(|len| with_length[*len] > 0).unwrap_or(1);
        with_length[len] -= 1;
        with_length[len + 1] += 2;
        with_length[last] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_complete_and_short() {
        let mut work = Work::new();
        let mut lengths = [0; 286];
        // Fibonacci numbers make the deepest trees.
        let mut fibonacci = vec![1_u32, 1];
        while fibonacci.len() < 40 {
            fibonacci.push(fibonacci[fibonacci.len() - 1] + fibonacci[fibonacci.len() - 2]);
        }
        for max in [7, 9, 15] {
            for used in 2..40 {
                let counts = &fibonacci[..used];
                work.set_lengths(counts, max, &mut lengths[..used]);
                let places: u32 =
                    lengths[..used].iter().map(|len| 1 << (max - usize::from(*len))).sum();
                assert_eq!(places, 1 << max, "{used} of {max}");
                assert!(lengths[..used].is_sorted_by(|a, b| a >= b));
            }
        }
        work.set_lengths(&[1; 286], 15, &mut lengths);
        let places: u32 = lengths.iter().map(|len| 1 << (15 - len)).sum();
        assert_eq!(places, 1 << 15);
        work.set_lengths(&[0, 3, 0], 15, &mut lengths[..3]);
        assert_eq!(lengths[..3], [0, 1, 0]);
        work.set_lengths(&[0; 3], 15, &mut lengths[..3]);
        assert_eq!(lengths[..3], [0; 3]);
    }
}
