//! The codes and tables of a block: their choice, and what they cost.

use super::fse::Table;
use super::huffman::{Code, Work};
use super::literals::Literals;
use super::sequences::{Coded, Tables};
use crate::codec::log2::times_log2;

/// How often each symbol comes.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub(super) literals: [u32; 256],
    /// The codes of literals, offsets and lengths of matches.
    pub(super) codes: [[u32; 64]; 3],
    /// The bits beside the codes.
    pub(super) extra: u64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts { literals: [0; 256], codes: [[0; 64]; 3], extra: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.literals.fill(0);
        self.codes.fill([0; 64]);
        self.extra = 0;
    }

    #[inline(always)]
    pub(super) fn add(&mut self, coded: &Coded) {
        let codes = coded.codes;
        self.codes[0][usize::from(codes.literals) % 64] += 1;
        self.codes[1][usize::from(codes.offset) % 64] += 1;
        self.codes[2][usize::from(codes.len) % 64] += 1;
        self.extra += u64::from(codes.extra());
    }

    pub(super) fn add_literals(&mut self, literals: &[u8]) {
        if literals.len() < MANY {
            for byte in literals {
                self.literals[usize::from(*byte)] += 1;
            }
            return;
        }
        // A count that was just written is slow to read again. With two tables the same
        // byte twice in a row does not have to wait.
        let mut others = [0_u32; 256];
        let pairs = literals.chunks_exact(2);
        for byte in pairs.remainder() {
            self.literals[usize::from(*byte)] += 1;
        }
        for pair in pairs {
            self.literals[usize::from(pair[0])] += 1;
            others[usize::from(pair[1])] += 1;
        }
        for (count, more) in self.literals.iter_mut().zip(others) {
            *count += more;
        }
    }

    /// Adds those of the block after this one.
    pub(super) fn join(&mut self, other: &Counts) {
        for (count, more) in self.literals.iter_mut().zip(&other.literals) {
            *count += more;
        }
        for (codes, others) in self.codes.iter_mut().zip(&other.codes) {
            for (count, more) in codes.iter_mut().zip(others) {
                *count += more;
            }
        }
        self.extra += other.extra;
    }

    /// About what a block with these counts takes, in 256ths of a bit.
    pub(super) fn estimate(&self) -> u64 {
        self.estimate_with(&NOTHING)
    }

    /// The same for the two together.
    pub(super) fn estimate_with(&self, other: &Counts) -> u64 {
        let Sum { total, cost, used } = Sum::of(&self.literals, &other.literals);
        // Half a byte of description for a symbol.
        let mut sum = (u64::from(total) << 11).min(cost + (used << 10));
        for ((codes, others), symbols) in self.codes.iter().zip(&other.codes).zip(SYMBOLS) {
            let Sum { total, cost, used } = Sum::of(
                &codes[..symbols.next_multiple_of(8)],
                &others[..symbols.next_multiple_of(8)],
            );
            // Predefined tables need no description, but fit less.
            sum += cost + ((used * 9 / 2).min(u64::from(total)) << 8);
        }
        // The headers, and what is not used of last bytes.
        sum + ((self.extra + other.extra) << 8) + (18 << 11)
    }
}

/// Fewer literals than this are counted one after the other.
const MANY: usize = 512;

static NOTHING: Counts = Counts { literals: [0; 256], codes: [[0; 64]; 3], extra: 0 };

/// The estimate for one alphabet.
struct Sum {
    total: u32,
    cost: u64,
    /// How many symbols come.
    used: u64,
}

impl Sum {
    fn of(counts: &[u32], others: &[u32]) -> Self {
        let (mut total, mut each, mut used) = (0, 0, 0);
        for (count, other) in counts.iter().zip(others) {
            let count = count + other;
            total += count;
            each += times_log2(count);
            used += u64::from(count > 0);
        }
        Sum { total, cost: times_log2(total).saturating_sub(each), used }
    }
}

/// How many symbols the three alphabets have, and of how many states their tables
/// are at most.
const SYMBOLS: [usize; 3] = [36, 32, 53];
const LOG_MAX: [u32; 3] = [9, 8, 9];

/// RFC 8878, 3.1.1.3.2.2.
const LITERALS_SHARES: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const LEN_SHARES: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_SHARES: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

/// How one of the three codes is written (RFC 8878, 3.1.1.3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Predefined,
    Single,
    Fresh,
    Repeat,
}

impl Mode {
    fn number(self) -> u8 {
        match self {
            Mode::Predefined => 0,
            Mode::Single => 1,
            Mode::Fresh => 2,
            Mode::Repeat => 3,
        }
    }
}

/// The codes and tables that a block is written with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) literals: Literals,
    pub(super) modes: [Mode; 3],
    /// The bits of the literals' codes.
    pub(super) literals_bits: u64,
}

/// The table that the block before has left for one of the three codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Predefined,
    Own,
}

/// The tables of a frame.
#[derive(Debug)]
pub(super) struct Entropy {
    predefined: [Table; 3],
    /// Those of the blocks before, and which of them there are.
    tables: [Table; 3],
    last: [Last; 3],
    code: Code,
    has_code: bool,
    /// Those for the block at hand.
    fresh_tables: [Table; 3],
    fresh_code: Code,
    work: Work,
}

impl Entropy {
    pub(super) fn new() -> Self {
        let tables = || [Table::new(), Table::new(), Table::new()];
        Entropy {
            predefined: [
                Table::predefined(6, &LITERALS_SHARES),
                Table::predefined(5, &OFFSET_SHARES),
                Table::predefined(6, &LEN_SHARES),
            ],
            tables: tables(),
            last: [Last::Nothing; 3],
            code: Code::new(),
            has_code: false,
            fresh_tables: tables(),
            fresh_code: Code::new(),
            work: Work::new(),
        }
    }

