//! What tells how much two pieces of data have in common.
//!
//! That is how many strings of eight bytes are in both. A sketch of a piece
//! keeps some of these, chosen by their hashes alone, so that pieces with the
//! same strings keep the same ones.

/// How long the strings are.
const STRING_LEN: usize = 8;
/// Of so many strings a sketch keeps one, as a power of two.
const SAMPLE_BITS: u32 = 5;

/// Hashes of some strings of a piece, each once, in ascending order.
pub(crate) type Sketch = Box<[u32]>;

/// The sketch of `data`.
pub(crate) fn sketch(data: &[u8]) -> Sketch {
    let mut hashes: Vec<u32> = data
        .windows(STRING_LEN)
        .filter_map(|string| {
            let string = u64::from_le_bytes(*string.first_chunk()?);
            let hash = (string ^ string >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (chosen, kept) = (hash >> (u64::BITS - SAMPLE_BITS), hash >> 16 & 0xffff_ffff);
            if chosen == 0 { u32::try_from(kept).ok() } else { None }
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.into()
}
