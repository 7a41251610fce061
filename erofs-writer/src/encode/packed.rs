//! The packed inode: fragments of many files, one after the other.
//!
//! Equal fragments are stored once. The different ones are ordered by the extensions of
//! their files' names, and then so that similar ones lie together.
//!
//! There may be millions of them, so each takes few bytes in each table. A fragment is
//! the end of a file, and no table has values that follow from the length of that file.

use std::collections::HashMap;
use std::ops::Range;

use twox_hash::XxHash3_64;

use crate::alike::{ContentChunk, Sketch, content_chunks, neighbours, sketch, window};
use crate::encode::encoded::EncodedFile;
use crate::encode::extent::Fragment;
use crate::encode::fragment::{UnplacedFragment, is_sketched};
use crate::encode::inputs::Inputs;
use crate::error::Result;
use crate::facts::Digest;
use crate::format::{round_up, to_u64, to_usize};
use crate::options::Options;
use crate::plan::Layout;
use crate::pool::{self, Share};
use crate::tree::InodeId;

/// Fragments with sketches are ordered by what they have in common, within windows of
/// up to this many bytes. This bounds the memory for it, and lets several threads do it.
const WINDOW_MAX: u64 = 64 << 20;
/// From this length on, names say where a window ends.
const WINDOW_MIN: u64 = 40 << 20;
const WINDOW_SPACING: u64 = 8 << 20;
/// Parts of the packed inode have some four MiB, or the bytes of so many pclusters: a
/// pcluster ends with each part.
const PART_LEN: u64 = 4 << 20;
const PART_PCLUSTERS: u64 = 16;
/// In pclusters of this length or more, all bytes up to 64 KiB before a fragment matter,
/// not just its neighbour. And so few extents begin that it costs little to let no two
/// begin in a pair of lclusters.
const LARGE_PCLUSTER: u64 = 64 * 1024;

/// Some bytes of a file in the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedPiece {
    pub(crate) id: InodeId,
    /// Where they begin in the file, and in the packed inode.
    pub(crate) offset: u64,
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// A fragment and its place in the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PackedFragment {
    /// The fragment is the end of this file.
    id: InodeId,
    /// Where it begins and ends in the packed inode.
    start: u64,
    end: u64,
}

/// The contents of the packed inode.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// The fragments in their order. Between them there may be less than a block of zeros.
    fragments: Vec<PackedFragment>,
    pub(crate) len: u64,
    /// Where fragments begin that begin like others.
    alike: Vec<u64>,
    /// Where its parts begin, except for the first.
    cuts: Vec<u64>,
    /// For each part a hash that decides its bytes, if those of its fragments are known.
    digests: Vec<Option<Digest>>,
}

impl Packed {
    /// Appends the last `len` bytes of `id`, and returns where they begin.
    fn push(&mut self, id: InodeId, len: u64) -> u64 {
        let start = self.len;
        self.len += len;
        self.fragments.push(PackedFragment { id, start, end: self.len });
        start
    }

    /// Lets a fragment that begins like others begin at a multiple of `unit`, as repeats
    /// that cannot be compressed begin at blocks.
    fn align(&mut self, unit: u64) {
        self.len = round_up(self.len, unit);
        self.alike.push(self.len);
    }

    /// Where fragments that begin like others begin in the `len` bytes from `start` on.
    pub(super) fn alike(&self, start: u64, len: u64) -> impl Iterator<Item = usize> {
        let inside = self.alike.partition_point(|at| *at <= start);
        let places = self.alike[inside..].iter().map(move |at| at - start);
        places.take_while(move |at| *at < len).map(to_usize)
    }

    /// The chunks of the bytes `data` from `start` on. Some begin where fragments begin
    /// that begin like others, as the bytes before these differ.
    pub(super) fn chunks(&self, start: u64, data: &[u8]) -> Vec<ContentChunk> {
        let mut chunks = Vec::new();
        let mut from = 0;
        for to in self.alike(start, to_u64(data.len())).chain([data.len()]) {
            chunks.extend(content_chunks(&data[from..to]));
            from = to;
        }
        chunks
    }

    /// Begins another part, if one is wanted before a fragment of `len` bytes of a file
    /// with this name. Parts begin with blocks. They begin with fragments, and long
    /// fragments are parts of their own, so that a change of some fragments changes only
    /// the parts with these.
    fn begin_part(&mut self, name: &[u8], len: u64, part_len: u64, block_len: u64) {
        let start = self.cuts.last().copied().unwrap_or(0);
        let before = self.len - start;
        let is_long = before + len > 2 * part_len;
        let is_wanted = before >= part_len / 2 && is_border(name, len, part_len / 2);
        if before > 0 && (is_long || is_wanted) {
            self.len = round_up(self.len, block_len);
            self.cuts.push(self.len);
        }
    }

