//! Fragments before they have places in the packed inode.
//!
//! Equal fragments are stored once. The different ones are ordered by the extensions of
//! their files' names, and then so that similar ones lie together. Those of files whose
//! contents are to come first keep the order of these.

use std::collections::HashMap;

use crate::alike::{Sketch, neighbours, sketch, window};
use crate::encode::encoded::EncodedFile;
use crate::encode::extent::Fragment;
use crate::encode::fragment::{UnplacedFragment, is_sketched};
use crate::encode::inputs::Inputs;
use crate::encode::packed::{LARGE_PCLUSTER, Packed, is_border, is_paired, part_len};
use crate::error::Result;
use crate::facts::Digest;
use crate::format::to_usize;
use crate::plan::Layout;
use crate::pool::{self, Share};
use crate::tree::{InodeId, Kind, Tree};

/// Fragments with sketches are ordered by what they have in common, within windows of
/// up to this many bytes. This bounds the memory for it, and lets several threads do it.
const WINDOW_MAX: u64 = 64 << 20;
/// From this length on, names say where a window ends.
const WINDOW_MIN: u64 = 40 << 20;
const WINDOW_SPACING: u64 = 8 << 20;

/// Fragments that have no place yet.
#[derive(Debug, Default)]
pub(super) struct UnplacedFragments {
    /// The different fragments: those that come first, and then the others in the order of
    /// the extensions of their files' names.
    different: Vec<DistinctFragment>,
    /// How many of them come first.
    first: usize,
    /// The files that have fragments, each with the index of its fragment in `different`.
    files: Vec<(InodeId, u32)>,
    /// The hashes of those that are not whole files, by the files that they are the ends
    /// of, if facts about contents are wanted.
    ends: HashMap<InodeId, Digest>,
    /// Directories in the packed inode, in the order in which they are walked.
    directories: Vec<InodeId>,
    /// The length of all different fragments together, in bytes, without directories.
    len: u64,
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
    pub(super) fn is_empty(&self) -> bool {
        self.different.is_empty() && self.directories.is_empty()
    }

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
            packed.begin_part(names[id.index()], len, part_len, unit);
            if inputs.plan.ends.is_aligned(id) {
                packed.align(unit);
            }
            starts[index] = packed.push(id, len);
            packed.cut_long(part_len);
        }
        if !self.directories.is_empty() {
            packed.begin_directories(block_len);
        }
        for id in self.directories {
            let len = inputs.inodes.size(id);
            let at = packed.push_directory(id, len, block_len);
            files[id.index()].end_with(Fragment { at, len });
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
        Ok((0..self.first).chain(ordered?.into_iter().flatten()).collect())
    }

    /// The windows of fragments that are ordered together, each with the index of its
    /// first fragment.
    fn windows(&mut self, names: &[&[u8]]) -> Vec<(usize, &mut [DistinctFragment])> {
        // Those that come first keep their order.
        let mut starts = vec![self.first];
        let mut len = 0;
        let all = self.different.iter().enumerate().skip(self.first);
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
            if inputs.inodes.order.is_first(id) {
                found.first = found.different.len();
            }
            if inputs.plan.ends.is_owner(id) {
                owned.insert(id, index);
            }
        }
        found.files.extend(others.into_iter().map(|(id, owner)| (id, owned[&owner])));
        found.shared_bytes = all - found.len;
        found.directories = directories(inputs);
        found
    }
}

/// The files that have fragments: those that are to come first, and the others in the
/// order of the extensions of their names. For each extension, files that are one fragment
/// come first.
fn fragmented(inputs: &Inputs<'_>, ends: &HashMap<InodeId, UnplacedFragment>) -> Vec<InodeId> {
    let extensions = extensions(inputs);
    let (tree, order) = (inputs.reader.tree, inputs.inodes.order);
    let has_fragment = |id: &InodeId| {
        let is_file = || matches!(tree.inode(*id).kind, Kind::File(_));
        let is_one = || inputs.plan.layout(*id) == Layout::Fragment && is_file();
        ends.contains_key(id) || is_one() || inputs.plan.ends.of(*id).is_some()
    };
    let key = |(place, id): (usize, &InodeId)| {
        let is_other = has_fragment(id) && !order.is_first(*id);
        is_other.then(|| (extensions[id.index()], ends.contains_key(id), place, *id))
    };
    let mut others: Vec<_> = order.ids.iter().enumerate().filter_map(key).collect();
    others.sort_unstable();
    let first = order.first().iter().copied().filter(has_fragment);
    first.chain(others.into_iter().map(|(_, _, _, id)| id)).collect()
}

/// The directories that are fragments: those that are to come first, and the others in the
/// order in which a tree is walked.
fn directories(inputs: &Inputs<'_>) -> Vec<InodeId> {
    if !inputs.options.may_compress_directory(0) {
        return Vec::new();
    }
    let (tree, order) = (inputs.reader.tree, inputs.inodes.order);
    let is_one = |id: &InodeId| {
        let is_directory = matches!(tree.inode(*id).kind, Kind::Directory(_));
        is_directory && inputs.plan.layout(*id) == Layout::Fragment
    };
    let mut found: Vec<_> = order.first().iter().copied().filter(is_one).collect();
    let mut pending = vec![Tree::ROOT];
    while let Some(id) = pending.pop() {
        if is_one(&id) && !order.is_first(id) {
            found.push(id);
        }
        pending.extend(tree.children(id).into_iter().flat_map(|names| names.values().rev()));
    }
    found
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
