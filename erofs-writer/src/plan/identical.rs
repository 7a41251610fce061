//! Files with the same contents, which share their blocks.
//!
//! Only files of equal length can be the same, so only those whose length occurs twice
//! are read: first a short prefix, and then the rest if the prefixes are the same. Where
//! files are cut into chunks for deduplication, they are read as a whole, and cut at the
//! same time. A file without blocks of its own, because all its bytes lie after its
//! inode, has nothing to share. It is not read, unless it may become a fragment. Where
//! there are facts about all contents, no file is read.

use std::ops::Range;

use crate::error::Result;
use crate::format::{round_up, to_usize};
use crate::options::Options;
use crate::plan::chunks::{Digest, all_zero};
use crate::plan::findings::{FileFindings, Finding, Needs};
use crate::plan::holes::Sparse;
use crate::plan::layout::{DataPlan, Layout};
use crate::pool::{self, Share};
use crate::shape::{Inodes, files};
use crate::tree::{Content, InodeId, Reader};

/// A file that might have a twin. `place` is its place in the image order: the first of
/// several twins owns the blocks.
#[derive(Clone, Copy)]
struct PossibleTwin<'a> {
    id: InodeId,
    place: u32,
    content: &'a Content,
}

/// How many files are hashed in parallel before the results are put together. This bounds
/// the memory for the results.
const AT_ONCE: usize = 16 * 1024;

/// Files with something in common, in image order.
type Group<'a> = Vec<PossibleTwin<'a>>;

/// Finds the twins and decides where the tails of each group go.
pub(super) fn plan(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    inodes: &Inodes<'_>,
    options: &Options,
    sparse: &Sparse,
) -> Result<()> {
    let owns_blocks = |id| options.may_have_fragments() || inodes.flat(id).blocks > 0;
    let candidates: Vec<PossibleTwin<'_>> = files(reader.tree, inodes.order)
        .filter(|(id, _)| plan.is_open(*id) && owns_blocks(*id))
        .zip(0..)
        .map(|((id, content), place)| PossibleTwin { id, place, content })
        .collect();
    let needs = Needs::of(options, &plan.findings.kept);
    let facts = |file: &PossibleTwin<'_>| plan.contents.of(file.id);
    let (known, others): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|file| facts(file).is_some());
    let digest = |file: &PossibleTwin<'_>| facts(file).map(|facts| (facts.len, facts.digest()));
    let same = split(vec![known], digest);
    let (groups, findings) = groups(reader, others, needs, sparse)?;
    for group in same.into_iter().chain(groups) {
        decide(plan, &group, inodes, options);
    }
    // The findings about files that are stored with others are not needed.
    let mut kept = std::mem::take(&mut plan.findings);
    kept.put(findings.into_iter().filter(|(id, _)| plan.is_open(*id)));
    plan.findings = kept;
    Ok(())
}

/// Groups of two or more files with the same contents, each in image order; and the
/// findings about files.
fn groups<'a>(
    reader: Reader<'_>,
    candidates: Vec<PossibleTwin<'a>>,
    needs: Needs<'_>,
    sparse: &Sparse,
) -> Result<(Vec<Group<'a>>, FileFindings)> {
    let (prefix_len, step_len) = (needs.prefix_len(), needs.step_len());
    // Files that are stored with holes are not cut.
    let is_looked_at = |file: &PossibleTwin<'_>| needs.cuts() && !sparse.contains_key(&file.id);
    let look = |file: &PossibleTwin<'_>, at: u64, step: &[u8], finding: &mut Finding| {
        if !sparse.contains_key(&file.id) {
            needs.look(file.content.len(), at, step, finding);
        }
    };
    let same_len = split(vec![candidates], |file| file.content.len());
    let (prefixes, findings) =
        hash(reader, &same_len, 0..prefix_len, step_len, is_looked_at, look)?;
    let same_prefix = split(same_len, |file| prefixes.get(file));
    let (short, long): (Vec<_>, Vec<_>) =
        same_prefix.into_iter().partition(|group| group[0].content.len() <= prefix_len);
    let rest = prefix_len..u64::MAX;
    let (digests, _) = hash(reader, &long, rest, step_len, |_| false, |_, _, _, _| ())?;
    let mut groups = split(long, |file| digests.get(file));
    groups.extend(short);
    Ok((groups, findings))
}