    /// Begins a frame.
    pub(super) fn begin(&mut self) {
        self.last = [Last::Nothing; 3];
        self.has_code = false;
    }

    /// Chooses what a block with these counts is written with.
    pub(super) fn plan(&mut self, counts: &Counts) -> Plan {
        let (literals, literals_bits) = self.plan_literals(&counts.literals);
        let modes = [0, 1, 2].map(|kind| self.plan_codes(kind, &counts.codes[kind]));
        Plan { literals, modes, literals_bits }
    }

    fn plan_literals(&mut self, counts: &[u32; 256]) -> (Literals, u64) {
        let total: u32 = counts.iter().sum();
        let count = total as usize;
        if count > 2 && counts.contains(&total) {
            return (Literals::Single, 0);
        }
        let mut best = (Literals::Raw, 8 * u64::from(total));
        if count < 8 {
            return best;
        }
        let mut best_len = Literals::Raw.len_of(&self.code, count, 0);
        if let Some(bits) = self.code.bits_of(counts).filter(|_| self.has_code) {
            let len = Literals::Repeat.len_of(&self.code, count, bits);
            if len < best_len {
                (best, best_len) = ((Literals::Repeat, bits), len);
            }
        }
        if self.fresh_code.set(counts, &mut self.work) {
            let bits = self.fresh_code.bits_of(counts).unwrap_or(u64::MAX / 2);
            if Literals::Fresh.len_of(&self.fresh_code, count, bits) < best_len {
                best = (Literals::Fresh, bits);
            }
        }
        best
    }

    fn plan_codes(&mut self, kind: usize, counts: &[u32; 64]) -> Mode {
        let counts = &counts[..SYMBOLS[kind]];
        let total: u32 = counts.iter().sum();
        let Some(some) = counts.iter().position(|count| *count > 0) else {
            return Mode::Predefined;
        };
        let mut best = (Mode::Single, u64::MAX);
        if let Some(cost) = self.predefined[kind].cost_of(counts) {
            best = (Mode::Predefined, cost);
        }
        if self.last[kind] != Last::Nothing {
            if let Some(cost) = self.table(kind, Mode::Repeat).cost_of(counts) {
                if cost < best.1 {
                    best = (Mode::Repeat, cost);
                }
            }
        }
        let fresh = &mut self.fresh_tables[kind];
        if counts[some] == total {
            if best.1 > 8 << 8 {
                fresh.set_single(some as u8);
                best.0 = Mode::Single;
            }
            return best.0;
        }
        // No table pays for its description by less.
        if best.1 > 24 << 8 {
            fresh.set(counts, LOG_MAX[kind]);
            let described = (fresh.description().len() as u64) << 11;
            if fresh.cost_of(counts).is_some_and(|cost| cost + described < best.1) {
                return Mode::Fresh;
            }
        }
        best.0
    }

    pub(super) fn table(&self, kind: usize, mode: Mode) -> &Table {
        match (mode, self.last[kind]) {
            (Mode::Predefined, _) | (Mode::Repeat, Last::Predefined) => &self.predefined[kind],
            (Mode::Repeat, _) => &self.tables[kind],
            _ => &self.fresh_tables[kind],
        }
    }

    pub(super) fn tables(&self, plan: Plan) -> Tables<'_> {
        let [literals, offsets, lens] = plan.modes;
        Tables {
            literals: self.table(0, literals),
            offsets: self.table(1, offsets),
            lens: self.table(2, lens),
        }
    }

    /// The code that the literals are written with, if they are.
    pub(super) fn code(&self, literals: Literals) -> &Code {
        if literals == Literals::Fresh { &self.fresh_code } else { &self.code }
    }

    /// The modes, and the descriptions of fresh tables.
    pub(super) fn describe(&self, plan: Plan, out: &mut [u8]) -> Option<usize> {
        let [literals, offsets, lens] = plan.modes.map(Mode::number);
        *out.first_mut()? = literals << 6 | offsets << 4 | lens << 2;
        let mut len = 1;
        for (kind, mode) in plan.modes.iter().enumerate() {
            if matches!(mode, Mode::Single | Mode::Fresh) {
                let description = self.table(kind, *mode).description();
                out.get_mut(len..len + description.len())?.copy_from_slice(description);
                len += description.len();
            }
        }
        Some(len)
    }

    /// The length of that.
    pub(super) fn describe_len(&self, plan: Plan) -> usize {
        let described = plan.modes.iter().enumerate();
        let described = described.filter(|(_, mode)| matches!(mode, Mode::Single | Mode::Fresh));
        1 + described.map(|(kind, mode)| self.table(kind, *mode).description().len()).sum::<usize>()
    }

    /// A block was written: decoders have its tables now.
    pub(super) fn keep(&mut self, plan: Plan, has_sequences: bool) {
        if plan.literals == Literals::Fresh {
            std::mem::swap(&mut self.code, &mut self.fresh_code);
            self.has_code = true;
        }
        for (kind, mode) in plan.modes.iter().enumerate().filter(|_| has_sequences) {
            match mode {
                Mode::Predefined => self.last[kind] = Last::Predefined,
                Mode::Repeat => {}
                Mode::Single | Mode::Fresh => {
                    std::mem::swap(&mut self.tables[kind], &mut self.fresh_tables[kind]);
                    self.last[kind] = Last::Own;
                }
            }
        }
    }
}
