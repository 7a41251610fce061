//! The room for inline pclusters after inodes and their indexes.

use std::collections::HashMap;

use crate::encode::inputs::Inputs;
use crate::encode::repeats::Repeats;
use crate::encode::task::Stream;
use crate::plan::Layout;
use crate::shape::{IndexForm, files};
use crate::tree::InodeId;

/// The room for the inline pcluster of each file.
pub(crate) struct Room<'a> {
    inputs: &'a Inputs<'a>,
    /// For files whose data others share: the least room after the inodes of the others,
    /// and their number.
    shared: HashMap<InodeId, (u64, u64)>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>, repeats: &Repeats) -> Self {
        let mut room = Room { inputs, shared: HashMap::new() };
        if inputs.options.may_have_inline_pclusters() {
            for (id, _) in files(inputs.inodes.tree, inputs.inodes.order) {
                if let Layout::SameAs(owner) = inputs.plan.layout(id) {
                    let left = room.behind(id, repeats.index_form(Stream::File(owner)));
                    let shared = room.shared.entry(owner).or_insert((left, 0));
                    *shared = (shared.0.min(left), shared.1 + 1);
                }
            }
        }
        room
    }

    /// How many bytes the inline pcluster of the file `id` may have after an index of
    /// this form. Each copy of the file has these bytes as well, and all copies together
    /// should not take more than a block.
    pub(crate) fn of(&self, id: InodeId, form: IndexForm) -> u64 {
        let left = self.behind(id, form);
        let Some((least, copies)) = self.shared.get(&id) else { return left };
        left.min(*least).min(self.block_len() / (copies + 1))
    }

    /// The bytes that are left in the block in which the index ends. An inode longer than
    /// a block starts where a block does.
    fn behind(&self, id: InodeId, form: IndexForm) -> u64 {
        let used = self.inputs.inodes.len_with_index(id, form) % self.block_len();
        if used == 0 { 0 } else { self.block_len() - used }
    }

    fn block_len(&self) -> u64 {
        self.inputs.options.block_size.len()
    }
}
