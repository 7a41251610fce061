//! Where the last block of a frame ends.
//!
//! The block that does not fit tells what its symbols are coded with, and what each
//! sequence costs. Sequences are taken off its end until it seems to fit. Then those
//! that are left are written, as only this tells their exact length, and the room
//! that is left is filled with literals.

use super::block::{self, Block, HEADER_LEN};
use super::entropy::{Entropy, Plan};
use super::huffman::Code;
use super::literals::Literals;
use super::sequences::Coded;

/// Fewer sequences than this are written again without much loss of time.
const FEW: usize = 128;

/// The rest of an output, and what is to fill it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    pub(super) data: &'a [u8],
    /// Where the block must end.
    pub(super) limit: usize,
    pub(super) room: usize,
}

/// Buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    stream: Vec<u8>,
    stream_len: usize,
    /// The sums of the bits of the codes before each literal.
    bits_before: Vec<u32>,
}

impl Scratch {
    /// Writes the section of sequences.
    pub(super) fn write(&mut self, sequences: &[Coded], entropy: &Entropy, plan: Plan) {
        // No sequence takes more than 10 bytes.
        let room = 300 + 10 * sequences.len();
        if self.stream.len() < room {
            self.stream.resize(room.next_power_of_two(), 0);
        }
        let len = block::write_sequences(sequences, entropy, plan, &mut self.stream);
        self.stream_len = len.expect("there is room");
    }

    /// The sequences as they were written.
    pub(super) fn sequences(&self) -> &[u8] {
        &self.stream[..self.stream_len]
    }

    /// Sums up the bits of literals.
    fn sum(&mut self, code: &Code, literals: &[u8]) {
        self.bits_before.clear();
        self.bits_before.push(0);
        let mut sum = 0;
        self.bits_before.extend(literals.iter().map(|byte| {
            sum += code.bits(*byte);
            sum
        }));
    }
}

/// The beginning of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    sequences: usize,
    /// Their literals.
    literals: usize,
    /// Their bytes.
    pub(super) content: usize,
}

impl Cut<'_> {
    /// Cuts `block` to about what is `kept`, and writes its sequences to `scratch`.
    /// Returns the plan to write it with, or `None` if no sequence fits.
    pub(super) fn fit(
        self,
        block: &mut Block,
        entropy: &Entropy,
        mut plan: Plan,
        mut kept: Kept,
        scratch: &mut Scratch,
    ) -> Option<Plan> {
        if plan.literals.is_coded() {
            let code = entropy.code(plan.literals);
            scratch.sum(code, &block.literals()[..kept.literals]);
        }
        for step in 1.. {
            scratch.write(&block.sequences[..kept.sequences], entropy, plan);
            if let Some(room) = self.room.checked_sub(HEADER_LEN + scratch.stream_len) {
                let mut more = self.more(block, kept, entropy, plan.literals, room, scratch);
                // The code was made for more literals. It may not pay for these.
                let count = kept.literals + more.unwrap_or(0);
                let code = entropy.code(plan.literals);
                if !plan.literals.is_shorter(code, count, &scratch.bits_before) {
                    let plain = self.more(block, kept, entropy, Literals::Raw, room, scratch);
                    if plain.is_some() {
                        (plan.literals, more) = (Literals::Raw, plain);
                    }
                }
                if let Some(more) = more {
                    block.cut(self.data, kept.sequences, more);
                    return Some(plan);
                }
            }
            for _ in 0..step {
                kept.sequences = kept.sequences.checked_sub(1)?;
                let last = &block.sequences[kept.sequences];
                kept.literals -= last.literals as usize;
                kept.content -= (last.literals + last.len) as usize;
            }
        }
        None
    }

    /// How many literals fit into `room` beside those that are kept. `None` if those do
    /// not fit.
    fn more(
        self,
        block: &Block,
        kept: Kept,
        entropy: &Entropy,
        literals: Literals,
        room: usize,
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let after = &self.data[block.start + kept.content..self.limit];
        let first = block.literals().first().copied();
        let code = entropy.code(literals);
        let most =
            kept.literals + literals_after(after, kept, first, code, literals, room, scratch);
        let len = |count: usize| literals.exact_len(code, count, &scratch.bits_before);
        let count = (kept.literals..=most).rev().find(|count| len(*count) <= room)?;
        Some(count - kept.literals)
    }
}

/// How many of the bytes after those that are kept may become literals: so many that
/// they just do not fit into `room`.
fn literals_after(
    after: &[u8],
    kept: Kept,
    first: Option<u8>,
    code: &Code,
    literals: Literals,
    room: usize,
    scratch: &mut Scratch,
) -> usize {
    match literals {
        Literals::Raw => after.len().min(room.saturating_sub(kept.literals)),
        Literals::Single => after.iter().take_while(|byte| Some(**byte) == first).count(),
        _ => {
            let sums = &mut scratch.bits_before;
            sums.truncate(kept.literals + 1);
            let mut sum = sums[kept.literals];
            for byte in after {
                let bits = code.bits(*byte);
                sum += bits;
                // Bytes that did not come before have no code.
                if bits == 0 || (sum / 8) as usize > room {
                    break;
                }
                sums.push(sum);
            }
            sums.len() - 1 - kept.literals
        }
    }
}

/// How much of `block` seems to fit.
pub(super) fn fitting(block: &Block, entropy: &Entropy, plan: Plan, room: usize) -> Kept {
    let code = entropy.code(plan.literals);
    let coded = plan.literals.is_coded();
    let plain = if plan.literals == Literals::Raw { 8 } else { 0 };
    let literals_bits = |literals: &[u8]| -> u64 {
        if coded {
            literals.iter().map(|byte| u64::from(code.bits(*byte))).sum()
        } else {
            plain * literals.len() as u64
        }
    };
    let costs = [0, 1, 2].map(|kind| {
        let table = entropy.table(kind, plan.modes[kind]);
        let mut costs = [0; 64];
        for (symbol, cost) in costs.iter_mut().enumerate().take(53) {
            *cost = table.cost(symbol).unwrap_or(0);
        }
        costs
    });
    let literals = block.literals();
    let mut kept = Kept {
        sequences: block.sequences.len(),
        literals: block.literals_len - block.trailing,
        content: block.end - block.start - block.trailing,
    };
    let over = block::len_of(block, entropy, plan).saturating_sub(room);
    // In 256ths of a bit.
    let mut over = (over as i64) << 11;
    over -= (literals_bits(&literals[kept.literals..]) << 8) as i64;
    // The estimate is a little too high. Where sequences are few, one more counts.
    if block.sequences.len() < FEW {
        over -= 24 << 8;
    }
    while over > 0 && kept.sequences > 0 {
        kept.sequences -= 1;
        let last = &block.sequences[kept.sequences];
        let before = kept.literals - last.literals as usize;
        let bits = literals_bits(&literals[before..kept.literals]) + u64::from(last.codes.extra());
        let cost = costs[0][usize::from(last.codes.literals) % 64]
            + costs[1][usize::from(last.codes.offset) % 64]
            + costs[2][usize::from(last.codes.len) % 64];
        over -= (bits << 8) as i64 + i64::from(cost);
        kept.literals = before;
        kept.content -= (last.literals + last.len) as usize;
    }
    kept
}
