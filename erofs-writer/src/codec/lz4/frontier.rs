//! The cheapest way to every byte that has been reached so far.
//!
//! The cost of a match does not depend on its distance, and hardly on its length. So the
//! cheapest cost, as a function of the position, consists of few spans. From the start of
//! a match it stays flat until the match ends, and in the literals after the match it
//! grows by one per byte. A new match replaces the end of this function where it is
//! cheaper, and extends it.

use super::block::{
    LAST_LITERALS, MATCH_COST, MIN_MATCH, longest, max_last_literals, min_last_literals,
};

/// A part of the function: the positions after `from`, up to the `from` of the next span.
///
/// They are reached by a match, and by the literals after it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Span {
    from: u32,
    /// Where the first four bytes of the match end.
    base: u32,
    /// Where the match ends.
    end: u32,
    /// The cost of coming to the match, with the fixed cost of the match.
    cost: u32,
    /// The cost of coming to its end.
    end_cost: u32,
    distance: u32,
    /// The span in which the match begins.
    before: u32,
}

impl Span {
    /// The cost of coming to `at`.
    #[inline(always)]
    fn cost(&self, at: u32) -> u32 {
        let matched = at.min(self.end);
        self.cost + extra(matched - self.base) + literals_cost(at - matched)
    }

    /// The cost of coming to `at`, which is after the match.
    #[inline(always)]
    fn cost_behind(&self, at: u32) -> u32 {
        self.end_cost + literals_cost(at - self.end)
    }

    /// Where the match begins.
    #[inline(always)]
    fn start(&self) -> u32 {
        self.base - MIN_MATCH as u32
    }
}

/// How many bytes a length takes besides its 4 bits in the token.
#[inline(always)]
fn extra(len: u32) -> u32 {
    (len + 240) / 255
}

/// The cost of `len` literals without their token.
#[inline(always)]
fn literals_cost(len: u32) -> u32 {
    len + extra(len)
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

/// A way to begin a match.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: u32,
    /// The cost of coming there, with the fixed cost of the match.
    cost: u32,
    /// The span that has this place.
    span: u32,
}

/// The cheapest ways in one block.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    /// The end of the bytes to which a way is known.
    reach: u32,
    /// The first span has no match, only literals.
    spans: Vec<Span>,
    sequences: Vec<Sequence>,
}

impl Frontier {
    /// Begins a block at `start`.
    pub(super) fn begin(&mut self, start: usize) {
        let at = start as u32;
        self.reach = at;
        self.spans.clear();
        self.spans.push(Span { from: at, base: at, end: at, ..Span::default() });
    }

    /// The end of the bytes to which a way is known.
    #[inline(always)]
    pub(super) fn reach(&self) -> usize {
        self.reach as usize
    }

    #[inline(always)]
    fn last(&self) -> &Span {
        self.spans.last().expect("there is always one")
    }

    /// The cost of coming to the reach.
    #[inline(always)]
    pub(super) fn cost(&self) -> usize {
        self.last().cost_behind(self.reach) as usize
    }

    /// Extends the reach to `reach` by literals, if that is further.
    #[inline(always)]
    pub(super) fn literals_to(&mut self, reach: usize) {
        self.reach = self.reach.max(reach as u32);
    }

    /// Adds a match that leads to `end` and can begin at `start` or up to `latest`.
    /// Returns whether it is cheaper than literals.
    #[inline(always)]
    pub(super) fn insert(
        &mut self,
        start: usize,
        latest: usize,
        end: usize,
        distance: usize,
    ) -> bool {
        let end = end as u32;
        let latest = (latest as u32).min(self.reach).min(end - MIN_MATCH as u32);
        let Start { at, cost, span: before } = self.best_start(start as u32, latest, end);
        let base = at + MIN_MATCH as u32;
        let end_cost = cost + extra(end - base);
        let new = Span { from: 0, base, end, cost, end_cost, distance: distance as u32, before };
        let last = *self.last();
        // Short matches cost more than literals. Long ones do so at first.
        if last.cost_behind(end) <= end_cost {
            return false;
        }
        let reach_cost = last.cost_behind(self.reach);
        let mut from = self.reach.max(base - 1);
        if from >= base && new.cost(from) < reach_cost {
            from = self.cut(&new);
        } else {
            // Up to here literals are cheaper, apart from the bytes that lengths take.
            from = from.max((self.reach + cost).saturating_sub(reach_cost)).min(end - 1);
        }
        self.spans.push(Span { from, ..new });
        self.reach = end;
        true
    }

