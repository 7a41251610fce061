//! Matches and the literals before them (RFC 8878, 3.1.1.3.2).

use super::fse::Table;
use crate::codec::bits::BitWriter;

/// The shortest match.
pub(super) const MIN_MATCH: usize = 3;

/// Some literals and a match after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    pub(super) len: u32,
    pub(super) offset: u32,
}

/// The same as it is coded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coded {
    pub(super) literals: u32,
    pub(super) len: u32,
    /// The offset, or which of the last ones it repeats.
    pub(super) value: u32,
    pub(super) codes: Codes,
}

/// The codes of literals, match and offset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Codes {
    pub(super) literals: u8,
    pub(super) len: u8,
    pub(super) offset: u8,
}

impl Codes {
    /// How many bits are beside the codes.
    #[inline(always)]
    pub(super) fn extra(self) -> u32 {
        LITERALS_EXTRA[usize::from(self.literals) % 64]
            + LEN_EXTRA[usize::from(self.len) % 64]
            + u32::from(self.offset)
    }
}

/// The last offsets (RFC 8878, 3.1.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeats(pub(super) [u32; 3]);

impl Repeats {
    /// Those at the beginning of a frame.
    pub(super) const FIRST: Repeats = Repeats([1, 4, 8]);

    /// The number that stands for `offset` after so many literals. The offset becomes the last
    /// one.
    #[inline(always)]
    pub(super) fn code(&mut self, offset: u32, literals: u32) -> u32 {
        let [first, second, third] = self.0;
        if literals != 0 {
            if offset == first {
                return 1;
            }
            if offset == second {
                self.0 = [second, first, third];
                return 2;
            }
            self.0 = [offset, first, second];
            return if offset == third { 3 } else { offset + 3 };
        }
        if offset == second {
            self.0 = [second, first, third];
            return 1;
        }
        self.0 = [offset, first, second];
        if offset == third {
            return 2;
        }
        if offset == first.wrapping_sub(1) { 3 } else { offset + 3 }
    }
}

impl Repeats {
    /// Follows a sequence that was coded.
    #[inline(always)]
    pub(super) fn follow(&mut self, value: u32, literals: u32) {
        let [first, second, third] = self.0;
        self.0 = match value + u32::from(literals == 0) {
            1 => return,
            2 if value < 3 => [second, first, third],
            3 if value < 4 => [third, first, second],
            4 if value == 3 => [first - 1, first, second],
            _ => [value - 3, first, second],
        };
    }
}

const fn extras<const N: usize>(direct: usize, bits: [u8; N]) -> [u32; 64] {
    let mut table = [0; 64];
    let mut index = 0;
    while index < N {
        table[direct + index] = bits[index] as u32;
        index += 1;
    }
    table
}

