//! The literals of a block (RFC 8878, 3.1.1.3.1).

use super::huffman::Code;

/// How literals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    /// As they are.
    Raw,
    /// All are the same byte, which is written once.
    Single,
    /// By a code that is described before them.
    Fresh,
    /// By the code of the block before.
    Repeat,
}

/// With fewer literals there is one stream, not four.
const FOUR_STREAMS: usize = 1024;

impl Literals {
    /// Are they written by a code?
    pub(super) fn is_coded(self) -> bool {
        matches!(self, Literals::Fresh | Literals::Repeat)
    }

    /// The length of the header, for so many literals.
    pub(super) fn header_len(self, count: usize) -> usize {
        match self {
            Literals::Raw | Literals::Single => match count {
                0..32 => 1,
                32..4096 => 2,
                _ => 3,
            },
            Literals::Fresh | Literals::Repeat => match count {
                0..1024 => 3,
                1024..16_384 => 4,
                _ => 5,
            },
        }
    }

    /// Writes the section. `None` if it does not fit, or is longer than the literals.
    pub(super) fn write(self, code: &Code, literals: &[u8], out: &mut [u8]) -> Option<usize> {
        match self {
            Literals::Raw => {
                let header = self.write_header(literals.len(), 0, out)?;
                out.get_mut(header..header + literals.len())?.copy_from_slice(literals);
                Some(header + literals.len())
            }
            Literals::Single => {
                let header = self.write_header(literals.len(), 0, out)?;
                *out.get_mut(header)? = *literals.first()?;
                Some(header + 1)
            }
            Literals::Fresh | Literals::Repeat => {
                let header = self.header_len(literals.len());
                let description = self.description(code);
                let mut at = header + description.len();
                out.get_mut(header..at)?.copy_from_slice(description);
                at += write_streams(code, literals, out.get_mut(at..)?)?;
                if at - header >= literals.len() {
                    return None;
                }
                self.write_header(literals.len(), at - header, out)?;
                Some(at)
            }
        }
    }

    fn description(self, code: &Code) -> &[u8] {
        if self == Literals::Fresh { code.description() } else { &[] }
    }

    /// How many bytes come with streams of so many bits altogether, at most.
    pub(super) fn len_of(self, code: &Code, count: usize, bits: u64) -> usize {
        let header = self.header_len(count);
        match self {
            Literals::Raw => header + count,
            Literals::Single => header + 1,
            Literals::Fresh | Literals::Repeat => {
                let streams = if count < FOUR_STREAMS { 1 } else { 6 + 4 };
                header + self.description(code).len() + (bits / 8) as usize + streams
            }
        }
    }

    /// Whether a code is shorter than the literals themselves, as it has to be.
    pub(super) fn is_shorter(self, code: &Code, count: usize, bits_before: &[u32]) -> bool {
        let len = || self.exact_len(code, count, bits_before) - self.header_len(count);
        !self.is_coded() || len() < count
    }

    /// The exact length, where `bits_before` are the sums of the bits of the codes
    /// before each literal.
    pub(super) fn exact_len(self, code: &Code, count: usize, bits_before: &[u32]) -> usize {
        let before = |index: usize| bits_before.get(index).copied().unwrap_or(0);
        let bytes = |from: usize, to: usize| ((before(to) - before(from)) / 8) as usize + 1;
        let header = self.header_len(count);
        match self {
            Literals::Raw => header + count,
            Literals::Single => header + 1,
            _ => {
                let fixed = header + self.description(code).len();
                if count < FOUR_STREAMS {
                    return fixed + bytes(0, count);
                }
                let part = count.div_ceil(4);
                let parts = [(0, part), (part, 2 * part), (2 * part, 3 * part), (3 * part, count)];
                fixed + 6 + parts.iter().map(|(from, to)| bytes(*from, *to)).sum::<usize>()
            }
        }
    }

    fn write_header(self, count: usize, coded: usize, out: &mut [u8]) -> Option<usize> {
        let kind = match self {
            Literals::Raw => 0,
            Literals::Single => 1,
            Literals::Fresh => 2,
            Literals::Repeat => 3,
        };
        let len = self.header_len(count);
        let header = match (kind, len) {
            (0 | 1, 1) => kind | count << 3,
            (0 | 1, 2) => kind | 1 << 2 | count << 4,
            (0 | 1, _) => kind | 3 << 2 | count << 4,
            (_, 3) => kind | count << 4 | coded << 14,
            (_, 4) => kind | 2 << 2 | count << 4 | coded << 18,
            _ => kind | 3 << 2 | count << 4 | coded << 22,
        };
        out.get_mut(..len)?.copy_from_slice(&(header as u64).to_le_bytes()[..len]);
        Some(len)
    }
}

/// Writes one stream or four (RFC 8878, 3.1.1.3.1.6).
fn write_streams(code: &Code, literals: &[u8], out: &mut [u8]) -> Option<usize> {
    if literals.len() < FOUR_STREAMS {
        return code.write(literals, out);
    }
    let mut len = 6;
    for (index, part) in literals.chunks(literals.len().div_ceil(4)).enumerate() {
        let part_len = code.write(part, out.get_mut(len..)?)?;
        if let Some(jump) = out.get_mut(..6)?.get_mut(2 * index..2 * index + 2) {
            jump.copy_from_slice(&u16::try_from(part_len).ok()?.to_le_bytes());
        }
        len += part_len;
    }
    Some(len)
}