    /// Cuts a fragment that is too long for one part, after it was appended.
    fn cut_long(&mut self, part_len: u64) {
        let start = self.cuts.last().copied().unwrap_or(0);
        let count = (self.len - start).saturating_sub(1) / part_len;
        if count > 1 {
            self.cuts.extend((1..=count).map(|index| start + index * part_len));
        }
    }

    /// Where the parts begin and end.
    pub(super) fn parts(&self) -> impl Iterator<Item = Range<u64>> {
        let starts = [0].into_iter().chain(self.cuts.iter().copied());
        let ends = self.cuts.iter().copied().chain([self.len]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|part| !part.is_empty())
    }

    /// Where each part begins, and its hash, if that is known.
    pub(super) fn digests(&self) -> impl Iterator<Item = (u64, Option<Digest>)> {
        self.parts().zip(&self.digests).map(|(part, digest)| (part.start, *digest))
    }

    /// The hash that decides the bytes of the part of this number, if it is known.
    pub(super) fn digest(&self, part: usize) -> Option<Digest> {
        *self.digests.get(part)?
    }

    /// Finds the hashes of all parts. `known` gives the hash of the fragment of a
    /// file.
    fn find_digests(&mut self, known: impl Fn(InodeId) -> Option<Digest>) {
        let digest = |part: Range<u64>| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&(part.end - part.start).to_le_bytes());
            let first = self.fragments.partition_point(|fragment| fragment.end <= part.start);
            let inside = self.fragments[first..].iter().take_while(|other| other.start < part.end);
            for PackedFragment { id, start, end } in inside {
                // Where the part begins in the fragment, or the fragment in the part.
                let skipped = part.start.saturating_sub(*start);
                let at = start.saturating_sub(part.start);
                for number in [skipped, at, end - start] {
                    hasher.update(&number.to_le_bytes());
                }
                hasher.update(&known(*id)?);
            }
            Some(*hasher.finalize().as_bytes())
        };
        self.digests = self.parts().map(digest).collect();
    }

    /// The bytes from `start` to `end` as pieces of files, between which there are zeros.
    /// `len_of` gives the lengths of the files.
    pub(crate) fn range(
        &self,
        start: u64,
        end: u64,
        len_of: impl Fn(InodeId) -> u64,
    ) -> impl Iterator<Item = PackedPiece> {
        let first = self.fragments.partition_point(|fragment| fragment.end <= start);
        let mut at = start;
        self.fragments[first..].iter().map_while(move |fragment| {
            at = at.max(fragment.start);
            if at >= end {
                return None;
            }
            let to = fragment.end.min(end);
            let offset = len_of(fragment.id) - (fragment.end - at);
            let piece = PackedPiece { id: fragment.id, offset, at, len: to - at };
            at = to;
            Some(piece)
        })
    }
}

/// Whether a border is wanted before a fragment of `len` bytes of a file with this name.
/// That is so every `spacing` bytes on average. It depends on nothing else, so that what
/// comes or goes elsewhere moves no border.
fn is_border(name: &[u8], len: u64, spacing: u64) -> bool {
    XxHash3_64::oneshot_with_seed(len, name) % spacing < len
}

/// Fragments that have no place yet.
#[derive(Debug, Default)]
pub(super) struct UnplacedFragments {
    /// The different fragments, in the order of the extensions of their files' names.
    different: Vec<DistinctFragment>,
    /// The files that have fragments, each with the index of its fragment in `different`.
    files: Vec<(InodeId, u32)>,
    /// The hashes of those that are not whole files, by the files that they are the ends
    /// of, if facts about contents are wanted.
    ends: HashMap<InodeId, Digest>,
    /// The length of all different fragments together, in bytes.
    pub(crate) len: u64,
    /// How many bytes are saved because equal fragments are stored once.
    pub(crate) shared_bytes: u64,
}

/// A fragment that is stored: the last `len` bytes of the file `id`.
#[derive(Debug)]
struct DistinctFragment {
    id: InodeId,
    len: u64,
    /// `Some` if it was made and kept when the fragment was read.
    sketch: Option<Sketch>,
}

