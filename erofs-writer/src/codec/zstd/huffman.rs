//! Huffman codes of literals (RFC 8878, 4.2).

use super::fse;
use crate::codec::bits::BitWriter;
use crate::codec::huffman;

/// The longest code.
const BITS_MAX: u32 = 11;
/// The longest description: 128 weights of 4 bits.
const DESCRIPTION_MAX: usize = 136;

/// A code for each byte that needs one.
#[derive(Debug, Clone)]
pub(super) struct Code {
    /// The bits of each code, and above them, from bit 16 on, how many there are.
    codes: [u32; 256],
    description: [u8; DESCRIPTION_MAX],
    description_len: usize,
}

impl Code {
    pub(super) fn new() -> Self {
        Code { codes: [0; 256], description: [0; DESCRIPTION_MAX], description_len: 0 }
    }

    /// Makes the code that fits these counts. There is none if there are fewer
    /// than two symbols, or it cannot be described.
    pub(super) fn set(&mut self, counts: &[u32; 256], work: &mut Work) -> bool {
        if counts.iter().filter(|count| **count > 0).count() < 2 {
            return false;
        }
        work.codes.set_lengths(counts, BITS_MAX as usize, &mut work.lengths);
        let longest = work.lengths.iter().fold(0, |longest, len| longest.max(*len));
        self.assign(&work.lengths, longest.into());
        self.describe(longest.into(), work)
    }

    /// Codes of the same length follow each other, those of the longest first.
    fn assign(&mut self, lengths: &[u8; 256], longest: u32) {
        let mut with_length = [0_u32; BITS_MAX as usize + 1];
        for len in lengths {
            with_length[usize::from(*len)] += 1;
        }
        let mut next = [0_u32; BITS_MAX as usize + 1];
        let mut value = 0;
        for len in (1..=longest as usize).rev() {
            next[len] = value;
            value = (value + with_length[len]) >> 1;
        }
        for (code, len) in self.codes.iter_mut().zip(lengths) {
            let next = &mut next[usize::from(*len)];
            *code = if *len == 0 { 0 } else { u32::from(*len) << 16 | *next };
            *next += 1;
        }
    }

    /// Writes down the weights (RFC 8878, 4.2.1), all but the last, which follows
    /// from the others.
    fn describe(&mut self, longest: u32, work: &mut Work) -> bool {
        let last = work.lengths.iter().rposition(|len| *len != 0).unwrap_or(0);
        let mut counts = [0_u32; BITS_MAX as usize + 1];
        let mut weights = [0_u8; 256];
        for (weight, len) in weights[..last].iter_mut().zip(&work.lengths) {
            *weight = if *len == 0 { 0 } else { longest as u8 + 1 - len };
            counts[usize::from(*weight)] += 1;
        }
        let weights = &weights[..last];
        let direct = if last <= 128 { Some(last.div_ceil(2)) } else { None };
        let distinct = counts.iter().filter(|count| **count > 0).count();
        let coded = if last > 2 && distinct > 1 {
            work.weights.set(&counts, 6);
            write_weights(&work.weights, weights, &mut self.description[1..])
        } else {
            None
        };
        match (direct, coded.filter(|len| *len < 128)) {
            (direct, Some(coded)) if direct.is_none_or(|direct| coded < direct) => {
                self.description[0] = coded as u8;
                self.description_len = 1 + coded;
            }
            (Some(direct), _) => {
                self.description[0] = 127 + last as u8;
                for (to, pair) in self.description[1..].iter_mut().zip(weights.chunks(2)) {
                    *to = pair[0] << 4 | pair.get(1).unwrap_or(&0);
                }
                self.description_len = 1 + direct;
            }
            _ => return false,
        }
        true
    }

    pub(super) fn description(&self) -> &[u8] {
        &self.description[..self.description_len]
    }

    /// How many bits a byte takes, or 0 if it has no code.
    #[inline(always)]
    pub(super) fn bits(&self, byte: u8) -> u32 {
        self.codes[usize::from(byte)] >> 16
    }

    /// How many bits all take, if all have a code.
    pub(super) fn bits_of(&self, counts: &[u32; 256]) -> Option<u64> {
        let mut sum = 0;
        let mut all = true;
        for (count, code) in counts.iter().zip(&self.codes) {
            sum += u64::from(*count) * u64::from(code >> 16);
            all &= *count == 0 || *code != 0;
        }
        all.then_some(sum)
    }

    /// Writes a stream, which decoders read backwards.
    pub(super) fn write(&self, literals: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut writer = BitWriter::new(out);
        let put = |writer: &mut BitWriter<'_>, byte: &u8| {
            let code = self.codes[usize::from(*byte)];
            writer.put(u64::from(code & 0xffff), code >> 16);
        };
        let groups = literals.rchunks_exact(4);
        let rest = groups.remainder();
        for group in groups {
            for byte in group.iter().rev() {
                put(&mut writer, byte);
            }
            writer.flush();
        }
        for byte in rest.iter().rev() {
            put(&mut writer, byte);
        }
        writer.flush();
        writer.finish_backward()
    }
}

/// Writes weights by two states in turn.
fn write_weights(table: &fse::Table, weights: &[u8], out: &mut [u8]) -> Option<usize> {
    let len = table.description().len();
    out.get_mut(..len)?.copy_from_slice(table.description());
    let mut writer = BitWriter::new(&mut out[len..]);
    let mut states = [None; 2];
    for (index, weight) in weights.iter().enumerate().rev() {
        match &mut states[index % 2] {
            Some(state) => table.put(&mut writer, state, *weight),
            state => *state = Some(table.first_state(*weight)),
        }
        writer.flush();
    }
    for state in states.iter().rev() {
        table.put_state(&mut writer, (*state)?);
    }
    Some(len + writer.finish_backward()?)
}

/// Room for building a code.
#[derive(Debug)]
pub(super) struct Work {
    codes: huffman::Work,
    lengths: [u8; 256],
    weights: fse::Table,
}

impl Work {
    pub(super) fn new() -> Self {
        Work { codes: huffman::Work::new(), lengths: [0; 256], weights: fse::Table::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_complete_and_not_too_long() {
        let mut fibonacci = [0; 256];
        let (mut a, mut b) = (1, 1);
        for count in &mut fibonacci[100..130] {
            *count = a;
            (a, b) = (b, a + b);
        }
        let squares = std::array::from_fn(|n| n as u32 * n as u32);
        let two = std::array::from_fn(|n| u32::from(n > 253));
        let steps = std::array::from_fn(|n| 1 << (n / 20));
        let (mut code, mut work) = (Code::new(), Work::new());
        for counts in [fibonacci, squares, two, steps] {
            let described = code.set(&counts, &mut work);
            let mut used = 0;
            for (byte, count) in (0_u8..=255).zip(counts) {
                let bits = code.bits(byte);
                assert_eq!(bits > 0, count > 0);
                assert!(bits <= BITS_MAX);
                used += if bits > 0 { 1 << (BITS_MAX - bits) } else { 0 };
            }
            assert_eq!(used, 1 << BITS_MAX);
            // Of two symbols at the end, the weights before them can be told only by
            // a table, which needs two weights.
            assert!(described, "{counts:?}");
        }
        let one = std::array::from_fn(|n| u32::from(n == 7));
        assert!(!code.set(&one, &mut work));
        // 255 weights that are all the same cannot be described.
        assert!(!code.set(&[1; 256], &mut work));
    }
}
