//! An order in which pieces of data that are alike lie side by side.
//!
//! Two pieces are alike if their sketches have much in common.

pub(super) mod nearest;

use std::cmp::Reverse;

use crate::format::{checked_u32, low_half, to_u64, to_usize};
use crate::plan::Sketch;

/// What is in more sketches than this tells little.
const COMMON: usize = 32;
/// A sketch is compared with so many behind it that have a hash of it.
const AHEAD: usize = 16;

/// An order of pieces, given by their places in `sketches`, in which those
/// that have most in common are neighbours. What has nothing in common with
/// others stays where it is among its like.
pub(super) fn order(sketches: &[Sketch]) -> Vec<usize> {
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
    /// How far the second one is behind the first.
    ahead: u32,
    a: u32,
}

/// All pairs, in their order.
fn pairs(sketches: &[Sketch]) -> Vec<Pair> {
    let all = (0u32..).zip(sketches);
    // Two numbers in one are sorted in half the time.
    let mut places: Vec<u64> =
        all.flat_map(|(piece, sketch)| sketch.iter().map(move |hash| both(*hash, piece))).collect();
    places.sort_unstable();
    let mut common: Vec<u64> = Vec::new();
    for same in places.chunk_by(|x, y| first(*x) == first(*y)).filter(|same| same.len() <= COMMON) {
        for (index, x) in same.iter().enumerate() {
            let others = same[index + 1..].iter().take(AHEAD);
            common.extend(others.map(|y| both(second(*x), second(*y))));
        }
    }
    common.sort_unstable();
    let pair = |same: &[u64]| {
        let (a, b) = (first(same[0]), second(same[0]));
        Pair { common: Reverse(checked_u32(to_u64(same.len()))), ahead: b - a, a }
    };
    let mut pairs: Vec<Pair> = common.chunk_by(|x, y| x == y).map(pair).collect();
    pairs.sort_unstable();
    pairs
}

fn both(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

fn first(both: u64) -> u32 {
    checked_u32(both >> 32)
}

fn second(both: u64) -> u32 {
    low_half(both)
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
    use crate::plan::sketch;

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
    fn chains_never_close() {
        let sketches: Vec<Sketch> = vec![[1, 2, 3].into(); 20];
        let mut order = order(&sketches);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..20));
        assert!(super::order(&[]).is_empty());
    }
}
