//! The packed inode: fragments of many files, one behind the other.
//!
//! Those that are the same are stored once. The others are ordered by the
//! extensions of their names, and then so that what is alike lies together.

use std::collections::HashMap;

use crate::encode::similar::{self, nearest};
use crate::encode::{Compressed, Fragment, Job};
use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::plan::{Kept, Layout, Sketch, sketch};
use crate::pool;
use crate::tree::{InodeId, Kind};

/// So many bytes of those that have a sketch are ordered by what they have in
/// common. It bounds the memory for that, and lets several threads do it.
const WINDOW_LEN: u64 = 64 << 20;
/// In pclusters of this length it matters what lies up to 64 KiB before, and
/// not just beside a fragment; and so few extents begin that it costs little to
/// let no two begin in a pair of lclusters.
pub(super) const LARGE_PCLUSTER: u64 = 64 * 1024;
/// What is longer fills pclusters alone, whatever is beside it.
const SKETCHED_MAX: u64 = 64 * 1024;

/// The end of a file, for the packed inode.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    pub(crate) len: u64,
    pub(super) digest: blake3::Hash,
    /// Nothing if it was not made yet.
    pub(super) sketch: Option<Sketch>,
}

impl Tail {
    pub(super) fn new(bytes: &[u8], kept: &Kept) -> Self {
        let len = to_u64(bytes.len());
        let sketch = if is_sketched(len) { kept.sketch(bytes) } else { None };
        Tail { len, digest: blake3::hash(bytes), sketch }
    }
}

/// Whether it matters what is beside a fragment of `len` bytes.
fn is_sketched(len: u64) -> bool {
    len <= SKETCHED_MAX
}

/// A part of the packed inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the packed inode.
    pub(crate) at: u64,
    /// The file that it comes from, and where it begins in that.
    pub(crate) id: InodeId,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// What is in the packed inode.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// In their order, without gaps.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) len: u64,
}

impl Packed {
    /// The pieces of the bytes from `start` to `end`, cut to these.
    pub(crate) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = Piece> {
        let first = self.pieces.partition_point(|piece| piece.at + piece.len <= start);
        let pieces = self.pieces[first..].iter().take_while(move |piece| piece.at < end);
        pieces.map(move |piece| {
            let before = start.saturating_sub(piece.at);
            let at = piece.at + before;
            Piece {
                at,
                offset: piece.offset + before,
                len: (piece.len - before).min(end - at),
                ..*piece
            }
        })
    }
}

/// Fragments that have no place yet.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    /// Those that differ, in the order of the extensions of their names.
    different: Vec<Different>,
    /// The files, and which of those each has.
    files: Vec<(InodeId, usize)>,
    /// How many bytes they have together.
    pub(crate) len: u64,
    /// How many more bytes all have.
    pub(crate) shared_bytes: u64,
}

/// A fragment that is like no other one.
#[derive(Debug)]
struct Different {
    id: InodeId,
    offset: u64,
    len: u64,
    /// If it was made and kept when the fragment was read.
    sketch: Option<Sketch>,
}

impl Fragments {
    /// Gives them places, and the files that have them their fragments.
    pub(super) fn place(
        mut self,
        job: &Job<'_>,
        files: &mut [Option<Box<Compressed>>],
    ) -> Result<Packed> {
        let mut packed = Packed::default();
        let mut fragments = vec![Fragment { at: 0, len: 0 }; self.different.len()];
        for index in self.order(job)? {
            let Different { id, offset, len, .. } = self.different[index];
            packed.pieces.push(Piece { at: packed.len, id, offset, len });
            fragments[index] = Fragment { at: packed.len, len };
            packed.len += len;
        }
        for (id, index) in self.files {
            files[id.index()].get_or_insert_default().fragment = Some(fragments[index]);
        }
        Ok(packed)
    }