pub(super) const LITERALS_EXTRA: [u32; 64] =
    extras(16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
pub(super) const LEN_EXTRA: [u32; 64] =
    extras(32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

/// The codes of small numbers, each of which has so many more bits.
const fn small_codes<const N: usize>(extra: [u32; 64]) -> [u8; N] {
    let mut table = [0; N];
    let (mut value, mut code) = (0, 0);
    while value < N {
        let mut next = value + (1 << extra[code]);
        if next > N {
            next = N;
        }
        while value < next {
            table[value] = code as u8;
            value += 1;
        }
        code += 1;
    }
    table
}

static LITERALS_CODES: [u8; 64] = small_codes(LITERALS_EXTRA);
static LEN_CODES: [u8; 128] = small_codes(LEN_EXTRA);

/// The code of so many literals.
#[inline(always)]
pub(super) fn literals_code(literals: u32) -> u8 {
    match LITERALS_CODES.get(literals as usize) {
        Some(code) => *code,
        None => (31 - literals.leading_zeros()) as u8 + 19,
    }
}

/// The code of a match of `len` bytes.
#[inline(always)]
pub(super) fn len_code(len: u32) -> u8 {
    let len = len - MIN_MATCH as u32;
    match LEN_CODES.get(len as usize) {
        Some(code) => *code,
        None => (31 - len.leading_zeros()) as u8 + 36,
    }
}

/// The code of an offset or repeat.
#[inline(always)]
pub(super) fn offset_code(value: u32) -> u8 {
    (31 - value.leading_zeros()) as u8
}

/// Codes a sequence and updates `repeats`.
#[inline(always)]
pub(super) fn code(repeats: &mut Repeats, literals: u32, len: u32, offset: u32) -> Coded {
    let value = repeats.code(offset, literals);
    let codes =
        Codes { literals: literals_code(literals), len: len_code(len), offset: offset_code(value) };
    Coded { literals, len, value, codes }
}

/// The tables of the three codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a> {
    pub(super) literals: &'a Table,
    pub(super) offsets: &'a Table,
    pub(super) lens: &'a Table,
}

/// Writes the stream of sequences, which decoders read backwards.
pub(super) fn write(sequences: &[Coded], tables: Tables<'_>, out: &mut [u8]) -> Option<usize> {
    let mut writer = BitWriter::new(out);
    let (last, before) = sequences.split_last()?;
    let mut literals = tables.literals.first_state(last.codes.literals);
    let mut offset = tables.offsets.first_state(last.codes.offset);
    let mut len = tables.lens.first_state(last.codes.len);
    write_extra(&mut writer, last);
    for sequence in before.iter().rev() {
        let codes = sequence.codes;
        tables.offsets.put(&mut writer, &mut offset, codes.offset);
        tables.lens.put(&mut writer, &mut len, codes.len);
        tables.literals.put(&mut writer, &mut literals, codes.literals);
        write_extra(&mut writer, sequence);
    }
    tables.lens.put_state(&mut writer, len);
    tables.offsets.put_state(&mut writer, offset);
    tables.literals.put_state(&mut writer, literals);
    writer.flush();
    writer.finish_backward()
}

/// The bits beside the codes. There may be 33 bits already.
#[inline(always)]
fn write_extra(writer: &mut BitWriter<'_>, sequence: &Coded) {
    let codes = sequence.codes;
    let low = |value: u32, bits: u32| u64::from(value & ((1 << bits) - 1));
    let literals_bits = LITERALS_EXTRA[usize::from(codes.literals) % 64];
    let len_bits = LEN_EXTRA[usize::from(codes.len) % 64];
    // The first value of a code is a multiple of how many values it has. So the bits
    // are the lowest ones of the number.
    writer.put(low(sequence.literals, literals_bits), literals_bits);
    if literals_bits + len_bits + u32::from(codes.offset) > 30 {
        writer.flush();
    }
    writer.put(low(sequence.len - MIN_MATCH as u32, len_bits), len_bits);
    writer.put(low(sequence.value, codes.offset.into()), codes.offset.into());
    writer.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_format() {
        // RFC 8878, tables of 3.1.1.3.2.1.1.
        for (literals, code) in
            [(0, 0), (15, 15), (16, 16), (17, 16), (18, 17), (24, 20), (28, 21), (32, 22), (39, 22)]
        {
            assert_eq!(literals_code(literals), code, "{literals}");
        }
        for (literals, code) in
            [(40, 23), (48, 24), (63, 24), (64, 25), (127, 25), (128, 26), (65_536, 35)]
        {
            assert_eq!(literals_code(literals), code, "{literals}");
        }
        for (len, code) in [
            (3, 0),
            (34, 31),
            (35, 32),
            (36, 32),
            (43, 36),
            (47, 37),
            (51, 38),
            (67, 40),
            (83, 41),
            (99, 42),
            (130, 42),
            (131, 43),
            (258, 43),
            (259, 44),
            (65_539, 52),
        ] {
            assert_eq!(len_code(len), code, "{len}");
        }
    }

    #[test]
    fn repeats_are_followed_as_they_are_coded() {
        let mut state: u32 = 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        let (mut coded, mut followed) = (Repeats::FIRST, Repeats::FIRST);
        let mut values = [0; 5];
        for _ in 0..20_000 {
            let (offset, literals) = (next() % 6 + 1, next() % 2);
            let value = coded.code(offset, literals);
            followed.follow(value, literals);
            assert_eq!(coded, followed);
            assert_eq!(coded.0[0], offset);
            values[value.min(4) as usize] += 1;
        }
        assert!(values[1..].iter().all(|count| *count > 100));
    }
}
