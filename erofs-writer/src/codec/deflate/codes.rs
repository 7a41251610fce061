//! The codes of a block, and what symbols take with them.

use super::canonical::{BITS_MAX, assign};
use super::counts::Counts;
use super::header::Header;
use super::parse::Sequence;
use super::symbols::{
    DISTANCES, DISTANCES_LEN, END, EXTRA, LITLENS_LEN, SYMBOLS, distance_extra, distance_symbol,
    len_extra, len_symbol,
};
use crate::codec::bits::BitWriter;
use crate::codec::huffman::Work;

/// The lengths of the fixed codes (RFC 1951, 3.2.6).
pub(super) const FIXED: [u8; SYMBOLS] = {
    let mut lengths = [5; SYMBOLS];
    let mut symbol = 0;
    while symbol < DISTANCES {
        lengths[symbol] = match symbol {
            0..144 => 8,
            144..256 => 9,
            256..280 => 7,
            _ => 8,
        };
        symbol += 1;
    }
    lengths
};

/// The assumed cost of a symbol without a code.
const MISSING: u32 = 12;

/// The codes of a block, and the description of them.
#[derive(Debug)]
pub(super) struct Codes {
    lengths: [u8; SYMBOLS],
    /// The bits of each symbol, with its extra bits.
    bits: [u8; SYMBOLS],
    codes: [u32; SYMBOLS],
    header: Header,
    is_fixed: bool,
    work: Work,
}

impl Codes {
    pub(super) fn new() -> Self {
        Codes {
            lengths: [0; SYMBOLS],
            bits: [0; SYMBOLS],
            codes: [0; SYMBOLS],
            header: Header::new(),
            is_fixed: false,
            work: Work::new(),
        }
    }

    /// The fixed codes.
    pub(super) fn fixed() -> Self {
        let mut codes = Codes { lengths: FIXED, is_fixed: true, ..Codes::new() };
        codes.set_bits();
        codes.set_codes();
        codes
    }

    /// Makes the codes that suit these counts.
    pub(super) fn set(&mut self, counts: &Counts, passes: u32) {
        let (litlens, distances) = self.lengths.split_at_mut(DISTANCES);
        let litlen_counts = &counts.symbols[..LITLENS_LEN];
        self.work.set_lengths(litlen_counts, BITS_MAX, &mut litlens[..LITLENS_LEN]);
        let distance_counts = &counts.symbols[DISTANCES..DISTANCES + DISTANCES_LEN];
        self.work.set_lengths(distance_counts, BITS_MAX, &mut distances[..DISTANCES_LEN]);
        self.header.set(&self.lengths, &mut self.work, passes);
        self.set_bits();
    }

    fn set_bits(&mut self) {
        for ((bits, len), extra) in self.bits.iter_mut().zip(self.lengths).zip(&EXTRA) {
            *bits = len + extra;
        }
    }

    /// Finds what is written for symbols.
    pub(super) fn set_codes(&mut self) {
        let (litlens, distances) = self.codes.split_at_mut(DISTANCES);
        assign(&self.lengths[..DISTANCES], litlens);
        assign(&self.lengths[DISTANCES..], distances);
    }

    /// How many bits a block of symbols with these counts takes.
    pub(super) fn block_bits(&self, counts: &Counts) -> usize {
        let header = if self.is_fixed { 0 } else { self.header.bits() };
        let bits = counts.symbols.iter().zip(&self.bits).map(|(n, bits)| n * u32::from(*bits));
        3 + header as usize + bits.sum::<u32>() as usize
    }

    /// How many bits a literal takes, or about so many if it has no code.
    #[inline(always)]
    pub(super) fn literal_bits(&self, byte: u8) -> u32 {
        match u32::from(self.bits[usize::from(byte)]) {
            0 => MISSING,
            bits => bits,
        }
    }

    /// The same for a match.
    pub(super) fn match_bits(&self, len: u32, distance: u32) -> u32 {
        let bits = |symbol: usize| match self.lengths[symbol] {
            0 => MISSING + u32::from(EXTRA[symbol]),
            _ => u32::from(self.bits[symbol]),
        };
        bits(len_symbol(len)) + bits(distance_symbol(distance))
    }

    /// The same for a sequence that begins at `at`.
    pub(super) fn sequence_bits(&self, data: &[u8], at: usize, sequence: Sequence) -> usize {
        let literals = &data[at..at + sequence.literals as usize];
        let bits: u32 = literals.iter().map(|byte| self.literal_bits(*byte)).sum();
        let matched = match sequence.len {
            0 => 0,
            len => self.match_bits(len.into(), sequence.distance.into()),
        };
        (bits + matched) as usize
    }

    /// Has each symbol of a sequence a code?
    pub(super) fn have(&self, data: &[u8], at: usize, sequence: Sequence) -> bool {
        let mut literals = data[at..at + sequence.literals as usize].iter();
        literals.all(|byte| self.has_literal(*byte))
            && (sequence.len == 0
                || (self.has_len(sequence.len.into())
                    && self.has_distance(sequence.distance.into())))
    }

    pub(super) fn has_literal(&self, byte: u8) -> bool {
        self.lengths[usize::from(byte)] > 0
    }

    pub(super) fn has_len(&self, len: u32) -> bool {
        self.lengths[len_symbol(len)] > 0
    }

    pub(super) fn has_distance(&self, distance: u32) -> bool {
        self.lengths[distance_symbol(distance)] > 0
    }

    /// Begins a block. Whether it is the last is not yet told.
    pub(super) fn begin(&self, writer: &mut BitWriter<'_>) {
        // RFC 1951, 3.2.3.
        writer.put(if self.is_fixed { 0b010 } else { 0b100 }, 3);
        writer.flush();
        if !self.is_fixed {
            self.header.write(writer);
        }
    }

    /// Writes sequences, of which the first begins at `at`. The place after them is
    /// returned.
    pub(super) fn write(
        &self,
        writer: &mut BitWriter<'_>,
        data: &[u8],
        mut at: usize,
        sequences: &[Sequence],
    ) -> usize {
        let put = |writer: &mut BitWriter<'_>, symbol: usize| {
            let code = self.codes[symbol];
            writer.put(u64::from(code & 0xffff), code >> 16);
        };
        for sequence in sequences {
            let literals = &data[at..at + sequence.literals as usize];
            at += sequence.bytes();
            // Three codes have room beside what was left.
            let mut groups = literals.chunks_exact(3);
            for group in groups.by_ref() {
                for byte in group {
                    put(writer, usize::from(*byte));
                }
                writer.flush();
            }
            for byte in groups.remainder() {
                put(writer, usize::from(*byte));
            }
            writer.flush();
            if sequence.len > 0 {
                let (len, distance) = (sequence.len.into(), sequence.distance.into());
                let symbol = len_symbol(len);
                put(writer, symbol);
                writer.put(len_extra(len, symbol).into(), EXTRA[symbol].into());
                let symbol = distance_symbol(distance);
                put(writer, symbol);
                let extra = u32::from(EXTRA[symbol]);
                writer.put(distance_extra(distance, extra).into(), extra);
                writer.flush();
            }
        }
        at
    }

    /// Ends a block.
    pub(super) fn end(&self, writer: &mut BitWriter<'_>) {
        let code = self.codes[END];
        writer.put(u64::from(code & 0xffff), code >> 16);
        writer.flush();
    }
}
