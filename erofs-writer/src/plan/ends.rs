//! Ends that files have in common, which the packed inode has once.
//!
//! A fragment may be any bytes of the packed inode. So a file that another one ends with
//! takes no room. A file with another beginning is stored in pclusters up to the end that
//! it has in common with another one.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::format::{round_up, to_usize};
use crate::options::{FileCodec, Options, Tails};
use crate::plan::codecs::Codecs;
use crate::plan::common::{CommonEnd, Ends};
use crate::plan::layout::{DataPlan, Layout};
use crate::plan::probes::{self, HEAD_LEN, Probes, TAIL_LEN};
use crate::plan::suffixes::{self, Ordered, Suffixes};
use crate::pool::{self, Share};
use crate::shape::{Order, compressed_len_max, files};
use crate::tree::{Content, InodeId, Reader};

/// How many files are compared together. This bounds the memory for it.
const AT_ONCE: usize = 1024;
/// So many files that have an end of no other one are looked at in vain.
const VAIN_MAX: usize = 16;
/// An index takes one byte for so many of its file.
const INDEX_PART: u64 = 1024;
/// Shorter files are not worth blocks of their own.
const ALIGNED_BLOCKS: u64 = 4;

/// A file whose end may be a fragment.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    id: InodeId,
    content: &'a Content,
    codec: FileCodec,
    /// Hashes of its last bytes, and of its first ones if there are so many.
    tail: u64,
    head: Option<u64>,
}

/// Finds the ends that files have in common.
pub(super) fn plan(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    order: &Order,
    codecs: &Codecs,
    options: &Options,
) -> Result<()> {
    let candidates = candidates(plan, reader, order, codecs, options)?;
    let groups = groups(&candidates);
    let rules = Rules { plan, options };
    let find = |group: &Vec<Candidate<'_>>| rules.find(reader, group);
    let found: Vec<Vec<(InodeId, CommonEnd)>> = pool::try_map(&groups, Share::Usual, find)?;
    let alike = rules.alike(&candidates);
    let of: HashMap<InodeId, CommonEnd> = found.into_iter().flatten().collect();
    let owners = of.values().map(|end| end.owner).collect();
    plan.ends = Ends { of, owners, alike };
    for candidate in &candidates {
        let Some(end) = plan.ends.of(candidate.id) else { continue };
        let is_whole = end.len == candidate.content.len();
        match plan.layout(candidate.id) {
            Layout::Fragment if !is_whole => plan.set(candidate.id, Layout::FlatPlain),
            _ if is_whole => plan.set(candidate.id, Layout::Fragment),
            _ => {}
        }
    }
    Ok(())
}

/// The files whose ends may be fragments, with their probes.
fn candidates<'a>(
    plan: &DataPlan,
    reader: Reader<'a>,
    order: &'a Order,
    codecs: &Codecs,
    options: &Options,
) -> Result<Vec<Candidate<'a>>> {
    let lens = TAIL_LEN..=compressed_len_max(options);
    let is_open = |id| plan.is_open(id) || plan.layout(id) == Layout::Fragment;
    let files: Vec<(InodeId, &Content, FileCodec)> = files(reader.tree, order)
        .filter(|(id, content)| lens.contains(&content.len()) && is_open(*id))
        .filter_map(|(id, content)| Some((id, content, codecs.of(id)?)))
        .collect();
    pool::try_map(&files, Share::Usual, |(id, content, codec)| {
        let mut probes = plan.probes(*id).unwrap_or_default();
        let len = content.len();
        if probes.known(len).is_none() {
            read_probes(reader, *id, content, &mut probes)?;
        }
        let (tail, head) = probes.known(len).expect("they were read");
        Ok(Candidate { id: *id, content, codec: *codec, tail, head })
    })
}