impl UnplacedFragments {
    /// Gives the fragments places, and tells `files` where their fragments are.
    pub(super) fn place(
        mut self,
        inputs: &Inputs<'_>,
        files: &mut [EncodedFile],
    ) -> Result<Packed> {
        let mut packed = Packed::default();
        let mut starts = vec![0; self.different.len()];
        let names = &names(inputs);
        let pcluster_len = inputs.options.packed_codec().map_or(0, |codec| codec.pcluster_len);
        let (part_len, block_len) = (part_len(pcluster_len), inputs.options.block_size.len());
        let unit = if is_paired(inputs.options) { 2 * block_len } else { block_len };
        for index in self.order(inputs, names)? {
            let DistinctFragment { id, len, .. } = self.different[index];
            packed.begin_part(names[id.index()], len, part_len, block_len);
            if inputs.plan.ends.is_aligned(id) {
                packed.align(unit);
            }
            starts[index] = packed.push(id, len);
            packed.cut_long(part_len);
        }
        if !inputs.plan.contents.is_empty() {
            let whole = |id| inputs.plan.contents.of(id).map(|facts| facts.digest());
            packed.find_digests(|id| self.ends.get(&id).copied().or_else(|| whole(id)));
        }
        for (id, index) in self.files {
            let index = to_usize(u64::from(index));
            let DistinctFragment { len: stored, .. } = self.different[index];
            let len = inputs.plan.ends.of(id).map_or(stored, |end| end.len);
            files[id.index()].end_with(Fragment { at: starts[index] + stored - len, len });
        }
        Ok(packed)
    }

    /// An order of the different fragments, as their indexes, in which similar ones lie
    /// together. Takes the sketches.
    fn order(&mut self, inputs: &Inputs<'_>, names: &[&[u8]]) -> Result<Vec<usize>> {
        let codec = inputs.options.packed_codec();
        let is_large = codec.is_some_and(|codec| codec.pcluster_len >= LARGE_PCLUSTER);
        let ordered = pool::try_map(self.windows(names), Share::Single, |(first, window)| {
            let mut data = Vec::new();
            let sketches =
                window.iter_mut().map(|fragment| fragment.take_sketch(inputs, &mut data));
            let sketches = sketches.collect::<Result<Vec<_>>>()?;
            let lens = window.iter().map(|fragment| fragment.len);
            let order = match is_large {
                true => window::order(&sketches, &lens.collect::<Vec<_>>()),
                false => neighbours::order(&sketches),
            };
            Ok(order.into_iter().map(move |index| first + index).collect::<Vec<_>>())
        });
        Ok(ordered?.concat())
    }

    /// The windows of fragments that are ordered together, each with the index of its
    /// first fragment.
    fn windows(&mut self, names: &[&[u8]]) -> Vec<(usize, &mut [DistinctFragment])> {
        let mut starts = vec![0];
        let mut len = 0;
        let all = self.different.iter().enumerate();
        for (index, fragment) in all.filter(|(_, fragment)| is_sketched(fragment.len)) {
            let is_full = len + fragment.len > WINDOW_MAX;
            let ends = len >= WINDOW_MIN
                && is_border(names[fragment.id.index()], fragment.len, WINDOW_SPACING);
            if (is_full || ends) && starts.last() != Some(&index) {
                starts.push(index);
                len = 0;
            }
            len += fragment.len;
        }
        let mut windows = Vec::with_capacity(starts.len());
        let mut rest = &mut self.different[..];
        for start in starts.into_iter().rev() {
            let (before, window) = rest.split_at_mut(start);
            windows.push((start, window));
            rest = before;
        }
        windows.reverse();
        windows
    }
}

impl DistinctFragment {
    /// Takes the sketch, or makes it if it was not kept. `data` is a buffer.
    fn take_sketch(&mut self, inputs: &Inputs<'_>, data: &mut Vec<u8>) -> Result<Sketch> {
        if let Some(known) = self.sketch.take() {
            return Ok(known);
        }
        if !is_sketched(self.len) {
            return Ok(Sketch::default());
        }
        let len = to_usize(self.len);
        let offset = inputs.content(self.id).len() - self.len;
        data.resize(data.len().max(len + 1), 0);
        inputs.read(self.id, offset, &mut data[..=len])?;
        Ok(sketch(&data[..len]))
    }
}