    /// An order of those that differ in which what is alike lies together. Uses
    /// up what is known of them.
    fn order(&mut self, job: &Job<'_>) -> Result<Vec<usize>> {
        let is_large = job.options.packed_codec().pcluster_len >= LARGE_PCLUSTER;
        let ordered = pool::try_map_singly(self.windows(), |(first, window)| {
            let mut data = Vec::new();
            let sketches = window.iter_mut().map(|fragment| fragment.take_sketch(job, &mut data));
            let sketches = sketches.collect::<Result<Vec<_>>>()?;
            let lens = window.iter().map(|fragment| fragment.len);
            let order = match is_large {
                true => nearest::order(&sketches, &lens.collect::<Vec<_>>()),
                false => similar::order(&sketches),
            };
            Ok(order.into_iter().map(move |index| first + index).collect::<Vec<_>>())
        });
        Ok(ordered?.concat())
    }

    /// Those that are ordered together, each with the place of its first.
    fn windows(&mut self) -> Vec<(usize, &mut [Different])> {
        let mut starts = vec![0];
        let mut len = 0;
        let all = self.different.iter().enumerate();
        for (index, fragment) in all.filter(|(_, fragment)| is_sketched(fragment.len)) {
            if len + fragment.len > WINDOW_LEN && starts.last() != Some(&index) {
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

impl Different {
    /// The sketch, which is not kept any longer. `data` is a buffer.
    fn take_sketch(&mut self, job: &Job<'_>, data: &mut Vec<u8>) -> Result<Sketch> {
        if let Some(known) = self.sketch.take() {
            return Ok(known);
        }
        if !is_sketched(self.len) {
            return Ok(Sketch::default());
        }
        let len = to_usize(self.len);
        data.resize(data.len().max(len + 1), 0);
        job.read(self.id, self.offset, &mut data[..=len])?;
        Ok(sketch(&data[..len]))
    }
}

impl Job<'_> {
    /// The fragments there are: the ends of `tails`, and whole files.
    pub(super) fn fragments(&self, tails: Vec<(InodeId, Tail)>) -> Fragments {
        let mut ends = vec![None; self.reader.tree.arena_len()];
        tails.into_iter().for_each(|(id, tail)| ends[id.index()] = Some(tail));
        let mut found = Fragments::default();
        let mut known = HashMap::new();
        let mut sketches = self.plan.seen.take_sketches();
        let mut all = 0;
        for id in self.fragmented(&ends) {
            let size = self.content_len(id);
            let mut add = |offset, sketch| {
                found.len += size - offset;
                found.different.push(Different { id, offset, len: size - offset, sketch });
                found.different.len() - 1
            };
            let index = match ends[id.index()].take() {
                // Whole files have been compared before.
                None => add(0, sketches.remove(&id)),
                Some(Tail { len, digest, sketch }) => {
                    let add = || add(size - len, sketch);
                    match self.options.share_fragments {
                        true => *known.entry((digest, len)).or_insert_with(add),
                        false => add(),
                    }
                }
            };
            all += found.different[index].len;
            found.files.push((id, index));
        }
        found.shared_bytes = all - found.len;
        found
    }

    /// The files that have fragments, by the extensions of their names: first
    /// those that are in the packed inode as a whole.
    fn fragmented(&self, ends: &[Option<Tail>]) -> Vec<InodeId> {
        let extensions = self.extensions();
        let key = |(place, id): (usize, &InodeId)| {
            let has_end = ends[id.index()].is_some();
            let has_fragment = has_end || self.plan.layout(*id) == Layout::Fragment;
            has_fragment.then(|| (extensions[id.index()], has_end, place, *id))
        };
        let mut ids: Vec<_> = self.order.ids.iter().enumerate().filter_map(key).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, _, _, id)| id).collect()
    }

    /// By arena index: what is behind the last dot of a name.
    fn extensions(&self) -> Vec<&[u8]> {
        let tree = self.reader.tree;
        let mut extensions: Vec<&[u8]> = vec![&[]; tree.arena_len()];
        for id in &self.order.ids {
            for (name, child) in tree.children(*id).into_iter().flatten() {
                let dot = name.iter().rposition(|byte| *byte == b'.');
                extensions[child.index()] = dot.map_or(&[][..], |dot| &name[dot + 1..]);
            }
        }
        extensions
    }

    fn content_len(&self, id: InodeId) -> u64 {
        match &self.reader.tree.inode(id).kind {
            Kind::File(content) => content.len(),
            _ => 0,
        }
    }
}
