//! Facts about the contents of all files, for builds that trust those of an earlier one:
//! taken from that, or found by reading each file once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alike::{Sketch, content_chunks};
use crate::error::Result;
use crate::facts::{Digest, Facts, FileFacts, FileKey, PART_LEN, PartFacts, file_key};
use crate::plan::findings::Needs;
use crate::plan::probes::Probes;
use crate::pool::{self, Share};
use crate::tree::{Content, InodeId, Reader};

/// Facts about the contents of files.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Facts and, if it is in a store path, the key of each file.
    of: HashMap<InodeId, (Arc<FileFacts>, Option<FileKey>)>,
}

/// Where the facts about a file come from.
enum Found<'a> {
    Known(&'a Arc<FileFacts>),
    /// It was read, and perhaps sketched.
    Read((FileFacts, Option<Sketch>)),
}

/// How many files are read in parallel before the results are put together. This bounds
/// the memory for the results.
const AT_ONCE: usize = 16 * 1024;

impl Contents {
    /// Finds the facts about `files`. Those of files in store paths are taken from
    /// `facts`, if they are there and the lengths are the same. Also returns the sketches
    /// of files that were read and are to be sketched, as far as there is room for them.
    pub(super) fn find(
        reader: Reader<'_>,
        files: &[(InodeId, &Content)],
        facts: &Facts,
        needs: Needs<'_>,
    ) -> Result<(Self, HashMap<InodeId, Sketch>)> {
        let mut found = Contents::default();
        let mut sketches = HashMap::new();
        let is_enough = |facts: &Arc<FileFacts>| !needs.cuts_file(facts.len) || facts.is_cut();
        let look = |(id, content): &(InodeId, &Content)| {
            let key = content.host_path().and_then(|path| file_key(&path));
            let known = key.and_then(|key| facts.files.get(&key));
            let known = known.filter(|known| known.len == content.len() && is_enough(known));
            let found = match known {
                Some(known) => Found::Known(known),
                None => Found::Read(read(reader, *id, content, needs)?),
            };
            Ok((key, found))
        };
        // Equal contents have the same facts. Of some that are known under another path,
        // these are more than one reading gives.
        let mut different: Option<HashMap<(u64, Digest), Arc<FileFacts>>> = None;
        for files in files.chunks(AT_ONCE) {
            let all = pool::try_map(files, Share::Usual, look)?;
            for ((id, _), (key, new)) in files.iter().zip(all) {
                let facts = match new {
                    Found::Known(known) => Arc::clone(known),
                    Found::Read((read, sketch)) => {
                        sketches.extend(sketch.map(|sketch| (*id, sketch)));
                        let different = different.get_or_insert_with(|| by_digest(facts));
                        let same = different.entry((read.len, read.digest())).or_default();
                        if same.parts.is_empty() || !is_enough(same) {
                            *same = Arc::new(read);
                        }
                        Arc::clone(same)
                    }
                };
                found.of.insert(*id, (facts, key));
            }
        }
        Ok((found, sketches))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The facts about a file.
    pub(crate) fn of(&self, id: InodeId) -> Option<&Arc<FileFacts>> {
        self.of.get(&id).map(|(facts, _)| facts)
    }

    /// The facts about the part of a file that begins at `offset`, a multiple of
    /// [`PART_LEN`].
    pub(crate) fn part(&self, id: InodeId, offset: u64) -> Option<&PartFacts> {
        let index = usize::try_from(offset / PART_LEN).ok()?;
        self.of(id)?.parts.get(index)
    }

    /// The keys of the files in store paths, with the facts about these.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (FileKey, InodeId)> {
        self.of.iter().filter_map(|(id, (_, key))| key.map(|key| (key, *id)))
    }
}

/// The facts by length and hash of the contents.
fn by_digest(facts: &Facts) -> HashMap<(u64, Digest), Arc<FileFacts>> {
    let different = facts.files.values();
    different.map(|facts| ((facts.len, facts.digest()), Arc::clone(facts))).collect()
}

/// Reads a file to find its facts, and its sketch if that is wanted and can be kept.
fn read(
    reader: Reader<'_>,
    id: InodeId,
    content: &Content,
    needs: Needs<'_>,
) -> Result<(FileFacts, Option<Sketch>)> {
    let len = content.len();
    let mut facts = FileFacts { len, ..FileFacts::default() };
    let mut kept = None;
    let mut probes = Probes::default();
    reader.steps(id, content, 0..len, PART_LEN, false, |at, part| {
        probes.see(len, at, part);
        let chunks = if needs.cuts_file(len) { content_chunks(part) } else { Vec::new() };
        kept = needs.sketch(len, part);
        let digest = *blake3::hash(part).as_bytes();
        facts.parts.push(PartFacts { digest, chunks: chunks.into(), ranges: Vec::new() });
    })?;
    facts.probes = probes.to_facts();
    Ok((facts, kept))
}
