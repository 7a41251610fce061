//! The cheapest way to every byte that matches have reached so far.
//!
//! What a match costs does not depend on its distance, and hardly on its
//! length, so that the cheapest cost is a function of the position in few
//! pieces: behind the start of a match it stays flat until the match ends,
//! in literals it grows by one a byte. A new match replaces the end of this
//! function where it is cheaper, and extends it.

use super::block::{
    LAST_LITERALS, MATCH_COST, MIN_MATCH, extra, literals_cost, longest, max_last_literals,
    min_last_literals,
};

/// Part of the function: the positions behind `from`, up to `to`.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    to: usize,
    /// Where the match or the literals begin.
    start: usize,
    /// What it costs to come there, with what is fixed of a match.
    cost: usize,
    /// 0 for literals.
    distance: usize,
}

impl Piece {
    /// The cost of coming to `at`.
    #[inline(always)]
    fn cost(&self, at: usize) -> usize {
        let len = at - self.start;
        if self.distance == 0 {
            self.cost + literals_cost(len)
        } else {
            self.cost + extra(len - MIN_MATCH)
        }
    }
}

/// A match as it will be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) distance: usize,
}

/// Where a block ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The end of the last match, or the start of the block.
    last_match: usize,
    pub(super) end: usize,
    pub(super) written: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    start: usize,
    pieces: Vec<Piece>,
    sequences: Vec<Sequence>,
}

