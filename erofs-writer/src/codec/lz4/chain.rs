//! Which earlier places begin with the same four bytes.

use super::bytes::word;

/// The length of the table. Fewer bits of the hash use the beginning of it.
const HEADS: usize = 1 << 17;
const RING: usize = 1 << 16;
/// Places are put in so many at a time, ahead of those that are asked for.
const BATCH: usize = 256;

/// Chains of places with equal words of four bytes, each linked to the one
/// before it in the block.
///
/// Nothing is cleared between blocks or segments. A place in the table counts
/// only if it is in the block and the bytes there are the same; but then that
/// place has itself been put into the table, so what is older has no say.
#[derive(Debug)]
pub(super) struct Chains {
    /// The last place of each hash, modulo 2^16.
    heads: Box<[u16; HEADS]>,
    /// How far it is to the place before, for the last 65,536 places; 0 where
    /// there is none.
    links: Box<[u16; RING + 8]>,
    /// For a batch of places: the words there, and at the places before them.
    values: [u32; BATCH],
    earlier: [u32; BATCH],
    hash_bits: u32,
    /// Where the block starts.
    start: usize,
    /// The first byte of the segment that is not in yet.
    next: usize,
}

fn table<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    let boxed = vec![value; N].into_boxed_slice();
    boxed.try_into().unwrap_or_else(|_| unreachable!("it has that length"))
}

impl Chains {
    pub(super) fn new() -> Self {
        Chains {
            heads: table(0),
            links: table(0),
            values: [0; BATCH],
            earlier: [0; BATCH],
            hash_bits: 0,
            start: 0,
            next: 0,
        }
    }

    /// Turns to another segment.
    pub(super) fn begin(&mut self) {
        (self.start, self.next) = (0, 0);
    }

    /// Turns to the block that begins at `start`.
    pub(super) fn begin_block(&mut self, start: usize, hash_bits: u32) {
        // Nothing has been put into the table by other hashes, and of what is
        // far ahead the ring has lost the beginning.
        if self.hash_bits != hash_bits || self.next > start + RING {
            self.hash_bits = hash_bits;
            self.next = start;
        }
        self.start = start;
        self.next = self.next.max(start);
        // What is in already may lead to before the block.
        for at in start..self.next {
            let link = &mut self.links[at % RING];
            if usize::from(*link) > at - start {
                *link = 0;
            }
        }
    }

    /// The first place from `at` on, before `limit`, that has a link.
    #[inline(always)]
    pub(super) fn next_linked(
        &mut self,
        data: &[u8],
        mut at: usize,
        limit: usize,
    ) -> Option<usize> {
        while at < limit {
            while at >= self.next {
                self.extend(data);
            }
            // Eight links in one number.
            let links = &self.links[at % RING..][..8];
            let links = links.iter().rev().fold(0, |all, link| all << 16 | u128::from(*link));
            if links != 0 {
                // What is not in yet tells nothing.
                at = self.next.min(at + links.trailing_zeros() as usize / 16);
                if at < self.next {
                    return (at < limit).then_some(at);
                }
            } else {
                at = self.next.min(at + 8).min((at | (RING - 1)) + 1);
            }
        }
        None
    }

    /// Puts in some more places, of which there is one at least.
    fn extend(&mut self, data: &[u8]) {
        match self.hash_bits {
            14 => self.extend_by::<14, { 1 << 14 }>(data),
            16 => self.extend_by::<16, { 1 << 16 }>(data),
            _ => self.extend_by::<17, HEADS>(data),
        }
    }

    /// The same for hashes of `BITS` bits, of which there are `LEN`.
    #[inline(never)]
    fn extend_by<const BITS: u32, const LEN: usize>(&mut self, data: &[u8]) {
        let (first, start) = (self.next, self.start);
        let end = ((first / BATCH + 1) * BATCH).min(data.len() - 3);
        let len = end - first;
        let links = &mut self.links[first % RING..][..len];
        let (values, earlier) = (&mut self.values[..len], &mut self.earlier[..len]);

        let heads = self.heads.first_chunk_mut::<LEN>().expect("there are as many at least");
        // Each step by itself has no branches and is fast for all places.
        let words = data[first..end + 3].windows(4);
        for (index, ((bytes, value), link)) in words.zip(&mut *values).zip(&mut *links).enumerate()
        {
            *value = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            let head = &mut heads[(hash(*value) >> (32 - BITS)) as usize % LEN];
            *link = *head;
            *head = (first + index) as u16;
        }
        let max = (first - start).min(0xffff) as u16;
        for (index, link) in (0_u16..).zip(&mut *links) {
            let distance = (first as u16).wrapping_add(index).wrapping_sub(*link);
            *link = if distance <= max.saturating_add(index) { distance } else { 0 };
        }
        for (index, (link, earlier)) in (0_u32..).zip(links.iter().zip(&mut *earlier)) {
            *earlier = word(data, first as u32 + index - u32::from(*link)).unwrap_or(0);
        }
        for ((link, value), earlier) in links.iter_mut().zip(values).zip(earlier) {
            *link = if value == earlier { *link } else { 0 };
        }
        self.next = end;
    }

    /// How far back it is possible to go.
    #[inline(always)]
    pub(super) fn lowest(&self) -> usize {
        // The ring has what is ahead in place of what is farthest behind.
        self.next.saturating_sub(RING)
    }

    /// How far it is from `at` to the place before it with its bytes; 0 if
    /// there is none near enough.
    #[inline(always)]
    pub(super) fn link(&self, at: usize) -> usize {
        usize::from(self.links[at % RING])
    }
}

#[inline(always)]
fn hash(word: u32) -> u32 {
    word.wrapping_mul(0x9E37_79B1)
}
