//! A finder of earlier places with the same bytes.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "positions are below 2^31, and tables are indexed by masked hashes"
)]

use std::fmt::Debug;

#[cfg(feature = "zstd")]
use super::bytes::chunk;
use super::bytes::word;

/// How many places are added at a time, ahead of those that are asked for.
const BATCH: usize = 256;
/// How many spare links follow the ring. They repeat none of its links, but can be read
/// together with the last ones.
const BEHIND: usize = 8;

/// Some bytes that are compared at once.
pub(super) trait Word: Copy + Eq + Default + Debug {
    /// How many bytes are read for a word.
    const READ: usize;

    /// The word at the beginning of `READ` bytes.
    fn of(bytes: &[u8]) -> Self;

    /// The word at `at`, if it can be read.
    fn at(data: &[u8], at: u32) -> Option<Self>;

    /// A hash of `bits` bits.
    fn hash(self, bits: u32) -> usize;
}

/// Four bytes.
impl Word for u32 {
    const READ: usize = 4;

    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[inline(always)]
    fn at(data: &[u8], at: u32) -> Option<Self> {
        word(data, at)
    }

    #[inline(always)]
    fn hash(self, bits: u32) -> usize {
        (self.wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize
    }
}

/// `LEN` bytes, 5 to 8, as the upper bytes of a number whose other bytes are 0.
#[cfg(feature = "zstd")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Long<const LEN: u32>(u64);

#[cfg(feature = "zstd")]
impl<const LEN: u32> Word for Long<LEN> {
    const READ: usize = 8;

    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        Long(bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) << (64 - 8 * LEN))
    }

    #[inline(always)]
    fn at(data: &[u8], at: u32) -> Option<Self> {
        chunk::<8>(data, at as usize).map(|bytes| Self::of(bytes))
    }

    #[inline(always)]
    fn hash(self, bits: u32) -> usize {
        (self.0.wrapping_mul(0x9E37_79B1_85EB_CA87) >> (64 - bits)) as usize
    }
}

/// The distance from one place to another, or a place modulo `MAX + 1`.
pub(super) trait Link: Copy + Eq + Default + Debug + Send + Sync {
    /// The greatest link.
    const MAX: usize;

    fn new(value: usize) -> Self;
    fn get(self) -> usize;
    fn wrapping_add(self, other: Self) -> Self;
    fn wrapping_sub(self, other: Self) -> Self;
    /// Whether this is at most `max + more`.
    fn is_within(self, max: Self, more: Self) -> bool;
    /// The index of the first of eight links that is not 0.
    fn first_set(links: &[Self]) -> Option<usize>;
}

macro_rules! link {
    ($type:ty, $first_set:item) => {
        impl Link for $type {
            const MAX: usize = <$type>::MAX as usize;

            #[inline(always)]
            fn new(value: usize) -> Self {
                value as $type
            }

            #[inline(always)]
            fn get(self) -> usize {
                self as usize
            }

            #[inline(always)]
            fn wrapping_add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn wrapping_sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn is_within(self, max: Self, more: Self) -> bool {
                self <= max.saturating_add(more)
            }

            #[inline(always)]
            $first_set
        }
    };
}

link!(
    u16,
    fn first_set(links: &[u16]) -> Option<usize> {
        // Eight links in one number.
        let all = links.iter().rev().fold(0, |all, link| all << 16 | u128::from(*link));
        (all != 0).then(|| all.trailing_zeros() as usize / 16)
    }
);

#[cfg(feature = "zstd")]
link!(
    u32,
    fn first_set(links: &[u32]) -> Option<usize> {
        let all = links.iter().fold(0, |all, link| all | link);
        if all == 0 { None } else { links.iter().position(|link| *link != 0) }
    }
);

