//! Where the last block of a stream ends.
//!
//! The codes of all that was found for the block tell what each sequence takes.
//! Sequences are taken off its end until the rest seems to fit. For that codes are made
//! again, with which some more fit, and so on. When little is won by that, the room that is
//! left is filled by what has codes.

use super::codes::Codes;
use super::counts::Counts;
use super::effort::Effort;
use super::parse::Sequence;
use super::split::Part;

/// The last block, and what is to be in it.
#[derive(Debug)]
pub(super) struct Cut<'a> {
    pub(super) data: &'a [u8],
    pub(super) sequences: &'a [Sequence],
    /// How many bits there are for the block.
    pub(super) room: usize,
}

/// Bytes after the whole sequences of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail {
    /// Some literals, then a match, then literals again.
    pub(super) before: Sequence,
    pub(super) after: u32,
}

impl Tail {
    pub(super) fn bytes(self) -> usize {
        self.before.bytes() + self.after as usize
    }
}

impl Cut<'_> {
    /// Shortens `block` until it fits with `codes`, made for it, and finds what else fits
    /// after it. Nothing may be left of the block.
    pub(super) fn fit(&self, block: &mut Part, codes: &mut Codes, effort: Effort) -> Tail {
        let mut bits = self.remove(block, codes);
        for round in 1..=effort.rounds {
            codes.set(&block.counts, effort.passes);
            // The description may have become longer.
            bits = self.remove(block, codes);
            let before = block.last;
            let is_final = round == effort.rounds;
            bits = self.add(block, codes, bits, is_final);
            if is_final || block.last == before {
                break;
            }
        }
        self.tail(block.last, block.end, codes, self.room.saturating_sub(bits))
    }

    /// Takes sequences off the end of a block until it fits, and returns its bits.
    fn remove(&self, block: &mut Part, codes: &Codes) -> usize {
        let mut bits = codes.block_bits(&block.counts);
        while bits > self.room && block.last > block.first {
            let sequence = self.sequences[block.last - 1];
            block.last -= 1;
            block.end -= sequence.bytes();
            block.counts.remove(self.data, block.end, sequence);
            bits -= codes.sequence_bits(self.data, block.end, sequence);
        }
        bits
    }

    /// Adds sequences as long as the block seems to fit, and returns its bits. All their
    /// symbols may have to have codes.
    fn add(&self, block: &mut Part, codes: &Codes, mut bits: usize, coded: bool) -> usize {
        while let Some(sequence) = self.sequences.get(block.last) {
            let more = codes.sequence_bits(self.data, block.end, *sequence);
            if bits + more > self.room || (coded && !codes.have(self.data, block.end, *sequence)) {
                break;
            }
            bits += more;
            block.counts.add(self.data, block.end, *sequence);
            block.end += sequence.bytes();
            block.last += 1;
        }
        bits
    }

    /// How many sequences from `first` on fit with fixed codes, and where they end, if
    /// they begin at `at`; and what fits after them.
    pub(super) fn fit_fixed(
        &self,
        mut first: usize,
        mut at: usize,
        codes: &Codes,
    ) -> (usize, usize, Tail) {
        let mut left = self.room.saturating_sub(codes.block_bits(&Counts::new()));
        while let Some(sequence) = self.sequences.get(first) {
            let bits = codes.sequence_bits(self.data, at, *sequence);
            if bits > left {
                break;
            }
            left -= bits;
            first += 1;
            at += sequence.bytes();
        }
        (first, at, self.tail(first, at, codes, left))
    }

    /// The part of a sequence that fits, which begins at `at`.
    pub(super) fn tail(&self, first: usize, at: usize, codes: &Codes, mut room: usize) -> Tail {
        let Some(sequence) = self.sequences.get(first) else { return Tail::default() };
        let literals_end = at + sequence.literals as usize;
        let literals = self.literals(at, literals_end, codes, &mut room);
        let mut tail = Tail::default();
        tail.before.literals = literals as u32;
        if literals < sequence.literals as usize || sequence.len == 0 {
            return tail;
        }
        let distance = u32::from(sequence.distance);
        if codes.has_distance(distance) {
            let fits = |len: &u32| {
                codes.has_len(*len) && codes.match_bits(*len, distance) as usize <= room
            };
            if let Some(len) = (3..=u32::from(sequence.len)).rev().find(fits) {
                room -= codes.match_bits(len, distance) as usize;
                (tail.before.len, tail.before.distance) = (len as u16, sequence.distance);
            }
        }
        // Also a short rest of a match may be literals.
        let end = literals_end + usize::from(sequence.len);
        let begin = literals_end + usize::from(tail.before.len);
        tail.after = self.literals(begin, end, codes, &mut room) as u32;
        tail
    }

    /// How many of these bytes fit as literals.
    fn literals(&self, begin: usize, end: usize, codes: &Codes, room: &mut usize) -> usize {
        let fits = |byte: &&u8| {
            let bits = codes.literal_bits(**byte) as usize;
            let fits = codes.has_literal(**byte) && bits <= *room;
            *room -= if fits { bits } else { 0 };
            fits
        };
        self.data[begin..end].iter().take_while(fits).count()
    }
}
