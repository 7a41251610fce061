//! Tables of earlier places, found by a hash of the bytes there.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "positions are below 2^31, and tables are indexed by masked hashes"
)]

use super::bytes::{long_word, word};
use super::match_finder::table;

/// How many numbers of places earlier segments have used up. So what they left in a table
/// is never taken for a place of the segment at hand, and tables need not be cleared.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// The number of the first place of the segment.
    base: u32,
    len: u32,
}

impl Base {
    /// Begins a segment of `len` bytes. Returns whether the tables have to be cleared
    /// because no numbers are left.
    fn advance(&mut self, len: usize) -> bool {
        let next = self.base.checked_add(self.len).filter(|next| *next < 1 << 31);
        self.base = next.unwrap_or(0).max(1);
        self.len = len as u32;
        next.is_none()
    }

    /// The number of a place.
    #[inline(always)]
    pub(super) fn place(&self, at: usize) -> u32 {
        self.base.wrapping_add(at as u32)
    }
}

/// The last place of each hash of `BYTES` bytes. A table of one place is not used.
#[derive(Debug)]
pub(super) struct Places<const BYTES: u32, const SIZE: usize>(Box<[u32; SIZE]>);

impl<const BYTES: u32, const SIZE: usize> Places<BYTES, SIZE> {
    const IS_USED: bool = SIZE > 1;
    const SHIFT: u32 = if SIZE > 1 { 64 - SIZE.ilog2() } else { 63 };

    fn new() -> Self {
        const { assert!(SIZE.is_power_of_two()) };
        Places(table(0))
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    #[inline(always)]
    fn slot(&mut self, bytes: u64) -> &mut u32 {
        let hash = (bytes << (64 - 8 * BYTES)).wrapping_mul(0x9E37_79B1_85EB_CA87);
        &mut self.0[(hash >> Self::SHIFT) as usize % SIZE]
    }

    /// Puts in `place`, where these bytes are, and returns how far it is to the place
    /// that was there.
    #[inline(always)]
    pub(super) fn replace(&mut self, bytes: u64, place: u32) -> u32 {
        let slot = self.slot(bytes);
        let distance = place.wrapping_sub(*slot);
        *slot = place;
        distance
    }
}

/// The tables of a search that takes the first match it sees: places by words of `BYTES`
/// bytes, and by words of `LONG` bytes.
#[derive(Debug)]
pub(super) struct Tables<
    const BYTES: u32,
    const SIZE: usize,
    const LONG: u32,
    const LONG_SIZE: usize,
> {
    base: Base,
    short: Places<BYTES, SIZE>,
    long: Places<LONG, LONG_SIZE>,
}

impl<const BYTES: u32, const SIZE: usize, const LONG: u32, const LONG_SIZE: usize>
    Tables<BYTES, SIZE, LONG, LONG_SIZE>
{
    /// Whether the longer words have a table.
    const HAS_LONG: bool = Places::<LONG, LONG_SIZE>::IS_USED;

    pub(super) fn new() -> Self {
        Tables { base: Base::default(), short: Places::new(), long: Places::new() }
    }

    /// Begins a segment of `len` bytes.
    pub(super) fn begin_segment(&mut self, len: usize) {
        if self.base.advance(len) {
            self.short.clear();
            self.long.clear();
        }
    }

    /// Puts in a place, if words can be read there.
    #[inline(always)]
    pub(super) fn put(&mut self, data: &[u8], at: usize) {
        if let Some(bytes) = long_word(data, at) {
            let place = self.base.place(at);
            *self.short.slot(bytes) = place;
            if Self::HAS_LONG {
                *self.long.slot(bytes) = place;
            }
        }
    }

    /// Puts in `at`, where the words begin with `bytes`, and returns how far it is to the
    /// places that were there, of the short word and of the long one.
    #[inline(always)]
    pub(super) fn replace(&mut self, at: usize, bytes: u64) -> (u32, u32) {
        let place = self.base.place(at);
        let far = if Self::HAS_LONG { self.long.replace(bytes, place) } else { 0 };
        (self.short.replace(bytes, place), far)
    }

    /// The same for the long word alone.
    #[inline(always)]
    pub(super) fn replace_long(&mut self, at: usize, bytes: u64) -> u32 {
        self.long.replace(bytes, self.base.place(at))
    }
}

/// The place so far before `at`; one that cannot be read if there is none.
#[inline(always)]
pub(super) fn before(at: usize, distance: u32) -> u32 {
    (at as u32).wrapping_sub(distance)
}

/// The last place of each hash of three bytes. Matches of three bytes pay if they are
/// near.
#[derive(Debug)]
pub(super) struct Short<const SIZE: usize> {
    base: Base,
    places: Box<[u32; SIZE]>,
    /// The first place that is not in yet.
    next: usize,
}

impl<const SIZE: usize> Short<SIZE> {
    pub(super) fn new() -> Self {
        const { assert!(SIZE.is_power_of_two() && SIZE > 1) };
        Short { base: Base::default(), places: table(0), next: 0 }
    }

    pub(super) fn begin_segment(&mut self, len: usize) {
        if self.base.advance(len) {
            self.places.fill(0);
        }
    }

    pub(super) fn begin(&mut self, start: usize) {
        self.next = start;
    }

    /// How far it may be to the last place before `at` with the same three bytes.
    #[inline(always)]
    pub(super) fn distance(&mut self, data: &[u8], at: usize) -> usize {
        while self.next < at {
            if let Some(slot) = Self::slot(data, self.next) {
                self.places[slot] = self.base.place(self.next);
            }
            self.next += 1;
        }
        let slot = Self::slot(data, at);
        slot.map_or(0, |slot| self.base.place(at).wrapping_sub(self.places[slot]) as usize)
    }

    /// The same for a caller that does not put in all places.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    pub(super) fn replace(&mut self, data: &[u8], at: usize) -> usize {
        let Some(slot) = Self::slot(data, at) else { return 0 };
        let place = self.base.place(at);
        place.wrapping_sub(std::mem::replace(&mut self.places[slot], place)) as usize
    }

    #[inline(always)]
    fn slot(data: &[u8], at: usize) -> Option<usize> {
        let hash = (word(data, at as u32)? << 8).wrapping_mul(0x9E37_79B1);
        Some((hash >> (32 - SIZE.ilog2())) as usize % SIZE)
    }
}
