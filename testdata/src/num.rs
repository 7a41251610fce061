//! Conversions between the widths of numbers, and little-endian fields.
//! Tests run on 64-bit hosts only; the panics say so.

/// `usize` as `u64`.
pub(crate) fn wide(n: usize) -> u64 {
    u64::try_from(n).expect("usize is at most 64 bits")
}

/// `u64` as an index.
pub(crate) fn index(n: u64) -> usize {
    usize::try_from(n).expect("tests run on a 64-bit host")
}

/// The low 32 bits.
pub(crate) fn low32(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).expect("masked")
}

/// The low 16 bits.
pub(crate) fn low16(n: u64) -> u16 {
    u16::try_from(n & 0xffff).expect("masked")
}

/// The little-endian number of `len` (1 to 8) bytes at `at`.
///
/// # Panics
///
/// If `bytes` is shorter than that.
pub(crate) fn le(bytes: &[u8], at: usize, len: usize) -> u64 {
    let field = &bytes[at..at + len];
    field.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// `n` rounded up to a multiple of `unit`.
pub(crate) fn up(n: u64, unit: u64) -> u64 {
    n.div_ceil(unit) * unit
}