/// Chains of places with equal words, each linked to the one before it in the
/// block.
///
/// `LINKS` is 8 more than the number of places that are known. This number is a power of
/// two, and at most the number of values of a link. `HEADS` is the length of the table;
/// hashes with fewer bits use the beginning of it.
///
/// Nothing is cleared between blocks or segments. A place in the table counts only if it
/// is in the block and has the same bytes. Such a place has itself been put into the
/// table in place of anything older, so old places do no harm.
#[derive(Debug)]
pub(super) struct MatchFinder<W, L, const HEADS: usize, const LINKS: usize> {
    /// The last place of each hash.
    heads: Box<[L; HEADS]>,
    /// For the last places, the distance to the place before with the same word; 0 where
    /// there is none.
    links: Box<[L; LINKS]>,
    /// For a batch of places: the words there, and those at the places that they link to.
    values: [W; BATCH],
    earlier: [W; BATCH],
    hash_bits: u32,
    /// Where the block starts.
    start: usize,
    /// The first place of the segment that has not been added.
    next: usize,
}

pub(super) fn table<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    let boxed = vec![value; N].into_boxed_slice();
    boxed.try_into().unwrap_or_else(|_| unreachable!("it has that length"))
}

impl<W: Word, L: Link, const HEADS: usize, const LINKS: usize> MatchFinder<W, L, HEADS, LINKS> {
    /// How many places are known.
    const RING: usize = {
        let ring = LINKS - BEHIND;
        assert!(ring.is_power_of_two() && ring <= L::MAX + 1 && HEADS.is_power_of_two());
        ring
    };

    pub(super) fn new() -> Self {
        MatchFinder {
            heads: table(L::default()),
            links: table(L::default()),
            values: [W::default(); BATCH],
            earlier: [W::default(); BATCH],
            hash_bits: 0,
            start: 0,
            next: 0,
        }
    }

    /// Begins another segment.
    pub(super) fn begin(&mut self) {
        (self.start, self.next) = (0, 0);
    }

    /// Begins the block at `start`. Hashes may have 14, 16, 17 or 18 bits.
    pub(super) fn begin_block(&mut self, start: usize, hash_bits: u32) {
        // Places were added to the table with other hashes, or so many are added ahead
        // that the ring has lost the first places of the block.
        if self.hash_bits != hash_bits || self.next > start + Self::RING {
            self.hash_bits = hash_bits;
            self.next = start;
        }
        self.start = start;
        self.next = self.next.max(start);
        // Links of places that were added for earlier blocks may lead to before this
        // block.
        for at in start..self.next {
            let link = &mut self.links[at % Self::RING];
            if link.get() > at - start {
                *link = L::default();
            }
        }
    }

