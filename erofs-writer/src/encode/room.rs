//! How much of a file fits behind its inode and its index.

use std::collections::HashMap;

use crate::encode::inputs::Inputs;
use crate::encode::repeats::Repeats;
use crate::encode::task::Stream;
use crate::plan::Layout;
use crate::tree::InodeId;

/// What the inodes have room for.
pub(crate) struct Room<'a> {
    inputs: &'a Inputs<'a>,
    /// Of files that others share: how much there is behind the least of
    /// their inodes, and how many there are.
    shared: HashMap<InodeId, (u64, u64)>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>, repeats: &Repeats) -> Self {
        let mut room = Room { inputs, shared: HashMap::new() };
        if inputs.options.may_have_inline_pclusters() {
            for (id, content) in crate::plan::files(inputs.reader.tree, inputs.order) {
                if let Layout::SameAs(owner) = inputs.plan.layout(id) {
                    let scattered = repeats.are_in(Stream::File(owner));
                    let left = room.behind(id, content.len(), scattered);
                    let shared = room.shared.entry(owner).or_insert((left, 0));
                    *shared = (shared.0.min(left), shared.1 + 1);
                }
            }
        }
        room
    }

    /// How many bytes may lie behind the inode of the file `id` of `size`
    /// bytes, and behind those of its copies. All of them have these bytes,
    /// and together they should not take more than a block. The pclusters of
    /// the file may be scattered.
    pub(crate) fn of(&self, id: InodeId, size: u64, scattered: bool) -> u64 {
        let left = self.behind(id, size, scattered);
        let Some((least, copies)) = self.shared.get(&id) else { return left };
        left.min(*least).min(self.block_len() / (copies + 1))
    }

    /// What is left of the block in which the index ends. Inodes longer than
    /// a block start one.
    fn behind(&self, id: InodeId, size: u64, scattered: bool) -> u64 {
        let used = (self.inputs.inode_lens.with_index)(id, size, scattered) % self.block_len();
        if used == 0 { 0 } else { self.block_len() - used }
    }

    fn block_len(&self) -> u64 {
        self.inputs.options.block_size.len()
    }
}
