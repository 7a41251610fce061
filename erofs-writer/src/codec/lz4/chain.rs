//! Which earlier places begin with the same four bytes.

use super::block::MAX_DISTANCE;

const HASH_BITS: u32 = 15;
const RING: usize = 1 << 16;
/// Places are put in so far ahead of the one that is asked for, in one go.
const AHEAD: usize = 256;

/// Chains of places with equal hashes, each linked to the one before it.
///
/// Places count on from segment to segment, with a gap that no match can
/// reach over, so that nothing has to be cleared between segments.
#[derive(Debug)]
pub(super) struct Chains {
    /// The last place of each hash.
    heads: Box<[u32; 1 << HASH_BITS]>,
    /// How far it is to the place before, for the last 65,536 places; 0 where
    /// there is none near enough.
    links: Box<[u16; RING]>,
    /// The place at which the segment starts.
    base: u32,
    /// The first byte of the segment that is not in yet.
    next: usize,
    /// The place at which the next segment may start.
    free: u32,
}

fn table<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    let boxed = vec![value; N].into_boxed_slice();
    boxed.try_into().unwrap_or_else(|_| unreachable!("it has that length"))
}

impl Chains {
    pub(super) fn new() -> Self {
        Chains { heads: table(0), links: table(0), base: 0, next: 0, free: RING as u32 }
    }

    /// Forgets everything, for a segment of `len` bytes.
    pub(super) fn begin(&mut self, len: usize) {
        let needed = (len + RING) as u32;
        if self.free.checked_add(needed).is_none() {
            self.heads.fill(0);
            self.free = RING as u32;
        }
        self.base = self.free;
        self.free += needed;
        self.next = 0;
    }

    /// Puts in everything up to `at` and some more.
    #[inline(always)]
    fn extend(&mut self, data: &[u8], at: usize) {
        if at < self.next {
            return;
        }
        // What is far behind is never asked for.
        self.next = self.next.max(at.saturating_sub(RING));
        let end = (at + AHEAD).min(data.len().saturating_sub(3));
        for (offset, bytes) in data[self.next..end + 3].windows(4).enumerate() {
            let word = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            let place = self.base + (self.next + offset) as u32;
            let head = &mut self.heads[hash(word)];
            let distance = place - *head;
            let link = if distance as usize > MAX_DISTANCE { 0 } else { distance as u16 };
            self.links[place as usize % RING] = link;
            *head = place;
        }
        self.next = end;
    }

    /// Gets ready to go back from `at`, and returns how far that is possible.
    #[inline(always)]
    pub(super) fn lowest(&mut self, data: &[u8], at: usize) -> usize {
        self.extend(data, at);
        // The ring has what is ahead in place of what is farthest behind.
        (at + AHEAD).saturating_sub(RING)
    }

    /// How far it is from `at` to the place before it with its hash; 0 if that
    /// is too far.
    #[inline(always)]
    pub(super) fn link(&self, at: usize) -> usize {
        usize::from(self.links[(self.base as usize + at) % RING])
    }
}

#[inline(always)]
fn hash(word: u32) -> usize {
    (word.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}