    /// The first place from `at` on, before `limit`, that has a link. A word can be
    /// read at each place before `limit`.
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
            let links = &self.links[at % Self::RING..][..BEHIND];
            if let Some(first) = L::first_set(links) {
                // Links of places that have not been added mean nothing.
                at = self.next.min(at + first);
                if at < self.next {
                    return (at < limit).then_some(at);
                }
            } else {
                at = self.next.min(at + BEHIND).min((at | (Self::RING - 1)) + 1);
            }
        }
        None
    }

    /// Adds some more places. At least one must be left.
    fn extend(&mut self, data: &[u8]) {
        match self.hash_bits {
            14 => self.extend_by::<14, { 1 << 14 }>(data),
            16 => self.extend_by::<16, { 1 << 16 }>(data),
            17 => self.extend_by::<17, { 1 << 17 }>(data),
            _ => self.extend_by::<18, { 1 << 18 }>(data),
        }
    }

    /// `extend` for hashes of `BITS` bits, of which there are `LEN`.
    #[inline(never)]
    fn extend_by<const BITS: u32, const LEN: usize>(&mut self, data: &[u8]) {
        let (first, start) = (self.next, self.start);
        let end = ((first / BATCH + 1) * BATCH).min(data.len() - (W::READ - 1));
        let len = end - first;
        let links = &mut self.links[first % Self::RING..][..len];
        let (values, earlier) = (&mut self.values[..len], &mut self.earlier[..len]);

        let heads = self.heads.first_chunk_mut::<LEN>().expect("there are as many at least");
        // Each of these loops has no branches and is fast for all places.
        let words = data[first..end + (W::READ - 1)].windows(W::READ);
        for (index, ((bytes, value), link)) in words.zip(&mut *values).zip(&mut *links).enumerate()
        {
            *value = W::of(bytes);
            let head = &mut heads[value.hash(BITS) % LEN];
            *link = *head;
            *head = L::new(first + index);
        }
        let max = L::new((first - start).min(Self::RING - 1));
        for (index, link) in links.iter_mut().enumerate() {
            let index = L::new(index);
            let distance = L::new(first).wrapping_add(index).wrapping_sub(*link);
            *link = if distance.is_within(max, index) { distance } else { L::default() };
        }
        for (index, (link, earlier)) in (0_u32..).zip(links.iter().zip(&mut *earlier)) {
            let place = first as u32 + index - link.get() as u32;
            *earlier = W::at(data, place).unwrap_or_default();
        }
        for ((link, value), earlier) in links.iter_mut().zip(values).zip(earlier) {
            *link = if value == earlier { *link } else { L::default() };
        }
        self.next = end;
    }

    /// The first place whose link is still known.
    #[inline(always)]
    pub(super) fn lowest(&self) -> usize {
        // Places that were added ahead have replaced the first ones in the ring.
        self.next.saturating_sub(Self::RING)
    }

    /// The link of `at`, where a word can be read. It may not be in yet.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    pub(super) fn find_link(&mut self, data: &[u8], at: usize) -> usize {
        while at >= self.next {
            self.extend(data);
        }
        self.link(at)
    }

    /// The distance from `at` to the place before with the same word; 0 if there is none
    /// near enough.
    #[inline(always)]
    pub(super) fn link(&self, at: usize) -> usize {
        self.links[at % Self::RING].get()
    }
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use super::*;

    type Near = MatchFinder<u32, u16, { 1 << 17 }, { (1 << 16) + BEHIND }>;
    type Far = MatchFinder<Long<5>, u32, { 1 << 17 }, { (1 << 18) + BEHIND }>;

    /// Noise that comes again after `period` bytes, once.
    fn twice(period: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_le_bytes()[7]
        })
        .take(period)
        .collect();
        noise.repeat(2)
    }

    /// The places of the block at `start` that have a link, and where each link leads.
    fn linked<W: Word, L: Link, const HEADS: usize, const LINKS: usize>(
        finder: &mut MatchFinder<W, L, HEADS, LINKS>,
        data: &[u8],
        start: usize,
    ) -> Vec<(usize, usize)> {
        finder.begin();
        finder.begin_block(start, 17);
        let limit = data.len() - (W::READ - 1);
        let mut found = Vec::new();
        let mut at = start;
        while let Some(place) = finder.next_linked(data, at, limit) {
            found.push((place, place - finder.link(place)));
            at = place + 1;
        }
        found
    }

    #[test]
    fn links_lead_to_equal_words_as_far_back_as_the_ring_goes() {
        for (period, near, far) in [
            (1000, true, true),
            (65_000, true, true),
            (100_000, false, true),
            (300_000, false, false),
        ] {
            let data = &twice(period);
            let (by_near, by_far) = (&mut Near::new(), &mut Far::new());
            for (found, is_near_enough, len) in
                [(linked(by_near, data, 0), near, 4), (linked(by_far, data, 0), far, 5)]
            {
                assert!(found.iter().all(|(at, from)| data[*at..][..len] == data[*from..][..len]));
                let again = found.iter().filter(|(at, from)| at - from == period).count();
                // Where two words have one hash, the earlier one is lost.
                let expected = if is_near_enough { period / 3..=period } else { 0..=0 };
                assert!(expected.contains(&again), "{again} of {period}");
            }
            // None leads to before a block.
            assert!(linked(by_near, data, period).iter().all(|(_, from)| *from >= period));
            assert!(linked(by_far, data, period).iter().all(|(_, from)| *from >= period));
        }
    }
}
