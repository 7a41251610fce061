//! The places of inodes. They need no addresses of data, so that directories can be
//! compressed before anything else has its place.

use crate::format::{Nid, checked_u32, to_u64};
use crate::meta::bodies::Bodies;
use crate::meta::dir;
use crate::meta::head::Head;
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind, Tree};

/// The place of one inode.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The byte at which it starts.
    pub(super) pos: u64,
    /// The first of its blocks, if it has any of its own.
    pub(super) block: u64,
    /// Its length with what follows it. No map or index has 4 GiB.
    pub(super) len: u32,
    /// Whether its tail is inline.
    pub(super) inline: bool,
}

/// The places of all inodes: bytes of the image, or of the decoded metabox.
#[derive(Debug)]
pub(crate) struct InodePlaces {
    /// By arena index.
    pub(super) places: Vec<Place>,
    /// All inodes in the order of their places.
    pub(super) by_pos: Vec<InodeId>,
    /// The head, and the room that it has left, also between inodes of the image.
    pub(crate) head: Head,
    /// How many blocks the head has.
    head_blocks: u64,
    /// The length of the metabox, if there is one.
    pub(crate) metabox_len: Option<u64>,
}

impl InodePlaces {
    /// Gives all inodes their places: after the pclusters of files, or in the metabox.
    pub(crate) fn new(mut head: Head, bodies: &Bodies<'_>) -> Self {
        let head_blocks = head.blocks();
        head.slots.skip(bodies.encoded.blocks);
        let mut places = vec![Place::default(); bodies.inodes.tree.arena_len()];
        let slots = head.metabox.as_mut().unwrap_or(&mut head.slots);
        for id in &bodies.inodes.order.ids {
            let (len, inline) = bodies.measure(*id);
            let pos = match head.root {
                Some((root, root_len)) if *id == Tree::ROOT => {
                    assert!(len == root_len, "the root has {root_len} bytes and now {len}");
                    root
                }
                _ => slots.take(len),
            };
            places[id.index()] = Place { pos, block: 0, len: checked_u32(len), inline };
        }
        let mut by_pos = bodies.inodes.order.ids.clone();
        by_pos.sort_unstable_by_key(|id| places[id.index()].pos);
        let block_len = bodies.block_size.len();
        let metabox_len = head.metabox.as_ref().map(|slots| slots.blocks() * block_len);
        InodePlaces { places, by_pos, head, head_blocks, metabox_len }
    }

    /// The first block after the head, the pclusters of files, and inodes that are not in
    /// the metabox.
    pub(crate) fn end(&self) -> u64 {
        self.head.slots.blocks()
    }

    pub(super) fn head_blocks(&self) -> u64 {
        self.head_blocks
    }

    pub(crate) fn nid(&self, id: InodeId) -> Nid {
        let pos = self.places[id.index()].pos;
        if self.metabox_len.is_some() { Nid::in_metabox(pos) } else { Nid::at(pos) }
    }

    /// The bytes of the directory `id`.
    pub(crate) fn directory(&self, inodes: &Inodes<'_>, id: InodeId) -> Vec<u8> {
        let Inodes { tree, order, .. } = inodes;
        let Kind::Directory(children) = &tree.inode(id).kind else {
            panic!("only directories have entries");
        };
        let lookup = |child| (self.nid(child), dir::file_type(&tree.inode(child).kind));
        let dots = (self.nid(id), self.nid(order.parent(id)));
        let mut out = Vec::new();
        dir::write(&mut out, children, dots, lookup, inodes.omits_dots, inodes.block_len());
        let (placed, written) = (inodes.size(id), to_u64(out.len()));
        assert!(written == placed, "a directory has {placed} bytes and got {written}");
        out
    }
}
