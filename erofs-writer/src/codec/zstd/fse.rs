//! Finite state entropy: symbols coded with fractions of a bit (RFC 8878, 4.1).

use crate::codec::bits::BitWriter;
use crate::codec::log2::log2;

/// The most symbols of an alphabet: codes of match lengths.
pub(super) const SYMBOLS: usize = 53;
/// The largest table.
const LOG_MAX: u32 = 9;
/// The longest description of one.
const DESCRIPTION_MAX: usize = 96;

/// How the states of a symbol are found.
#[derive(Debug, Clone, Copy, Default)]
struct Transform {
    /// Added to the state, gives the number of bits above 16 others.
    bits: u32,
    find: i32,
}

/// A table that symbols are coded with.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Of the number of states.
    pub(super) log: u32,
    /// How many states each symbol has; -1 is one that is written in another way.
    pub(super) shares: [i16; SYMBOLS],
    transforms: [Transform; 64],
    states: [u16; 1 << LOG_MAX],
    description: [u8; DESCRIPTION_MAX],
    description_len: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Table {
            log: 0,
            shares: [0; SYMBOLS],
            transforms: [Transform::default(); 64],
            states: [0; 1 << LOG_MAX],
            description: [0; DESCRIPTION_MAX],
            description_len: 0,
        }
    }

    /// A table that decoders know.
    pub(super) fn predefined(log: u32, shares: &[i16]) -> Self {
        let mut table = Table::new();
        table.log = log;
        table.shares[..shares.len()].copy_from_slice(shares);
        table.build();
        table
    }

    /// Makes it one that has a single symbol, which costs nothing.
    pub(super) fn set_single(&mut self, symbol: u8) {
        self.log = 0;
        self.shares = [0; SYMBOLS];
        self.shares[usize::from(symbol)] = 1;
        self.transforms[usize::from(symbol)] = Transform { bits: 0, find: -1 };
        self.states[0] = 1;
        self.description[0] = symbol;
        self.description_len = 1;
    }

    /// Makes it one that fits these counts, of which two at least are not 0, with
    /// at most `1 << log_max` states.
    pub(super) fn set(&mut self, counts: &[u32], log_max: u32) {
        let total: u32 = counts.iter().sum();
        let symbols = counts.iter().filter(|count| **count > 0).count() as u32;
        // More states than this do not pay for a longer description.
        let by_total = (31 - total.leading_zeros()).saturating_sub(1);
        let by_symbols = 32 - symbols.leading_zeros() + 1;
        self.log = by_total.max(by_symbols).clamp(5, log_max);
        self.shares = [0; SYMBOLS];
        share(counts, total, self.log, &mut self.shares);
        self.build();
        self.describe();
    }

    fn build(&mut self) {
        let size = 1_usize << self.log;
        let mut symbol_at = [0_u8; 1 << LOG_MAX];
        // RFC 8878, 4.1.1: symbols of less than one state have their cell at the end.
        let mut high = size;
        let mut starts = [0_u16; SYMBOLS];
        let mut total: i32 = 0;
        for (symbol, share) in self.shares.iter().enumerate() {
            starts[symbol] = total as u16;
            let find = total - i32::from(share.abs());
            self.transforms[symbol] = match share {
                0 => Transform::default(),
                -1 | 1 => Transform {
                    bits: (self.log << 16).wrapping_sub(1 << self.log),
                    find: total - 1,
                },
                _ => {
                    let share = share.unsigned_abs();
                    let most = self.log - (15 - (share - 1).leading_zeros());
                    Transform { bits: (most << 16) - (u32::from(share) << most), find }
                }
            };
            if *share == -1 {
                high -= 1;
                symbol_at[high] = symbol as u8;
            }
            total += i32::from(share.abs());
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, share) in self.shares.iter().enumerate() {
            for _ in 0..*share {
                symbol_at[at] = symbol as u8;
                at = (at + step) & (size - 1);
                while at >= high {
                    at = (at + step) & (size - 1);
                }
            }
        }
        for (state, symbol) in symbol_at[..size].iter().enumerate() {
            let next = &mut starts[usize::from(*symbol) % SYMBOLS];
            self.states[usize::from(*next) % (1 << LOG_MAX)] = (size + state) as u16;
            *next += 1;
        }
    }

    /// Writes down the shares (RFC 8878, 4.1.1).
    fn describe(&mut self) {
        let mut writer = BitWriter::new(&mut self.description);
        writer.put(u64::from(self.log - 5), 4);
        let last = self.shares.iter().rposition(|share| *share != 0).unwrap_or(0);
        let mut remaining = (1_i32 << self.log) + 1;
        let mut threshold = 1_i32 << self.log;
        let mut bits = self.log + 1;
        let mut symbol = 0;
        while symbol <= last {
            let share = i32::from(self.shares[symbol]);
            symbol += 1;
            let small = 2 * threshold - 1 - remaining;
            remaining -= share.abs();
            let mut value = share + 1;
            if value >= threshold {
                value += small;
            }
            writer.put(value as u64, bits - u32::from(value < small));
            writer.flush();
            if share == 0 {
                let zeros = self.shares[symbol..].iter().take_while(|share| **share == 0).count();
                for _ in 0..zeros / 3 {
                    writer.put(3, 2);
                    writer.flush();
                }
                writer.put((zeros % 3) as u64, 2);
                writer.flush();
                symbol += zeros;
            }
            while remaining < threshold {
                bits -= 1;
                threshold >>= 1;
            }
        }
        self.description_len = writer.finish().expect("it has room for the longest");
    }

    pub(super) fn description(&self) -> &[u8] {
        &self.description[..self.description_len]
    }

    /// The cost of a symbol, in 256ths of a bit, if it has a share.
    #[inline(always)]
    pub(super) fn cost(&self, symbol: usize) -> Option<u32> {
        let share = self.shares[symbol];
        (share != 0).then(|| (self.log << 8) - log2(u32::from(share.unsigned_abs())))
    }

    /// The cost of symbols with these counts, in 256ths of a bit, if all have a share.
    pub(super) fn cost_of(&self, counts: &[u32]) -> Option<u64> {
        let mut cost = 0;
        for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            cost += u64::from(*count) * u64::from(self.cost(symbol)?);
        }
        Some(cost)
    }

    /// The state after a first symbol, which costs nothing.
    #[inline(always)]
    pub(super) fn first_state(&self, symbol: u8) -> u32 {
        if self.log == 0 {
            return 1;
        }
        let transform = self.transforms[usize::from(symbol) % 64];
        let bits = (transform.bits + (1 << 15)) >> 16;
        let value = (bits << 16) - transform.bits;
        self.state(value >> bits, transform)
    }

    #[inline(always)]
    fn state(&self, part: u32, transform: Transform) -> u32 {
        let index = part.wrapping_add_signed(transform.find);
        u32::from(self.states[index as usize % (1 << LOG_MAX)])
    }

    /// Puts a symbol before the others.
    #[inline(always)]
    pub(super) fn put(&self, writer: &mut BitWriter<'_>, state: &mut u32, symbol: u8) {
        let transform = self.transforms[usize::from(symbol) % 64];
        let bits = (*state + transform.bits) >> 16;
        writer.put(u64::from(*state & ((1 << bits) - 1)), bits);
        *state = self.state(*state >> bits, transform);
    }

    /// Puts the state that a decoder begins with.
    #[inline(always)]
    pub(super) fn put_state(&self, writer: &mut BitWriter<'_>, state: u32) {
        writer.put(u64::from(state & ((1 << self.log) - 1)), self.log);
    }
}

