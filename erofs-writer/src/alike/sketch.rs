//! Sketches: they tell how much two pieces of data have in common.
//!
//! That is how many strings of eight bytes are in both. A sketch of a piece
//! keeps some of these, chosen by their hashes alone, so that pieces with the
//! same strings keep the same ones.
//!
//! A sketch has an eighth of the bytes of its piece. Some are made as the piece
//! is read for something else, and kept until pieces are put in order, while
//! there is room for them. The others are made when they are needed.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How long the strings are.
const STRING_LEN: usize = 8;
/// A sketch keeps one string in so many; log2.
const SAMPLE_BITS: u32 = 5;
/// So many bytes of sketches are kept: the sketches of some 250 MiB of data.
const KEPT_MAX: usize = 32 << 20;

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

/// How many bytes of sketches are kept.
///
/// Which sketches are kept may differ from run to run. The results do not: a sketch
/// that is made later is the same.
#[derive(Debug, Default)]
pub(crate) struct Kept(AtomicUsize);

impl Kept {
    pub(crate) fn of<'a>(sketches: impl Iterator<Item = &'a Sketch>) -> Self {
        Kept(AtomicUsize::new(sketches.map(bytes).sum()))
    }

    /// The sketch of `data`, if there is room to keep it.
    pub(crate) fn sketch(&self, data: &[u8]) -> Option<Sketch> {
        if self.0.load(Ordering::Relaxed) > KEPT_MAX {
            return None;
        }
        let sketch = sketch(data);
        self.0.fetch_add(bytes(&sketch), Ordering::Relaxed);
        Some(sketch)
    }
}

/// How much memory it takes.
fn bytes(sketch: &Sketch) -> usize {
    size_of::<Sketch>() + size_of_val(&**sketch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_more_is_kept_than_there_is_room_for() {
        let data: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        let kept = Kept::default();
        let first = kept.sketch(&data).expect("there is room");
        assert_eq!(first, sketch(&data));
        let others = std::iter::from_fn(|| kept.sketch(&data));
        let bytes: usize = others.take(10_000).map(|sketch| 4 * sketch.len()).sum();
        assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&bytes), "{bytes} bytes are kept");
        assert_eq!(kept.sketch(b"more"), None);
    }
}