    /// Removes the ways that cost more than `new`, and returns the last position that
    /// keeps its way.
    #[inline(always)]
    fn cut(&mut self, new: &Span) -> u32 {
        let mut from = self.reach;
        loop {
            let span = *self.last();
            let first = span.from.max(new.base - 1) + 1;
            while from >= first && new.cost(from) < span.cost(from) {
                from -= 1;
            }
            if from > span.from {
                return from;
            }
            self.spans.pop();
        }
    }

    /// The best start of a match to `end`, from `first` to `latest`.
    ///
    /// A later start can be as cheap or cheaper: within an earlier match, or where a
    /// cheaper span begins. It leaves a shorter match, whose length may cost less.
    #[inline(always)]
    fn best_start(&self, first: u32, latest: u32, end: u32) -> Start {
        let mut best = Start { at: first, cost: 0, span: 0 };
        let mut best_cost = u32::MAX;
        let mut last = latest;
        for (index, span) in self.spans.iter().enumerate().rev() {
            if span.from >= latest {
                continue;
            }
            let mut consider = |at: u32| {
                let cost = span.cost(at) + MATCH_COST as u32;
                let with_len = cost + extra(end - at - MIN_MATCH as u32);
                if with_len < best_cost {
                    best_cost = with_len;
                    best = Start { at, cost, span: index as u32 };
                }
            };
            let earliest = first.max(span.from + 1);
            let at = earliest.max(last.min(span.end));
            consider(at);
            // Instead, a byte of the earlier match's length may be saved.
            if let Some(less) = extra(at.min(span.end) - span.base).checked_sub(1) {
                let at = span.start() + longest(less as usize) as u32;
                if at >= earliest {
                    consider(at);
                }
            }
            if span.from < first {
                break;
            }
            last = span.from;
        }
        best
    }

    /// The end of the block that takes the most bytes, up to `limit`, into `room` bytes.
    /// If several ends are equal, the one with the shortest output.
    pub(super) fn best_end(&self, limit: usize, room: usize) -> End {
        let mut best = None;
        let mut consider = |at: usize, cost: usize, needed: usize| {
            let Some(left) = room.checked_sub(cost) else { return };
            let literals = max_last_literals(left).min(limit - at);
            if literals < needed || left == 0 {
                return;
            }
            let written = cost + 1 + literals_cost(literals as u32) as usize;
            let end = End { last_match: at, end: at + literals, written };
            let better = |best: &End| (end.end, best.written) > (best.end, end.written);
            if best.as_ref().is_none_or(better) {
                best = Some(end);
            }
        };
        // Ends far before the best one are no better: a match saves more than the
        // literals that may have to follow it.
        let mut looked_at = 0;
        let mut to = self.reach;
        for span in self.spans[1..].iter().rev() {
            // There is no room for the length of a longer match than this.
            let fixed = span.cost as usize + 1 + LAST_LITERALS;
            let longest = span.start() + longest(room.saturating_sub(fixed)) as u32;
            let last = to.min(span.end).min(longest);
            for at in (span.from + 1..=last).rev().take(64) {
                let len = (at - span.start()) as usize;
                consider(at as usize, span.cost(at) as usize, min_last_literals(len));
                looked_at += 1;
            }
            if looked_at > 64 && span.cost as usize <= room.saturating_sub(32) {
                break;
            }
            to = span.from;
        }
        let start = self.spans[0].end as usize;
        consider(start, 0, 0);
        best.unwrap_or(End { last_match: start, end: start, written: 0 })
    }

    /// The matches on the way to `end`, the last one first.
    pub(super) fn sequences(&mut self, end: End) -> &[Sequence] {
        self.sequences.clear();
        let mut at = end.last_match as u32;
        let has_it = |span: &Span| span.from < at;
        let mut index = self.spans.iter().rposition(has_it).unwrap_or(0);
        while index != 0 {
            let span = &self.spans[index];
            let start = span.start();
            self.sequences.push(Sequence {
                start: start as usize,
                len: (at.min(span.end) - start) as usize,
                distance: span.distance as usize,
            });
            at = start;
            index = span.before as usize;
        }
        &self.sequences
    }
}
