//! The description of the codes of a block (RFC 1951, 3.2.7).

use super::canonical::assign;
use super::symbols::{DISTANCES, DISTANCES_LEN, LENS, LITLENS_LEN, SYMBOLS};
use crate::codec::bits::BitWriter;
use crate::codec::huffman::Work;

/// The last length again, 3 to 6 times.
const AGAIN: usize = 16;
/// 3 to 10, and 11 to 138 symbols without a code.
const NONE: usize = 17;
const MANY_NONE: usize = 18;
const CODES_LEN: usize = 19;
/// The longest code for a length.
const BITS_MAX: usize = 7;

/// In which order the lengths of the codes for lengths are told.
const ORDER: [usize; CODES_LEN] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The bits that each code for a length is expected to take before anything is known.
const FIRST_BITS: [u8; CODES_LEN] = [3, 7, 6, 5, 4, 3, 3, 3, 3, 3, 4, 5, 6, 6, 7, 7, 3, 4, 4];

/// How many extra bits the code for a length has.
fn extra_bits(code: usize) -> u32 {
    match code {
        AGAIN => 2,
        NONE => 3,
        MANY_NONE => 7,
        _ => 0,
    }
}

/// The description of codes, as it is written.
#[derive(Debug)]
pub(super) struct Header {
    /// The codes for lengths, and above them, from bit 5 on, their extra bits.
    tokens: [u16; SYMBOLS],
    tokens_len: usize,
    counts: [u32; CODES_LEN],
    lengths: [u8; CODES_LEN],
    litlens: usize,
    distances: usize,
    /// How many of the lengths are told.
    told: usize,
    bits: u32,
}

impl Header {
    pub(super) fn new() -> Self {
        Header {
            tokens: [0; SYMBOLS],
            tokens_len: 0,
            counts: [0; CODES_LEN],
            lengths: [0; CODES_LEN],
            litlens: 0,
            distances: 0,
            told: 0,
            bits: 0,
        }
    }

    /// Describes codes of these lengths. More passes find better runs.
    pub(super) fn set(&mut self, lengths: &[u8; SYMBOLS], work: &mut Work, passes: u32) {
        let used = |lengths: &[u8]| lengths.iter().rposition(|len| *len > 0).map_or(0, |at| at + 1);
        self.litlens = used(&lengths[..LITLENS_LEN]).max(LENS);
        self.distances = used(&lengths[DISTANCES..DISTANCES + DISTANCES_LEN]).max(1);
        let mut all = [0; LITLENS_LEN + DISTANCES_LEN];
        let len = self.litlens + self.distances;
        all[..self.litlens].copy_from_slice(&lengths[..self.litlens]);
        all[self.litlens..len].copy_from_slice(&lengths[DISTANCES..DISTANCES + self.distances]);
        let mut bits = FIRST_BITS;
        for _ in 0..passes {
            self.set_tokens(&all[..len], bits);
            work.set_lengths(&self.counts, BITS_MAX, &mut self.lengths);
            for (bits, len) in bits.iter_mut().zip(self.lengths) {
                *bits = if len == 0 { BITS_MAX as u8 } else { len };
            }
        }
        let told = ORDER.iter().rposition(|code| self.lengths[*code] > 0);
        self.told = told.map_or(4, |at| at + 1).max(4);
        self.bits = 14 + 3 * self.told as u32;
        for (code, (count, len)) in self.counts.iter().zip(self.lengths).enumerate() {
            self.bits += count * (u32::from(len) + extra_bits(code));
        }
    }

    /// How many bits the description takes.
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// Finds runs of the same length, if codes take so many bits.
    fn set_tokens(&mut self, lengths: &[u8], bits: [u8; CODES_LEN]) {
        self.tokens_len = 0;
        self.counts = [0; CODES_LEN];
        let bits = |code: usize| usize::from(bits[code]) + extra_bits(code) as usize;
        for run in lengths.chunk_by(|a, b| a == b) {
            let len = usize::from(run[0]);
            let mut left = run.len();
            let repeats = if len > 0 {
                self.push(len, 0);
                left -= 1;
                AGAIN
            } else {
                while left >= 11 {
                    // What is left then is long enough, too, or nothing.
                    let taken = if left > 138 { 138.min(left - 11) } else { left };
                    self.push(MANY_NONE, taken - 11);
                    left -= taken;
                }
                NONE
            };
            let most = if repeats == AGAIN { 6 } else { 10 };
            let cost = |count: &usize| {
                let covered = left.min(count * most);
                count * bits(repeats) + (left - covered) * bits(len)
            };
            let count = (0..=left / 3).min_by_key(cost).unwrap_or(0);
            let mut covered = left.min(count * most);
            left -= covered;
            for others in (0..count).rev() {
                // At least three are left for each of the others.
                let taken = (covered - 3 * others).min(most);
                self.push(repeats, taken - 3);
                covered -= taken;
            }
            for _ in 0..left {
                self.push(len, 0);
            }
        }
    }

    fn push(&mut self, code: usize, extra: usize) {
        self.tokens[self.tokens_len] = (code | extra << 5) as u16;
        self.tokens_len += 1;
        self.counts[code] += 1;
    }

    pub(super) fn write(&self, writer: &mut BitWriter<'_>) {
        writer.put((self.litlens - LENS) as u64, 5);
        writer.put((self.distances - 1) as u64, 5);
        writer.put((self.told - 4) as u64, 4);
        writer.flush();
        for code in &ORDER[..self.told] {
            writer.put(u64::from(self.lengths[*code]), 3);
            writer.flush();
        }
        let mut codes = [0; CODES_LEN];
        assign(&self.lengths, &mut codes);
        for token in &self.tokens[..self.tokens_len] {
            let code = usize::from(token & 31);
            writer.put(u64::from(codes[code] & 0xffff), codes[code] >> 16);
            writer.put(u64::from(token >> 5), extra_bits(code));
            writer.flush();
        }
    }
}