/// Splits groups into groups of equal keys. Files keep the image order, and files that
/// are alone are dropped.
fn split<'a, K: Ord>(
    groups: Vec<Group<'a>>,
    key: impl Fn(&PossibleTwin<'a>) -> K,
) -> Vec<Group<'a>> {
    let mut out = Vec::new();
    for group in groups {
        let mut keyed: Vec<(K, PossibleTwin<'a>)> =
            group.into_iter().map(|file| (key(&file), file)).collect();
        keyed.sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then(x.place.cmp(&y.place)));
        out.extend(
            keyed
                .chunk_by(|(a, _), (b, _)| a == b)
                .filter(|same| same.len() > 1)
                .map(|same| same.iter().map(|(_, file)| *file).collect::<Vec<_>>()),
        );
    }
    out
}

/// The digests of some files. There may be millions.
struct Digests {
    /// Sorted: the place of each file in the image order, and the index of its digest.
    of: Vec<(u32, u32)>,
    digests: Vec<Digest>,
}

impl Digests {
    fn get(&self, file: &PossibleTwin<'_>) -> Digest {
        let at = self.of.binary_search_by_key(&file.place, |(place, _)| *place);
        let (_, digest) = self.of[at.expect("every file of a group was hashed")];
        self.digests[to_usize(u64::from(digest))]
    }
}

/// Hashes `bytes` of every file, as far as it has them, and calls `look` with each step
/// that is read: also with holes, if `is_looked_at` says so. Files that are known to be
/// one and the same are read once.
///
/// Only steps that are not all zeros are hashed, with their places. So holes cost
/// nothing, and the digest is the same wherever zeros are holes.
fn hash(
    reader: Reader<'_>,
    groups: &[Group<'_>],
    bytes: Range<u64>,
    step_len: u64,
    is_looked_at: impl Fn(&PossibleTwin<'_>) -> bool + Sync,
    look: impl Fn(&PossibleTwin<'_>, u64, &[u8], &mut Finding) + Sync,
) -> Result<(Digests, FileFindings)> {
    let mut firsts = Vec::new();
    let mut of = Vec::new();
    for group in groups {
        let mut same = group.clone();
        same.sort_unstable_by_key(|file| (file.content.identity(), file.place));
        for known in same.chunk_by(|a, b| a.content.identity() == b.content.identity()) {
            let digest = u32::try_from(firsts.len()).expect("no more than inodes");
            of.extend(known.iter().map(|file| (file.place, digest)));
            firsts.push(known[0]);
        }
    }
    of.sort_unstable();
    let read = |file: &PossibleTwin<'_>| {
        let end = bytes.end.min(file.content.len());
        let mut hasher = blake3::Hasher::new();
        let mut finding = Finding::default();
        let skips = !is_looked_at(file);
        reader.steps(file.id, file.content, bytes.start..end, step_len, skips, |at, step| {
            if !all_zero(step) {
                hasher.update(&at.to_le_bytes());
                hasher.update(step);
            }
            look(file, at, step, &mut finding);
        })?;
        Ok((*hasher.finalize().as_bytes(), finding))
    };
    let mut digests = Vec::with_capacity(firsts.len());
    let mut all_findings = FileFindings::new();
    for files in firsts.chunks(AT_ONCE) {
        for (file, (digest, finding)) in files.iter().zip(pool::try_map(files, Share::Usual, read)?)
        {
            digests.push(digest);
            if !finding.is_empty() {
                all_findings.insert(file.id, finding);
            }
        }
    }
    Ok((Digests { of, digests }, all_findings))
}

/// Makes the first file of `group` the owner of the blocks.
///
/// Full blocks are shared in any case. The tails can be inline, once for each file, or
/// shared in one further block: whichever takes less.
fn decide(plan: &mut DataPlan, group: &[PossibleTwin<'_>], inodes: &Inodes<'_>, options: &Options) {
    let block_len = options.block_size.len();
    let owner = group[0];
    let len = owner.content.len();
    let tail = options.block_size.tail(len);
    let count = u64::try_from(group.len()).unwrap_or(u64::MAX);
    let inline_everywhere = group.iter().all(|file| inodes.flat(file.id).has_inline_tail);
    let share_tail = !inline_everywhere || tail.saturating_mul(count) > block_len;
    if share_tail {
        plan.set(owner.id, Layout::FlatPlain);
        let each = round_up(len, block_len);
        plan.shared_bytes = plan.shared_bytes.saturating_add(each.saturating_mul(count - 1));
    } else {
        let each = len - tail;
        plan.shared_bytes = plan.shared_bytes.saturating_add(each.saturating_mul(count - 1));
    }
    for file in &group[1..] {
        plan.set(file.id, Layout::SameAs(owner.id));
    }
}
