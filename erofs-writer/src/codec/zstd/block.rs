//! One block (RFC 8878, 3.1.1.2): what is in it, and writing it.

use super::entropy::{Counts, Entropy, Plan};
use super::parse::{Cursor, Parse, Step};
use super::sequences::{self, Coded, Repeats, Sequence};
use crate::codec::bytes::{chunk, chunk_mut};

/// The most bytes a block decodes to.
pub(super) const BLOCK_MAX: usize = 128 << 10;
/// The header of a block.
pub(super) const HEADER_LEN: usize = 3;
/// So many bytes are copied at once for up to as many literals.
const SHORT: usize = 16;

/// The contents of a block.
#[derive(Debug)]
pub(super) struct Block {
    /// Where its bytes are in the data.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Nothing can be added to it.
    pub(super) closed: bool,
    pub(super) sequences: Vec<Coded>,
    /// The literals of all sequences, and those after the last one.
    literals: Vec<u8>,
    pub(super) literals_len: usize,
    /// How many of the literals are counted.
    counted: usize,
    /// How many of the literals come after the last sequence.
    pub(super) trailing: usize,
    pub(super) counts: Counts,
    pub(super) repeats: Repeats,
}

impl Block {
    pub(super) fn new() -> Self {
        Block {
            start: 0,
            end: 0,
            closed: false,
            sequences: Vec::new(),
            literals: vec![0; BLOCK_MAX + SHORT],
            literals_len: 0,
            counted: 0,
            trailing: 0,
            counts: Counts::new(),
            repeats: Repeats::FIRST,
        }
    }

    /// Begins a block after the one that left these repeats.
    pub(super) fn begin(&mut self, start: usize, repeats: Repeats) {
        (self.start, self.end) = (start, start);
        self.closed = false;
        self.sequences.clear();
        (self.literals_len, self.counted, self.trailing) = (0, 0, 0);
        self.counts.clear();
        self.repeats = repeats;
    }

    /// Makes this the block that follows it, up to `end`, from a part of another block.
    /// Nothing is added to it later.
    pub(super) fn load(
        &mut self,
        sequences: &[Coded],
        literals: &[u8],
        counts: &Counts,
        end: usize,
    ) {
        (self.start, self.end) = (self.end, end);
        self.closed = true;
        self.sequences.clear();
        self.sequences.extend_from_slice(sequences);
        self.literals[..literals.len()].copy_from_slice(literals);
        (self.literals_len, self.counted, self.trailing) = (literals.len(), literals.len(), 0);
        self.counts.clone_from(counts);
        for sequence in sequences {
            self.repeats.follow(sequence.value, sequence.literals);
        }
    }

    pub(super) fn literals(&self) -> &[u8] {
        &self.literals[..self.literals_len]
    }

    /// Adds sequences up to about `target`. The block must end before `max`.
    pub(super) fn add(
        &mut self,
        data: &[u8],
        parse: &Parse,
        cursor: &mut Cursor,
        target: usize,
        max: usize,
    ) {
        while cursor.at < target {
            let mut at = cursor.at;
            let mut taken = 0;
            for sequence in cursor.whole(parse) {
                let bytes = (sequence.literals + sequence.len) as usize;
                if at >= target || bytes > max - at {
                    break;
                }
                self.add_sequence(data, sequence);
                at += bytes;
                taken += 1;
            }
            cursor.skip(taken, at);
            if at >= target {
                break;
            }
            // At the end of the data there is no other block.
            let len = if max == data.len() { 0 } else { self.end - self.start };
            match cursor.next(parse, len, max) {
                Step::Sequence(sequence) => self.add_sequence(data, &sequence),
                Step::Literals(len) => self.add_literals(data, len),
                Step::Full => {
                    self.closed = true;
                    return;
                }
                Step::Nothing => break,
            }
        }
        self.closed = self.end == max;
    }

    #[inline(always)]
    fn add_sequence(&mut self, data: &[u8], sequence: &Sequence) {
        self.add_literals(data, sequence.literals as usize);
        self.end += sequence.len as usize;
        let literals = self.trailing as u32;
        self.trailing = 0;
        let coded = sequences::code(&mut self.repeats, literals, sequence.len, sequence.offset);
        self.counts.add(&coded);
        self.sequences.push(coded);
    }

