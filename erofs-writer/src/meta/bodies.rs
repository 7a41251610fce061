//! The body after each inode, and the length of the two together. Does not depend on
//! places.

use crate::encode::{Encoded, Stored};
use crate::format::to_usize;
use crate::index::Indexes;
use crate::meta::chunk_map::{EntryForm, EntryForms};
use crate::meta::inode::DataAt;
use crate::options::{BlockSize, Options};
use crate::plan::{ChunkMap, DataPlan, Layout};
use crate::shape::Inodes;
use crate::tree::{InodeId, Kind};

/// The body after an inode.
pub(super) enum Body<'a> {
    /// The tail of the data, if it is inline.
    Flat,
    Chunks(&'a ChunkMap, EntryForm),
    /// The index of pclusters, or the header of a file that is one fragment.
    Encoded(Stored<'a>),
}

/// The bodies of all inodes.
#[derive(Debug)]
pub(crate) struct Bodies<'a> {
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) plan: &'a DataPlan,
    pub(crate) encoded: &'a Encoded,
    pub(super) indexes: Indexes,
    entry_forms: EntryForms,
    pub(crate) block_size: BlockSize,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(
        inodes: &'a Inodes<'a>,
        plan: &'a DataPlan,
        encoded: &'a Encoded,
        options: &Options,
    ) -> Self {
        assert!(
            options.may_have_big_pclusters()
                || !encoded.has_big_pclusters
                || encoded.limits.is_some(),
            "there is no room to tell of pclusters of several blocks"
        );
        Bodies {
            inodes,
            plan,
            encoded,
            indexes: Indexes::of(options, encoded.has_big_pclusters),
            entry_forms: EntryForms { indexes: options.chunk_indexes, far: inodes.far },
            block_size: options.block_size,
        }
    }

    /// The body after `id`.
    pub(super) fn of(&self, id: InodeId) -> Body<'a> {
        let owner = self.plan.owner(id);
        if let Layout::Chunked(index) = self.plan.layout(owner) {
            let map = &self.plan.maps[to_usize(u64::from(index))];
            return Body::Chunks(map, self.entry_forms.of(map, &self.plan.devices));
        }
        match self.encoded.file(owner) {
            Some(stored) => Body::Encoded(stored),
            None => Body::Flat,
        }
    }

    /// The length of an inode with its body, and whether a tail is part of the body.
    pub(super) fn measure(&self, id: InodeId) -> (u64, bool) {
        let head = || self.inodes.head_len(id);
        match self.of(id) {
            Body::Flat => {
                let is_file = matches!(self.inodes.tree.inode(id).kind, Kind::File(_));
                let owner = self.plan.owner(id);
                let flat = match self.plan.layout(owner) {
                    Layout::FlatPlain if is_file => self.inodes.flat_in_blocks(id),
                    _ => self.inodes.flat(id),
                };
                (flat.inode_len, flat.has_inline_tail)
            }
            Body::Chunks(map, form) => (form.inode_len(head(), map), false),
            Body::Encoded(stored) => {
                (self.indexes.inode_len(head(), self.inodes.size(id), stored), false)
            }
        }
    }

    /// Whether the blocks with data of `id`, if there are any, are its own: the data is
    /// in no pcluster or chunk, nor in the blocks of another file.
    pub(super) fn has_own_blocks(&self, id: InodeId) -> bool {
        self.plan.owner(id) == id && matches!(self.of(id), Body::Flat)
    }

    /// The layout and the number of blocks in the inode of an encoded file of `size`
    /// bytes. The inode has `head` bytes without its body.
    pub(super) fn encoded_at(&self, stored: Stored<'_>, head: u64, size: u64) -> DataAt {
        let layout = self.indexes.layout(head, size, stored);
        let blocks = match stored {
            Stored::Pclusters(file) => file.blocks(),
            Stored::Fragment(_) => 0,
        };
        DataAt::Compressed { layout, blocks }
    }
}
