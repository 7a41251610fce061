//! An order in which pieces of data that are alike lie side by side.
//!
//! Two pieces are alike if their sketches have much in common.

use std::cmp::Reverse;

use crate::alike::hashes::{both, by_hash, first, second};
use crate::alike::sketch::Sketch;
use crate::format::{checked_u32, to_u64, to_usize};

/// A hash in more sketches than this says little.
const COMMON: usize = 32;
/// A sketch is compared with so many later ones that share a hash with it.
const AHEAD: usize = 16;
/// So many shared hashes are counted in one go.
const FOUND_MAX: usize = 1 << 18;

/// An order of pieces, given by their places in `sketches`, in which those that have
/// most in common are neighbours. Pieces that have nothing in common with others keep
/// their order.
pub(crate) fn order(sketches: &[Sketch]) -> Vec<usize> {
    let mut chains = Chains::new(sketches.len());
    for Pair { a, ahead, .. } in pairs(sketches) {
        let a = to_usize(u64::from(a));
        chains.join(a, a + to_usize(u64::from(ahead)));
    }
    chains.order()
}

/// Two pieces with something in common. Those with most are first, of these
/// the ones that are nearest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    common: Reverse<u32>,
    /// How far the second one is after the first.
    ahead: u32,
    a: u32,
}

impl Pair {
    /// A number that no other pair has.
    fn key(&self) -> u64 {
        both(self.a, self.ahead)
    }
}

/// All pairs, in their order.
fn pairs(sketches: &[Sketch]) -> Vec<Pair> {
    let mut common = Common::default();
    by_hash(sketches, |places| {
        for same in places.chunk_by(|x, y| first(*x) == first(*y)) {
            if same.len() <= COMMON {
                common.add(same);
            }
        }
    });
    common.count();
    let mut pairs = common.pairs;
    pairs.sort_unstable();
    pairs
}

/// How much pieces have in common.
#[derive(Default)]
struct Common {
    /// Pieces with a hash that a later piece has as well, and the distance to that one.
    found: Vec<u64>,
    /// The counts so far, in the order of the keys.
    pairs: Vec<Pair>,
}

impl Common {
    /// Adds what pieces with the same hash have in common.
    fn add(&mut self, same: &[u64]) {
        for (index, x) in same.iter().enumerate() {
            let others = same[index + 1..].iter().take(AHEAD);
            self.found.extend(others.map(|y| both(second(*x), second(*y) - second(*x))));
        }
        // There are far fewer pairs than hashes that these have in common.
        if self.found.len() >= FOUND_MAX.max(self.pairs.len()) {
            self.count();
        }
    }

    fn count(&mut self) {
        self.found.sort_unstable();
        let mut known = std::mem::take(&mut self.pairs).into_iter().peekable();
        for same in self.found.chunk_by(|x, y| x == y) {
            let key = same[0];
            while let Some(before) = known.next_if(|pair| pair.key() < key) {
                self.pairs.push(before);
            }
            let count = known.next_if(|pair| pair.key() == key).map_or(0, |pair| pair.common.0);
            let count = count + checked_u32(to_u64(same.len()));
            self.pairs.push(Pair { common: Reverse(count), ahead: second(key), a: first(key) });
        }
        self.pairs.extend(known);
        self.found.clear();
    }
}

/// Chains of pieces, at first of one piece each.
struct Chains {
    /// The neighbours of each.
    neighbours: Vec<[Option<usize>; 2]>,
    /// For a piece at the end of a chain, the other end.
    other_ends: Vec<usize>,
}

impl Chains {
    fn new(count: usize) -> Self {
        Chains { neighbours: vec![[None; 2]; count], other_ends: (0..count).collect() }
    }

    /// Joins two chains at `a` and `b`, if these are ends of two.
    fn join(&mut self, a: usize, b: usize) {
        let is_end = |piece: usize| self.neighbours[piece][1].is_none();
        if !is_end(a) || !is_end(b) || self.other_ends[a] == b {
            return;
        }
        for (piece, other) in [(a, b), (b, a)] {
            let free = self.neighbours[piece].iter_mut().find(|neighbour| neighbour.is_none());
            *free.expect("it is an end") = Some(other);
        }
        let (first, last) = (self.other_ends[a], self.other_ends[b]);
        self.other_ends[first] = last;
        self.other_ends[last] = first;
    }

    /// All pieces, chain by chain, each from its first end on.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.neighbours.len());
        let mut done = vec![false; self.neighbours.len()];
        for start in 0..self.neighbours.len() {
            let is_end = self.neighbours[start][1].is_none();
            let mut next = Some(start).filter(|start| is_end && !done[*start]);
            while let Some(piece) = next {
                done[piece] = true;
                order.push(piece);
                next = self.neighbours[piece].into_iter().flatten().find(|other| !done[*other]);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alike::sketch::sketch;

    fn text(seed: u8) -> Vec<u8> {
        let mut state = u64::from(seed) + 1;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + state.to_be_bytes()[0] % 26
        };
        std::iter::repeat_with(next).take(4000).collect()
    }

    #[test]
    fn what_is_alike_becomes_neighbours() {
        let (a, b) = (text(1), text(2));
        let half = [&a[2000..], &b[..500]].concat();
        let pieces = [&a[..], &b, &text(3), &a[100..], &b[50..], &half, b"short", b""];
        let sketches: Vec<Sketch> = pieces.iter().map(|piece| sketch(piece)).collect();
        let order = order(&sketches);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
        let place = |piece: usize| order.iter().position(|other| *other == piece).expect("all");
        assert_eq!(place(0).abs_diff(place(3)), 1, "{order:?}");
        assert_eq!(place(1).abs_diff(place(4)), 1, "{order:?}");
        assert!(place(5).abs_diff(place(0)).min(place(5).abs_diff(place(3))) == 1, "{order:?}");
        assert!(place(2) < place(6) && place(6) < place(7), "{order:?}");
    }

    #[test]
    fn what_is_counted_bit_by_bit_is_the_same() {
        let same = |pieces: &[u32]| pieces.iter().map(|piece| both(7, *piece)).collect::<Vec<_>>();
        let mut common = Common::default();
        for pieces in [&[0, 1, 4][..], &[1, 4], &[0, 4], &[2, 3], &[1, 4]] {
            common.add(&same(pieces));
            common.count();
        }
        let counted = |pair: &Pair| (pair.a, pair.a + pair.ahead, pair.common.0);
        let counted: Vec<_> = common.pairs.iter().map(counted).collect();
        assert_eq!(counted, [(0, 1, 1), (0, 4, 2), (1, 4, 3), (2, 3, 1)]);
    }

    #[test]
    fn chains_never_close() {
        let sketches: Vec<Sketch> = vec![[1, 2, 3].into(); 20];
        let mut order = order(&sketches);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..20));
        assert!(super::order(&[]).is_empty());
    }
}