/// Reads the probes of a file.
fn read_probes(
    reader: Reader<'_>,
    id: InodeId,
    content: &Content,
    probes: &mut Probes,
) -> Result<()> {
    let len = content.len();
    let mut bytes = vec![0; to_usize(HEAD_LEN.min(len))];
    reader.with_open(id, content, |open| {
        open.read_exact_at(&mut bytes, 0)?;
        probes.see(len, 0, &bytes);
        if probes.known(len).is_none() {
            let bytes = &mut bytes[..to_usize(TAIL_LEN)];
            open.read_exact_at(bytes, len - TAIL_LEN)?;
            probes.see(len, len - TAIL_LEN, bytes);
        }
        Ok(())
    })
}

/// The files that seem to end with the same bytes, in groups. Zeros take no room, and there
/// may be very many of them.
fn groups<'a>(candidates: &[Candidate<'a>]) -> Vec<Vec<Candidate<'a>>> {
    let mut by_tail: HashMap<u64, Vec<Candidate<'a>>> = HashMap::new();
    let zeros = probes::of_zeros();
    for candidate in candidates.iter().filter(|file| file.tail != zeros) {
        by_tail.entry(candidate.tail).or_default().push(*candidate);
    }
    let groups = by_tail.into_values();
    let groups =
        groups.flat_map(|group| group.chunks(AT_ONCE).map(<[_]>::to_vec).collect::<Vec<_>>());
    groups.filter(|group| group.len() > 1).collect()
}

/// What is worth it.
#[derive(Clone, Copy)]
struct Rules<'a> {
    plan: &'a DataPlan,
    options: &'a Options,
}

