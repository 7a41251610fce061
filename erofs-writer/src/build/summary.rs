//! The summary of an image that has been written.

use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::event::{InodeCounts, Summary};
use crate::tree::Kind;
use crate::write::Job;

impl Job<'_> {
    pub(super) fn summary(&self, uuid: Uuid) -> Summary {
        let block_len = self.options.block_size.len();
        let mut inodes = InodeCounts::default();
        let mut bytes_in: u64 = 0;
        for id in &self.placement.by_pos {
            match &self.reader.tree.inode(*id).kind {
                Kind::Directory(_) => inodes.directories += 1,
                Kind::Symlink(_) => inodes.symlinks += 1,
                Kind::File(content) => {
                    inodes.files += 1;
                    bytes_in = bytes_in.saturating_add(content.len());
                }
                _ => inodes.others += 1,
            }
        }
        Summary {
            uuid,
            block_size: self.options.block_size.bytes(),
            blocks: self.placement.blocks,
            inodes,
            bytes_in,
            bytes_out: self.placement.len(),
            metadata_bytes: self.placement.meta_blocks() * block_len,
            shared_bytes: self
                .plan
                .shared_bytes
                .saturating_add(self.placement.bodies.encoded.shared_bytes),
            fragment_bytes: self
                .placement
                .bodies
                .encoded
                .packed
                .as_ref()
                .map_or(0, |(_, len)| *len),
            repeated_bytes: self.placement.bodies.encoded.repeated_bytes,
            hole_bytes: self.plan.hole_bytes,
            device_bytes: self.plan.device_bytes,
            kernel_copied_bytes: self.sink.kernel_copied.load(Ordering::Relaxed),
            algorithms: self.placement.bodies.encoded.algorithms.clone(),
            oldest_kernel: self.features().oldest_kernel(),
            page_size_min: self.options.block_size.page_size_min(),
            taken_bytes: 0,
            verified: false,
            entry_sizes: Vec::new(),
            times: Vec::new(),
        }
    }
}
