//! Where it pays to begin another block, with codes of its own.
//!
//! The symbols are counted in short runs. Those are joined, two neighbours at a time, as
//! long as two blocks cost more than one.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "runs are counted below 2^32, and costs are far below 2^63"
)]

/// Symbols that follow each other and may become a block.
pub(super) trait Run {
    fn new() -> Self;

    /// About how much the run costs as a block.
    fn cost(&self) -> u64;

    /// About how much the run and the next one cost as one block.
    fn cost_with(&self, next: &Self) -> u64;

    /// Adds the symbols of the next run, which costs so much.
    fn join(&mut self, next: &Self, cost: u64);
}

/// Runs in their order.
#[derive(Debug)]
pub(super) struct Runs<R> {
    /// Each with what is saved if it and the next one become one. They stay when they
    /// are no longer needed, because they keep their buffers.
    all: Vec<(R, i64)>,
    /// The indices of those that are left.
    order: Vec<u32>,
}

impl<R: Run> Runs<R> {
    pub(super) fn new() -> Self {
        Runs { all: Vec::new(), order: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The run of that index.
    pub(super) fn get(&self, index: usize) -> &R {
        &self.all[self.order[index] as usize].0
    }

    /// The same, to change it.
    #[cfg(feature = "deflate")]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut R {
        &mut self.all[self.order[index] as usize].0
    }

    /// All of them.
    #[cfg(feature = "deflate")]
    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        self.order.iter().map(|index| &self.all[*index as usize].0)
    }

    /// Adds a run, whose contents are those of an earlier one. Runs are added before any
    /// are joined.
    pub(super) fn add(&mut self) -> &mut R {
        let index = self.order.len();
        if index == self.all.len() {
            self.all.push((R::new(), 0));
        }
        self.order.push(index as u32);
        &mut self.all[index].0
    }

    /// Joins neighbours as long as the best two save more than `least` if they become
    /// one.
    pub(super) fn join(&mut self, least: i64) {
        for index in 0..self.order.len() {
            self.set_gain(index);
        }
        loop {
            let gain = |index: &usize| self.all[self.order[*index] as usize].1;
            let last = self.order.len().saturating_sub(1);
            let best = (0..last).max_by_key(gain).filter(|index| gain(index) > least);
            let Some(best) = best else { return };
            self.join_next(best);
        }
    }

    /// Joins a run and the next one.
    pub(super) fn join_next(&mut self, index: usize) {
        if let Some([(run, gain), (next, _)]) = self.pair(index) {
            let cost = (run.cost() + next.cost()).saturating_add_signed(-*gain);
            run.join(next, cost);
            self.order.remove(index + 1);
            self.set_gain(index);
            if let Some(before) = index.checked_sub(1) {
                self.set_gain(before);
            }
        }
    }

    /// The run of that index, and the one after it.
    fn pair(&mut self, index: usize) -> Option<[&mut (R, i64); 2]> {
        let first = *self.order.get(index)? as usize;
        let second = *self.order.get(index + 1)? as usize;
        let (left, right) = self.all.split_at_mut(second);
        Some([left.get_mut(first)?, right.first_mut()?])
    }

    fn set_gain(&mut self, index: usize) {
        if let Some([(run, gain), (next, _)]) = self.pair(index) {
            *gain = (run.cost() + next.cost()) as i64 - run.cost_with(next) as i64;
        }
    }
}
