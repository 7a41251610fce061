//! The packed inode: fragments of many files, one after the other, and then directories.
//!
//! There may be millions of fragments, so each takes few bytes in each table. A fragment is
//! the end of a file, and no table has values that follow from the length of that file.

use std::ops::Range;

use twox_hash::XxHash3_64;

use crate::alike::{ContentChunk, content_chunks};
use crate::facts::Digest;
use crate::format::{round_up, to_u64, to_usize};
use crate::options::Options;
use crate::tree::InodeId;

/// Parts of the packed inode have some four MiB, or the bytes of so many pclusters: a
/// pcluster ends with each part.
const PART_LEN: u64 = 4 << 20;
const PART_PCLUSTERS: u64 = 16;
/// In pclusters of this length or more, all bytes up to 64 KiB before a fragment matter,
/// not just its neighbour. And so few extents begin that it costs little to let no two
/// begin in a pair of lclusters.
pub(super) const LARGE_PCLUSTER: u64 = 64 * 1024;

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
    /// Where directories begin, which come last.
    directories: Option<u64>,
    /// Where fragments begin that begin like others.
    alike: Vec<u64>,
    /// Where its parts begin, except for the first.
    cuts: Vec<u64>,
    /// For each part a hash that decides its bytes, if those of its fragments are known.
    digests: Vec<Option<Digest>>,
}

impl Packed {
    /// Appends the last `len` bytes of `id`, and returns where they begin.
    pub(super) fn push(&mut self, id: InodeId, len: u64) -> u64 {
        let start = self.len;
        self.len += len;
        self.fragments.push(PackedFragment { id, start, end: self.len });
        start
    }

    /// Lets a fragment that begins like others begin at a multiple of `unit`, as repeats
    /// that cannot be compressed begin at blocks.
    pub(super) fn align(&mut self, unit: u64) {
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
    /// with this name. Parts begin at multiples of `unit`, as fragments in them may have to,
    /// whatever came before. They begin with fragments, and long
    /// fragments are parts of their own, so that a change of some fragments changes only
    /// the parts with these.
    pub(super) fn begin_part(&mut self, name: &[u8], len: u64, part_len: u64, unit: u64) {
        let start = self.cuts.last().copied().unwrap_or(0);
        let before = self.len - start;
        let is_long = before + len > 2 * part_len;
        let is_wanted = before >= part_len / 2 && is_border(name, len, part_len / 2);
        if is_long || is_wanted {
            self.cut(unit);
        }
    }

    /// Begins the part with the first directories.
    pub(super) fn begin_directories(&mut self, block_len: u64) {
        self.cut(block_len);
        self.directories = Some(self.len);
    }

    /// Appends a directory of `len` bytes, and returns where it begins.
    pub(super) fn push_directory(&mut self, id: InodeId, len: u64, block_len: u64) -> u64 {
        if self.len - self.cuts.last().copied().unwrap_or(0) >= PART_LEN {
            self.cut(block_len);
        }
        let at = self.push(id, len);
        self.cut_long(PART_LEN);
        at
    }

    /// Begins another part, at a multiple of `unit`.
    fn cut(&mut self, unit: u64) {
        if self.len > self.cuts.last().copied().unwrap_or(0) {
            self.len = round_up(self.len, unit);
            self.cuts.push(self.len);
        }
    }

    /// Cuts a fragment that is too long for one part, after it was appended.
    pub(super) fn cut_long(&mut self, part_len: u64) {
        let start = self.cuts.last().copied().unwrap_or(0);
        let count = (self.len - start).saturating_sub(1) / part_len;
        if count > 1 {
            self.cuts.extend((1..=count).map(|index| start + index * part_len));
        }
    }

    /// Whether the byte `at` is one of a directory.
    pub(super) fn is_directory(&self, at: u64) -> bool {
        self.directories.is_some_and(|start| at >= start)
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
    pub(super) fn find_digests(&mut self, known: impl Fn(InodeId) -> Option<Digest>) {
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
    pub(super) fn range(
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
pub(super) fn is_border(name: &[u8], len: u64, spacing: u64) -> bool {
    XxHash3_64::oneshot_with_seed(len, name) % spacing < len
}

/// Whether the index of the packed inode is to have one address for each pair of lclusters.
pub(super) fn is_paired(options: &Options) -> bool {
    let codec = options.packed_codec();
    // Only this index is long enough to matter.
    codec.is_some_and(|codec| codec.pcluster_len >= LARGE_PCLUSTER) && !options.full_indexes
}

/// The usual length of parts of the packed inode.
pub(super) fn part_len(pcluster_len: u64) -> u64 {
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