impl Frontier {
    /// Begins a block at `start`.
    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.pieces.clear();
    }

    /// How far it is known how to come.
    #[inline(always)]
    pub(super) fn reach(&self) -> usize {
        self.pieces.last().map_or(self.start, |piece| piece.to)
    }

    /// What it costs to come to its reach.
    #[inline(always)]
    pub(super) fn cost(&self) -> usize {
        self.pieces.last().map_or(0, |piece| piece.cost(piece.to))
    }

    /// What it costs to come to `at` by literals from the reach on.
    #[inline(always)]
    fn literals_to(&self, at: usize) -> usize {
        match self.pieces.last() {
            Some(piece) if piece.distance == 0 => piece.cost(at),
            _ => self.cost() + literals_cost(at - self.reach()),
        }
    }

    /// Goes one byte further by a literal.
    #[inline(always)]
    pub(super) fn literal(&mut self) {
        match self.pieces.last_mut() {
            Some(piece) if piece.distance == 0 => piece.to += 1,
            _ => {
                let (at, cost) = (self.reach(), self.cost());
                let piece = Piece { from: at, to: at + 1, start: at, cost, distance: 0 };
                self.pieces.push(piece);
            }
        }
    }

    /// Goes `len` bytes further by literals.
    #[inline(always)]
    pub(super) fn literals(&mut self, len: usize) {
        if len == 0 {
            return;
        }
        match self.pieces.last_mut() {
            Some(piece) if piece.distance == 0 => piece.to += len,
            _ => {
                let (at, cost) = (self.reach(), self.cost());
                let piece = Piece { from: at, to: at + len, start: at, cost, distance: 0 };
                self.pieces.push(piece);
            }
        }
    }

    /// Goes to `end` by a match that can begin at `start` or up to `latest`.
    #[inline(always)]
    pub(super) fn insert(
        &mut self,
        start: usize,
        latest: usize,
        end: usize,
        distance: usize,
    ) -> bool {
        let (start, cost) =
            self.best_start(start, latest.min(self.reach()).min(end - MIN_MATCH), end);
        let new = Piece { from: start, to: end, start, cost, distance };
        // Short matches cost more than literals, long ones at first.
        if self.literals_to(end) <= new.cost(end) {
            return false;
        }
        let covered = start + MIN_MATCH - 1;
        while self.reach() < covered
            || self.literals_to(self.reach() + 1) <= new.cost(self.reach() + 1)
        {
            self.literal();
        }
        let mut from = self.reach();
        while let Some(piece) = self.pieces.last_mut() {
            let first = piece.from.max(start + MIN_MATCH - 1) + 1;
            while from >= first && new.cost(from) < piece.cost(from) {
                from -= 1;
            }
            piece.to = from;
            if from > piece.from {
                break;
            }
            self.pieces.pop();
        }
        self.pieces.push(Piece { from, ..new });
        true
    }

    /// Where from `first` to `latest` a match to `end` begins best, and what it
    /// costs to come there and over it, but for its length.
    ///
    /// A later start can be as cheap or cheaper, and leaves a shorter match,
    /// whose length may cost less: behind the start of a match, and where a
    /// cheaper piece begins.
    #[inline(always)]
    fn best_start(&self, first: usize, latest: usize, end: usize) -> (usize, usize) {
        let mut best = (usize::MAX, first, MATCH_COST);
        let mut consider = |piece: &Piece, at: usize| {
            let cost = piece.cost(at) + MATCH_COST;
            let with_len = cost + extra(end - at - MIN_MATCH);
            if with_len < best.0 {
                best = (with_len, at, cost);
            }
        };
        let mut last = latest;
        for piece in self.pieces.iter().rev().filter(|piece| piece.from < latest) {
            let earliest = first.max(piece.from + 1);
            if piece.distance == 0 {
                consider(piece, earliest);
            } else {
                consider(piece, last);
                // A byte of the earlier match's length may be saved instead.
                if let Some(less) = extra(last - piece.start - MIN_MATCH).checked_sub(1) {
                    let at = piece.start + longest(less);
                    if at >= earliest {
                        consider(piece, at);
                    }
                }
            }
            if piece.from < first {
                break;
            }
            last = piece.from;
        }
        (best.1, best.2)
    }

    /// The end of the block that takes the most bytes, up to `limit`, into
    /// `room`, and of several the one that is written shortest.
    pub(super) fn best_end(&self, limit: usize, room: usize) -> End {
        let mut best = None;
        let mut consider = |at: usize, cost: usize, needed: usize| {
            let Some(left) = room.checked_sub(cost) else { return };
            let literals = max_last_literals(left).min(limit - at);
            if literals < needed || left == 0 {
                return;
            }
            let written = cost + 1 + literals_cost(literals);
            let end = End { last_match: at, end: at + literals, written };
            let better = |best: &End| (end.end, best.written) > (best.end, end.written);
            if best.as_ref().is_none_or(better) {
                best = Some(end);
            }
        };
        // Behind the best end there is no other by much: a match saves more
        // than the literals that may have to follow it.
        let mut looked_at = 0;
        for piece in self.pieces.iter().rev().filter(|piece| piece.distance != 0) {
            // What a longer match than this would need is not there.
            let extra_max = room.saturating_sub(piece.cost + 1 + LAST_LITERALS);
            let last = piece.to.min(piece.start + longest(extra_max));
            for at in (piece.from + 1..=last).rev().take(64) {
                consider(at, piece.cost(at), min_last_literals(at - piece.start));
                looked_at += 1;
            }
            if looked_at > 64 && piece.cost <= room.saturating_sub(32) {
                break;
            }
        }
        consider(self.start, 0, 0);
        best.unwrap_or(End { last_match: self.start, end: self.start, written: 0 })
    }

    /// The matches on the way to `end`, in order.
    pub(super) fn sequences(&mut self, end: End) -> &[Sequence] {
        self.sequences.clear();
        let mut at = end.last_match;
        let mut pieces = self.pieces.iter().rev();
        while at > self.start {
            let piece = pieces.find(|piece| piece.from < at).expect("everything is reached");
            if piece.distance != 0 {
                let len = at - piece.start;
                let sequence = Sequence { start: piece.start, len, distance: piece.distance };
                self.sequences.push(sequence);
            }
            at = piece.start;
        }
        self.sequences.reverse();
        &self.sequences
    }
}
