//! Filling pclusters with the bytes of a part.

mod filler;
mod repeat;
mod result;
mod tail;

use crate::encode::fragment::UnplacedFragment;

pub(super) use filler::{End, Filler, Rules, extent, plain_block};
pub(super) use repeat::Stretch;
pub(super) use result::{Pclusters, Tail};

impl Filler<'_> {
    /// Encodes the part, except for the stretches that are repeats.
    pub(crate) fn run(mut self, repeats: &[Stretch]) -> Pclusters {
        let mut pclusters = Pclusters::default();
        let mut start = 0;
        for stretch in repeats {
            start = self.repeat(start, stretch, &mut pclusters);
        }
        self.rest(start, &mut pclusters);
        pclusters
    }

    /// Encodes the bytes from `start` to the end of the part.
    fn rest(&mut self, mut start: usize, pclusters: &mut Pclusters) {
        while start < self.data.len() && !self.rules.stop.is_set() {
            if self.rules.end == End::Fragment && self.rest_is_short(start) {
                let rest = UnplacedFragment::new(&self.data[start..], self.rules.kept);
                pclusters.tail = Tail::Fragment(rest);
                break;
            }
            let (filled, limit) = match (self.next_cut(start), self.rules.end) {
                (Some(cut), _) => self.fill_before(start, cut),
                (None, End::Part) => self.fill_before(start, self.data.len()),
                (None, _) => self.fill_up_to(start, self.data.len()),
            };
            let reaches_end = start + filled.consumed == self.data.len();
            if reaches_end && self.finish(start, filled, pclusters) {
                break;
            }
            start += self.keep(start, limit, filled, &mut pclusters.extents);
        }
    }
}