    /// Adds the next bytes as literals.
    #[inline(always)]
    pub(super) fn add_literals(&mut self, data: &[u8], len: usize) {
        let from = chunk::<SHORT>(data, self.end);
        let to = chunk_mut::<SHORT>(&mut self.literals, self.literals_len);
        match (from, to) {
            // Copies of fixed length are faster. Bytes too many are overwritten later.
            (Some(from), Some(to)) if len <= SHORT => *to = *from,
            _ => {
                let to = &mut self.literals[self.literals_len..self.literals_len + len];
                to.copy_from_slice(&data[self.end..self.end + len]);
            }
        }
        self.literals_len += len;
        self.trailing += len;
        self.end += len;
    }

    /// Counts the literals that are not yet counted.
    pub(super) fn count_literals(&mut self) {
        let new = &self.literals[self.counted..self.literals_len];
        self.counts.add_literals(new);
        self.counted = self.literals_len;
    }

    /// About how many bytes the block takes.
    pub(super) fn estimate(&mut self) -> usize {
        self.count_literals();
        (self.counts.estimate() >> 11) as usize
    }

    /// Keeps only the first `count` sequences, and `more` literals after them.
    pub(super) fn cut(&mut self, data: &[u8], count: usize, more: usize) {
        let rest = &self.sequences[count..];
        let literals: usize = rest.iter().map(|sequence| sequence.literals as usize).sum();
        let matched: usize = rest.iter().map(|sequence| sequence.len as usize).sum();
        self.literals_len -= literals + self.trailing;
        self.end -= literals + matched + self.trailing;
        self.trailing = 0;
        self.sequences.truncate(count);
        self.add_literals(data, more);
        self.closed = true;
    }
}

/// The length of the number of sequences.
fn count_len(count: usize) -> usize {
    match count {
        0..128 => 1,
        128..0x7f00 => 2,
        _ => 3,
    }
}

/// Writes that number (RFC 8878, 3.1.1.3.2.1).
fn write_count(count: usize, out: &mut [u8]) -> Option<usize> {
    let len = count_len(count);
    let bytes = match len {
        1 => [count as u8, 0, 0],
        2 => [(count >> 8) as u8 + 128, count as u8, 0],
        _ => [255, (count - 0x7f00) as u8, ((count - 0x7f00) >> 8) as u8],
    };
    out.get_mut(..len)?.copy_from_slice(&bytes[..len]);
    Some(len)
}

/// The kinds of blocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Raw,
    /// One byte many times.
    Single,
    Compressed,
}

/// Writes the header of a block that is not the last one.
pub(super) fn write_header(kind: Kind, len: usize, out: &mut [u8]) -> Option<()> {
    let kind = match kind {
        Kind::Raw => 0,
        Kind::Single => 1,
        Kind::Compressed => 2,
    };
    let header = (kind << 1 | len << 3) as u32;
    out.get_mut(..HEADER_LEN)?.copy_from_slice(&header.to_le_bytes()[..HEADER_LEN]);
    Some(())
}

/// Writes the section of the sequences.
pub(super) fn write_sequences(
    sequences: &[Coded],
    entropy: &Entropy,
    plan: Plan,
    out: &mut [u8],
) -> Option<usize> {
    let mut len = write_count(sequences.len(), out)?;
    if !sequences.is_empty() {
        len += entropy.describe(plan, out.get_mut(len..)?)?;
        len += sequences::write(sequences, entropy.tables(plan), out.get_mut(len..)?)?;
    }
    Some(len)
}

/// About how many bytes a compressed block takes: seldom fewer, and hardly more.
pub(super) fn len_of(block: &Block, entropy: &Entropy, plan: Plan) -> usize {
    let literals = block.literals_len;
    let code = entropy.code(plan.literals);
    let mut len = HEADER_LEN + plan.literals.len_of(code, literals, plan.literals_bits);
    len += count_len(block.sequences.len());
    if !block.sequences.is_empty() {
        let mut bits = block.counts.extra << 8;
        for (kind, mode) in plan.modes.iter().enumerate() {
            let table = entropy.table(kind, *mode);
            bits += table.cost_of(&block.counts.codes[kind]).unwrap_or(0);
            bits += u64::from(table.log << 8);
        }
        len += entropy.describe_len(plan) + ((bits >> 8) / 8) as usize + 1;
    }
    len
}

/// Writes a compressed block and returns its length, if it fits.
pub(super) fn write(
    block: &Block,
    entropy: &Entropy,
    plan: Plan,
    sequences: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    let code = entropy.code(plan.literals);
    let literals = plan.literals.write(code, block.literals(), out.get_mut(HEADER_LEN..)?)?;
    let at = HEADER_LEN + literals;
    out.get_mut(at..at + sequences.len())?.copy_from_slice(sequences);
    let len = literals + sequences.len();
    write_header(Kind::Compressed, len, out)?;
    Some(HEADER_LEN + len)
}
