//! The packed inode: fragments of many files, one behind the other.
//!
//! Fragments are ordered by the extensions of their names, so that what is
//! alike lies together; those that are the same are stored once.

use std::collections::HashMap;

use crate::encode::{Compressed, Fragment, Job};
use crate::plan::Layout;
use crate::tree::{InodeId, Kind};

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
    /// Bytes that are not in it again.
    pub(crate) shared_bytes: u64,
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

    fn push(&mut self, id: InodeId, offset: u64, len: u64) -> u64 {
        let at = self.len;
        self.pieces.push(Piece { at, id, offset, len });
        self.len += len;
        at
    }
}

impl Job<'_> {
    /// Gives the fragments of `files` their places, and those files that are
    /// one fragment.
    pub(super) fn pack(&self, files: &mut [Option<Box<Compressed>>]) -> Packed {
        let mut packed = Packed::default();
        let mut known = HashMap::new();
        let mut all = 0;
        for id in self.fragmented(files) {
            let len = self.content_len(id);
            let Some(file) = &mut files[id.index()] else {
                all += len;
                let fragment = Fragment { at: packed.push(id, 0, len), len, digest: None };
                let file = Compressed { fragment: Some(fragment), ..Compressed::default() };
                files[id.index()] = Some(Box::new(file));
                continue;
            };
            let fragment = file.fragment.as_mut().expect("it was asked for");
            all += fragment.len;
            let mut push = || packed.push(id, len - fragment.len, fragment.len);
            fragment.at = match self.options.share_fragments {
                true => *known.entry((fragment.digest, fragment.len)).or_insert_with(push),
                false => push(),
            };
        }
        packed.shared_bytes = all - packed.len;
        packed
    }

    /// The files that have fragments, in the order of these.
    fn fragmented(&self, files: &[Option<Box<Compressed>>]) -> Vec<InodeId> {
        let has_fragment = |id: InodeId| match &files[id.index()] {
            Some(file) => file.fragment.is_some(),
            None => self.plan.layout(id) == Layout::Fragment,
        };
        let extensions = self.extensions();
        let places = self.order.ids.iter().enumerate();
        let mut ids: Vec<(&[u8], usize, InodeId)> = places
            .filter(|(_, id)| has_fragment(**id))
            .map(|(place, id)| (extensions[id.index()], place, *id))
            .collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, _, id)| id).collect()
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