impl Rules<'_> {
    /// The common ends of files that seem to end with the same bytes.
    fn find(
        self,
        reader: Reader<'_>,
        group: &[Candidate<'_>],
    ) -> Result<Vec<(InodeId, CommonEnd)>> {
        let files: Vec<(InodeId, &Content)> =
            group.iter().map(|file| (file.id, file.content)).collect();
        let Suffixes { mut order, are_noise } = suffixes::order(reader, &files)?;
        let mut found = Vec::new();
        let mut vain = 0;
        while let Some(owner) = most_alike(&order, |number| group[number].content.len()) {
            let mut is_done = vec![false; order.len()];
            is_done[owner] = true;
            let of = &group[order[owner].number];
            let (mut own, mut is_split) = (0, !self.is_whole(of));
            for (place, common) in commons(&order, owner).into_iter().enumerate() {
                let number = order[place].number;
                let file = &group[number];
                let len = self.end_len(file.content.len(), common);
                if place != owner && self.pays(file, of, len, are_noise[number]) {
                    found.push((file.id, CommonEnd { owner: of.id, len }));
                    own = common.max(own);
                    is_split |= len < file.content.len() && self.may_repeat(file, of);
                    is_done[place] = true;
                }
            }
            found.extend((is_split && own > 0).then(|| self.own_end(of, own)));
            vain += usize::from(own == 0);
            if vain == VAIN_MAX {
                break;
            }
            order = without(&order, &is_done);
        }
        Ok(found)
    }

    /// How many of the last `common` bytes of a file of `size` bytes may be a fragment. At
    /// most one extent begins in each lcluster, so bytes before a fragment end with one.
    fn end_len(self, size: u64, common: u64) -> u64 {
        size - round_up(size.saturating_sub(common), self.options.block_size.len()).min(size)
    }

    /// The end of `owner` that is stored because others have its last `common` bytes. It
    /// may be longer than what these need.
    fn own_end(self, owner: &Candidate<'_>, common: u64) -> (InodeId, CommonEnd) {
        let head = owner.content.len() - common;
        let head = head - head % self.options.block_size.len();
        (owner.id, CommonEnd { owner: owner.id, len: owner.content.len() - head })
    }

    /// Whether all of a file is a fragment if nothing is known of other files.
    fn is_whole(self, file: &Candidate<'_>) -> bool {
        self.plan.layout(file.id) == Layout::Fragment
    }

    /// Whether a file seems to have repeats of the beginning of another one.
    fn may_repeat(self, file: &Candidate<'_>, other: &Candidate<'_>) -> bool {
        self.options.may_have_repeats() && file.head.is_some() && file.head == other.head
    }

    /// Whether `file` is better stored with its last `len` bytes as a part of a fragment of
    /// `owner`.
    fn pays(self, file: &Candidate<'_>, owner: &Candidate<'_>, len: u64, is_noise: bool) -> bool {
        let size = file.content.len();
        if len == size {
            return len >= TAIL_LEN;
        }
        let block = self.options.block_size.len();
        // With similar fragments, short ones fit into one pcluster.
        if 2 * size <= file.codec.pcluster_len {
            return false;
        }
        let head = size - len;
        let is_congruent = size % block == owner.content.len() % block;
        // Repeats leave out some blocks at each place that differs.
        let repeated = 4 * block * if file.codec.pcluster_len > block { 2 } else { 1 };
        if is_congruent && self.may_repeat(file, owner) && head > repeated && size > 2 * repeated {
            return false;
        }
        // What the bytes take, and the block that the head takes besides its own bytes.
        let stored = |len| if is_noise { len } else { len / 5 * 2 };
        let cost = round_up(stored(head), block) - stored(head) + size / INDEX_PART;
        let least = if is_noise { block } else { file.codec.pcluster_len.max(2 * block) };
        len >= least && stored(len) > cost + block / 4
    }

    /// The long fragments that begin like others.
    fn alike(self, candidates: &[Candidate<'_>]) -> HashSet<InodeId> {
        let is_wanted =
            self.options.tails == Tails::AllFragments && self.options.may_have_repeats();
        let least = ALIGNED_BLOCKS * self.options.block_size.len();
        let long = candidates.iter().filter(|file| is_wanted && file.content.len() >= least);
        let mut by_head: HashMap<u64, Vec<InodeId>> = HashMap::new();
        for (file, head) in long.filter_map(|file| Some((file, file.head?))) {
            if self.is_whole(file) {
                by_head.entry(head).or_default().push(file.id);
            }
        }
        by_head.into_values().filter(|same| same.len() > 1).flatten().collect()
    }
}

/// The place of the longer one of the two files that have most in common; `None` if there
/// are no two.
fn most_alike(order: &[Ordered], len: impl Fn(usize) -> u64) -> Option<usize> {
    let len = |place: usize| len(order[place].number);
    let longer = |second: usize| if len(second) > len(second - 1) { second } else { second - 1 };
    let key = |second: &usize| (order[*second].common, len(longer(*second)), Reverse(*second));
    (1..order.len()).max_by_key(key).map(longer)
}

/// What each file has in common with the one at `owner`.
fn commons(order: &[Ordered], owner: usize) -> Vec<u64> {
    let mut commons = vec![u64::MAX; order.len()];
    for place in (0..owner).rev() {
        commons[place] = commons[place + 1].min(order[place + 1].common);
    }
    for place in owner + 1..order.len() {
        commons[place] = commons[place - 1].min(order[place].common);
    }
    commons
}

/// The order of the files that are not done.
fn without(order: &[Ordered], are_done: &[bool]) -> Vec<Ordered> {
    let mut rest = Vec::new();
    let mut common = u64::MAX;
    for (file, is_done) in order.iter().zip(are_done) {
        common = common.min(file.common);
        if !is_done {
            rest.push(Ordered { common, ..*file });
            common = u64::MAX;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_has_most_in_common_with_others() {
        let file = |number, common| Ordered { number, common };
        let order = [file(2, 0), file(0, 10), file(3, 30), file(1, 20)];
        let lens = [100, 40, 50, 90];
        let len = |number: usize| lens[number];
        assert_eq!(most_alike(&order, len), Some(1));
        assert_eq!(commons(&order, 1), [10, u64::MAX, 30, 20]);
        let rest = without(&order, &[false, true, true, false]);
        let rest: Vec<_> = rest.iter().map(|file| (file.number, file.common)).collect();
        assert_eq!(rest, [(2, 0), (1, 10)]);
        assert_eq!(most_alike(&order[..1], len), None);
    }
}