/// Shares the states among the symbols so that all cost as little as can be.
fn share(counts: &[u32], total: u32, log: u32, shares: &mut [i16; SYMBOLS]) {
    let size = 1_u64 << log;
    let mut left = size as i32;
    for (count, share) in counts.iter().zip(&mut *shares).filter(|(count, _)| **count > 0) {
        let exact = u64::from(*count) * size / u64::from(total);
        *share = exact.max(1) as i16;
        left -= i32::from(*share);
    }
    let log_of = |share: i16| i64::from(log2(share as u32));
    // A state goes where it saves most, or is taken where it costs least.
    while left != 0 {
        let step: i16 = if left > 0 { 1 } else { -1 };
        let gain = |(count, share): (&u32, &i16)| {
            i64::from(*count) * (log_of(share + step) - log_of(*share))
        };
        let may = |share: i16| share > 0 && share + step > 0;
        let indexes = (0..counts.len()).filter(|index| may(shares[*index]));
        let best = indexes.max_by_key(|index| gain((&counts[*index], &shares[*index])));
        let Some(best) = best else { return };
        // Many at a time, if there are many.
        let by = if left > 0 { (left / 8).max(1) } else { -1 };
        shares[best] += by as i16;
        left -= by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_states_are_shared() {
        for (counts, log) in [
            (vec![1, 1], 5),
            (vec![1, 0, 0, 1_000_000], 9),
            (vec![1; 53], 6),
            (vec![50, 0, 30, 1, 1, 1, 1, 1, 1], 5),
            ((1..=53).map(|n| n * n * n).collect(), 9),
        ] {
            let mut shares = [0; SYMBOLS];
            share(&counts, counts.iter().sum(), log, &mut shares);
            assert_eq!(shares.iter().sum::<i16>(), 1 << log, "{counts:?}");
            for (index, share) in shares.iter().enumerate() {
                let count = counts.get(index).copied().unwrap_or(0);
                assert_eq!(*share > 0, count > 0, "{counts:?}");
            }
        }
    }

    #[test]
    fn each_state_is_of_one_symbol() {
        let mut table = Table::new();
        table.set(&[9, 0, 5, 1, 0, 0, 0, 2, 700], 9);
        let size = 1 << table.log;
        let mut states = table.states[..size].to_vec();
        states.sort_unstable();
        assert!(states.iter().zip(size..).all(|(state, expected)| usize::from(*state) == expected));
        assert_eq!(table.cost(1), None);
        assert!(table.cost(8) < table.cost(0) && table.cost(0) < table.cost(3));
    }
}