impl UnplacedFragments {
    /// All fragments: the `ends` of files, and whole files.
    pub(super) fn find(inputs: &Inputs<'_>, ends: Vec<(InodeId, UnplacedFragment)>) -> Self {
        let mut ends: HashMap<InodeId, UnplacedFragment> = ends.into_iter().collect();
        let mut found = UnplacedFragments::default();
        if !inputs.plan.contents.is_empty() {
            found.ends = ends.iter().map(|(id, end)| (*id, end.digest)).collect();
        }
        let mut known = HashMap::new();
        let mut sketches = inputs.plan.findings.take_sketches();
        let mut all = 0;
        // The fragments by their files, if other files have ends of them, and these files.
        let mut owned: HashMap<InodeId, u32> = HashMap::new();
        let mut others: Vec<(InodeId, InodeId)> = Vec::new();
        for id in fragmented(inputs, &ends) {
            let common = inputs.plan.ends.of(id);
            if let Some(end) = common.filter(|end| end.owner != id) {
                all += end.len;
                others.push((id, end.owner));
                continue;
            }
            let mut add = |len, sketch| {
                found.len += len;
                found.different.push(DistinctFragment { id, len, sketch });
                found.different.len() - 1
            };
            let index = match ends.remove(&id) {
                None if common.is_some() => add(common.map_or(0, |end| end.len), None),
                // Equal whole files have been found before.
                None => add(inputs.content(id).len(), sketches.remove(&id)),
                Some(UnplacedFragment { len, digest, sketch }) => {
                    let add = || add(len, sketch);
                    match inputs.options.share_fragments {
                        true => *known.entry((digest, len)).or_insert_with(add),
                        false => add(),
                    }
                }
            };
            all += found.different[index].len;
            let index = u32::try_from(index).expect("no more than inodes");
            found.files.push((id, index));
            if inputs.plan.ends.is_owner(id) {
                owned.insert(id, index);
            }
        }
        found.files.extend(others.into_iter().map(|(id, owner)| (id, owned[&owner])));
        found.shared_bytes = all - found.len;
        found
    }
}

/// The files that have fragments, in the order of the extensions of their names. For each
/// extension, files that are one fragment come first.
fn fragmented(inputs: &Inputs<'_>, ends: &HashMap<InodeId, UnplacedFragment>) -> Vec<InodeId> {
    let extensions = extensions(inputs);
    let key = |(place, id): (usize, &InodeId)| {
        let has_end = ends.contains_key(id);
        let has_fragment = has_end
            || inputs.plan.layout(*id) == Layout::Fragment
            || inputs.plan.ends.of(*id).is_some();
        has_fragment.then(|| (extensions[id.index()], has_end, place, *id))
    };
    let mut ids: Vec<_> = inputs.inodes.order.ids.iter().enumerate().filter_map(key).collect();
    ids.sort_unstable();
    ids.into_iter().map(|(_, _, _, id)| id).collect()
}

/// By arena index: the extension of the name, which is the part after its last dot.
fn extensions<'a>(inputs: &Inputs<'a>) -> Vec<&'a [u8]> {
    let extension = |name: &'a [u8]| {
        let dot = name.iter().rposition(|byte| *byte == b'.');
        dot.map_or(&[][..], |dot| &name[dot + 1..])
    };
    names(inputs).into_iter().map(extension).collect()
}

/// By arena index: the name, without its path.
fn names<'a>(inputs: &Inputs<'a>) -> Vec<&'a [u8]> {
    let tree = inputs.reader.tree;
    let mut names: Vec<&[u8]> = vec![&[]; tree.arena_len()];
    for id in &inputs.inodes.order.ids {
        for (name, child) in tree.children(*id).into_iter().flatten() {
            names[child.index()] = name;
        }
    }
    names
}

/// Whether the index of the packed inode is to have one address for each pair of lclusters.
pub(super) fn is_paired(options: &Options) -> bool {
    let codec = options.packed_codec();
    // Only this index is long enough to matter.
    codec.is_some_and(|codec| codec.pcluster_len >= LARGE_PCLUSTER) && !options.full_indexes
}

/// The usual length of parts of the packed inode.
fn part_len(pcluster_len: u64) -> u64 {
    PART_LEN.max(PART_PCLUSTERS * pcluster_len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn a_range_ends_where_it_is_cut() {
        let mut packed = Packed::default();
        assert_eq!(packed.push(Tree::ROOT, 10), 0);
        assert_eq!(packed.push(Tree::ROOT, 20), 10);
        // They are the ends of a file of 30 bytes.
        let range = |start, end| -> Vec<(u64, u64)> {
            let pieces = packed.range(start, end, |_| 30);
            pieces.map(|piece| (piece.offset, piece.len)).collect()
        };
        assert_eq!(range(0, 30), [(20, 10), (10, 20)]);
        assert_eq!(range(5, 15), [(25, 5), (10, 5)]);
        assert_eq!(range(0, 8), [(20, 8)]);
        assert_eq!(range(0, 10), [(20, 10)]);
        assert_eq!(range(10, 12), [(10, 2)]);
        assert_eq!(range(29, 30), [(29, 1)]);
        assert_eq!(range(30, 30), []);
    }
}
