//! Facts about contents that are found while these are encoded, for later builds.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alike::ContentChunk;
use crate::encode::inputs::Inputs;
use crate::encode::task::{PartRanges, Stream};
use crate::facts::{Digest, EndFacts, Facts, FileFacts, PartFacts};
use crate::plan::DataPlan;
use crate::tree::InodeId;

/// The chunks of parts of the packed inode that were cut, by their numbers.
pub(super) type CutParts = HashMap<usize, Arc<[ContentChunk]>>;

/// What was found about contents.
#[derive(Debug, Default)]
pub(crate) struct FoundFacts {
    /// About parts of files.
    pub(super) ranges: Vec<PartRanges>,
    /// The ends of files that became fragments.
    pub(super) ends: Vec<(InodeId, EndFacts)>,
    /// About parts of the packed inode.
    pub(super) packed: Vec<PartFacts>,
}

impl FoundFacts {
    /// Adds facts about the packed inode, of which `parts` has where each part begins and
    /// its hash, if that is known: the chunks of those that were `cut`, and `ranges`.
    pub(super) fn add_packed(
        &mut self,
        inputs: &Inputs<'_>,
        parts: impl Iterator<Item = (u64, Option<Digest>)>,
        cut: &CutParts,
        ranges: Vec<PartRanges>,
    ) {
        let earlier = inputs.earlier.and_then(|earlier| earlier.facts());
        let mut of: HashMap<u64, _> =
            ranges.into_iter().map(|found| (found.offset, found.ranges)).collect();
        for (number, (start, digest)) in parts.enumerate() {
            let Some(digest) = digest else { continue };
            let known = || earlier?.packed.get(&digest).map(|facts| &facts.chunks);
            let chunks = cut.get(&number).or_else(known).cloned().unwrap_or_default();
            let mut facts = PartFacts { digest, chunks, ranges: Vec::new() };
            facts.add_ranges(&of.remove(&start).unwrap_or_default());
            if !facts.chunks.is_empty() || !facts.ranges.is_empty() {
                self.packed.push(facts);
            }
        }
    }

    /// These facts together with those that the plan has.
    pub(crate) fn all(&self, plan: &DataPlan) -> Facts {
        let contents = &plan.contents;
        // Equal contents share their facts, and are to do so again.
        let mut now: HashMap<*const FileFacts, FileFacts> = HashMap::new();
        let mut change = |id: InodeId, apply: &dyn Fn(&mut FileFacts)| {
            if let Some(facts) = contents.of(id) {
                apply(now.entry(Arc::as_ptr(facts)).or_insert_with(|| facts.forget()));
            }
        };
        // What only an earlier build needed is left out, so that the table does not depend
        // on it.
        contents.keys().for_each(|(_, id)| change(id, &|_| ()));
        for found in &self.ranges {
            let Stream::File(id) = found.stream else { continue };
            change(id, &|facts| facts.add_ranges(found.offset, &found.ranges));
        }
        for (id, end) in &self.ends {
            change(*id, &|facts| facts.end = Some(*end));
        }
        let now: HashMap<_, _> = now.into_iter().map(|(of, facts)| (of, Arc::new(facts))).collect();
        // A name that stands for several contents is worth no trust.
        let mut files: HashMap<_, Option<Arc<FileFacts>>> = HashMap::new();
        for (key, id) in contents.keys() {
            let Some(facts) = contents.of(id).and_then(|facts| now.get(&Arc::as_ptr(facts))) else {
                continue;
            };
            let known = files.entry(key).or_insert_with(|| Some(Arc::clone(facts)));
            if known.as_ref().is_some_and(|known| !Arc::ptr_eq(known, facts)) {
                *known = None;
            }
        }
        let files = files.into_iter().filter_map(|(key, facts)| Some((key, facts?))).collect();
        let packed = self.packed.iter().map(|part| (part.digest, Arc::new(part.clone()))).collect();
        Facts { files, packed }
    }
}
