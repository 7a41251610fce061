//! The summary of an image that has been written.

use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::build::whole::Whole;
use crate::event::{InodeCounts, Summary};
use crate::tree::Kind;
use crate::write::Job;

#[cfg(feature = "verity")]
use crate::event::VeritySummary;
#[cfg(not(feature = "verity"))]
use std::convert::Infallible as VeritySummary;

impl Whole<'_> {
    pub(super) fn summary(&self, uuid: Uuid, verity: Option<VeritySummary>) -> Summary {
        #[cfg(not(feature = "verity"))]
        let None = verity;
        let Job { reader, plan, placement, options, sink, .. } = self.job;
        let block_len = options.block_size.len();
        let mut inodes = InodeCounts::default();
        let mut bytes_in: u64 = 0;
        for id in placement.by_pos() {
            match &reader.tree.inode(*id).kind {
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
            block_size: options.block_size.bytes(),
            blocks: self.ends.blocks,
            inodes,
            bytes_in,
            bytes_out: self.len(),
            metadata_bytes: self.meta_blocks() * block_len,
            shared_bytes: plan.shared_bytes.saturating_add(placement.bodies.encoded.shared_bytes),
            fragment_bytes: placement.bodies.encoded.packed.as_ref().map_or(0, |(_, len)| *len),
            repeated_bytes: placement.bodies.encoded.repeated_bytes,
            hole_bytes: plan.hole_bytes,
            device_bytes: plan.device_bytes.saturating_add(placement.bodies.encoded.device_bytes),
            kernel_copied_bytes: sink.kernel_copied.load(Ordering::Relaxed),
            algorithms: self.algorithms(),
            oldest_kernel: self.features().oldest_kernel(),
            page_size_min: options.block_size.page_size_min(),
            taken_bytes: 0,
            verified: false,
            entry_sizes: Vec::new(),
            #[cfg(feature = "verity")]
            verity,
            #[cfg(feature = "verity")]
            fsverity_digests: Vec::new(),
            times: Vec::new(),
        }
    }
}
