//! An order in which each piece has much in common with those just before it.
//!
//! A match may reach back over many short pieces. So the next piece is the one that has
//! most in common with all of the last bytes together. A table has the pieces with each
//! hash, so that only pieces for which something changes are counted again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::alike::hashes::{by_hash, first, second};
use crate::alike::sketch::Sketch;
use crate::format::{to_u64, to_usize};

/// How far back a match reaches.
const REACH: u64 = 64 * 1024;
/// A hash in more sketches than this says little.
const COMMON: usize = 128;

/// An order of pieces, given by their places in `sketches`; `lens` are their lengths.
/// Pieces that have nothing in common with those before them keep their order.
pub(crate) fn order(sketches: &[Sketch], lens: &[u64]) -> Vec<usize> {
    let table = Table::new(sketches);
    let mut reach = Reach::new(&table, sketches);
    let mut order = Vec::with_capacity(sketches.len());
    let mut within = VecDeque::new();
    let mut len = 0;
    let mut first = 0;
    while order.len() < sketches.len() {
        while reach.done[first] {
            first += 1;
        }
        let piece = reach.best().unwrap_or(first);
        order.push(piece);
        within.push_back(piece);
        len += lens[piece];
        reach.add(piece);
        while len > REACH && within.len() > 1 {
            let Some(last) = within.pop_front() else { break };
            len -= lens[last];
            reach.remove(last);
        }
    }
    order
}

/// Which pieces have the same hashes.
struct Table {
    /// The pieces with each hash that several have, hash after hash.
    pieces: Vec<u32>,
    /// For each hash where those in `pieces` end.
    ends: Vec<u32>,
    /// For each piece the hashes that it has, as indexes of `ends`.
    of: Vec<Vec<u32>>,
}

impl Table {
    fn new(sketches: &[Sketch]) -> Self {
        let mut table =
            Table { pieces: Vec::new(), ends: Vec::new(), of: vec![Vec::new(); sketches.len()] };
        by_hash(sketches, |places| {
            for same in places.chunk_by(|x, y| first(*x) == first(*y)) {
                if (2..=COMMON).contains(&same.len()) {
                    table.add(same);
                }
            }
        });
        table.of.iter_mut().for_each(Vec::shrink_to_fit);
        table
    }

    /// Adds a hash with the pieces that have it.
    fn add(&mut self, same: &[u64]) {
        let hash = narrow(self.ends.len());
        for piece in same.iter().map(|place| second(*place)) {
            self.of[index(piece)].push(hash);
            self.pieces.push(piece);
        }
        self.ends.push(narrow(self.pieces.len()));
    }

    /// The hashes of `piece`.
    fn hashes(&self, piece: usize) -> impl Iterator<Item = usize> {
        self.of[piece].iter().map(|hash| index(*hash))
    }

    /// The pieces with the hash of this index.
    fn with(&self, hash: usize) -> impl Iterator<Item = usize> {
        let start = hash.checked_sub(1).map_or(0, |before| index(self.ends[before]));
        self.pieces[start..index(self.ends[hash])].iter().map(|piece| index(*piece))
    }
}

fn index(narrow: u32) -> usize {
    to_usize(u64::from(narrow))
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("pieces that are ordered together are few")
}

/// The pieces within reach, and how much the other pieces have in common with them.
struct Reach<'a> {
    table: &'a Table,
    sketches: &'a [Sketch],
    /// For each hash how many pieces within reach have it.
    counts: Vec<u32>,
    /// For each piece how many of its hashes are within reach.
    common: Vec<u32>,
    /// Which pieces have got a place.
    done: Vec<bool>,
    /// The others by what they had in common when that last grew.
    heap: BinaryHeap<(u64, Reverse<usize>)>,
}

impl<'a> Reach<'a> {
    fn new(table: &'a Table, sketches: &'a [Sketch]) -> Self {
        Reach {
            table,
            sketches,
            counts: vec![0; table.ends.len()],
            common: vec![0; sketches.len()],
            done: vec![false; sketches.len()],
            heap: BinaryHeap::new(),
        }
    }

    /// How well a piece would do next. As much in common is worth more if it
    /// is more of the piece, but short pieces are not to come before all others.
    fn worth(&self, piece: usize) -> u64 {
        let common = u64::from(self.common[piece]);
        // A square, as the root of the length is what counts.
        ((common * common) << 16) / (to_u64(self.sketches[piece].len()) + 4)
    }

    /// The piece that has most in common with what is within reach, if one has
    /// anything.
    fn best(&mut self) -> Option<usize> {
        while let Some((known, Reverse(piece))) = self.heap.pop() {
            if self.done[piece] || self.common[piece] == 0 {
                continue;
            }
            let worth = self.worth(piece);
            if worth == known {
                return Some(piece);
            }
            // A piece that has more by now is in the heap again.
            if worth < known {
                self.heap.push((worth, Reverse(piece)));
            }
        }
        None
    }

    /// Gives `piece` a place, after which it is within reach.
    fn add(&mut self, piece: usize) {
        let table = self.table;
        self.done[piece] = true;
        let mut grown = Vec::new();
        for hash in table.hashes(piece) {
            self.counts[hash] += 1;
            if self.counts[hash] == 1 {
                for other in table.with(hash) {
                    self.common[other] += 1;
                    if !self.done[other] {
                        grown.push(other);
                    }
                }
            }
        }
        grown.sort_unstable();
        grown.dedup();
        for other in grown {
            self.heap.push((self.worth(other), Reverse(other)));
        }
    }

    /// Puts `piece` out of reach.
    fn remove(&mut self, piece: usize) {
        let table = self.table;
        for hash in table.hashes(piece) {
            self.counts[hash] -= 1;
            if self.counts[hash] == 0 {
                for other in table.with(hash) {
                    self.common[other] -= 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_follows_also_over_others() {
        let sketches: Vec<Sketch> = vec![
            [1, 2, 3, 4].into(),
            [11, 12, 13].into(),
            [1, 2, 3, 9].into(),
            [11, 12, 13, 21].into(),
            [4, 9, 22].into(),
        ];
        assert_eq!(order(&sketches, &[1000; 5]), [0, 2, 4, 1, 3]);
        // Out of reach nothing counts.
        assert_eq!(order(&sketches, &[REACH; 5]), [0, 2, 4, 1, 3]);
        assert_eq!(order(&[], &[]), []);
    }

    #[test]
    fn all_pieces_come_once() {
        let sketches: Vec<Sketch> = (0..200_u32)
            .map(|piece| [piece % 7, 100 + piece % 31, 1000 + piece / 5].into())
            .collect();
        let mut order = order(&sketches, &[9000; 200]);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..200));
    }
}
