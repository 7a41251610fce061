//! Filling the metadata area: inodes with what follows them, and the tables.
//!
//! Places were chosen by planned lengths. So each thing is checked to have exactly its
//! planned length: an image with too few bytes is as wrong as one with too many.

use crate::format::{checked_u32, to_u64, to_usize};
use crate::meta::bodies::Body;
use crate::meta::ends::Ends;
use crate::meta::head::Head;
use crate::meta::inode;
use crate::meta::place::Placement;
use crate::tree::InodeId;

/// A part of the metadata area that is being filled.
pub(crate) struct MetadataWriter<'a> {
    placement: &'a Placement<'a>,
    /// Its first byte in the image, at the start of a block.
    start: u64,
    end: u64,
    /// How many blocks the image has.
    image_blocks: u64,
    /// The bytes so far.
    pub(crate) bytes: Vec<u8>,
}

impl<'a> MetadataWriter<'a> {
    /// A writer of the bytes of the image from `start` to `end`. The image has so many
    /// blocks, which matters only where pclusters are on devices.
    pub(crate) fn new(
        placement: &'a Placement<'a>,
        (start, end): (u64, u64),
        image_blocks: u64,
    ) -> Self {
        let bytes = Vec::with_capacity(to_usize(end - start));
        MetadataWriter { placement, start, end, image_blocks, bytes }
    }

    /// Appends the inode `id`, which is at `index` in the order of places, with its
    /// xattrs and with its chunk map or index. An inline tail is left to the caller.
    pub(crate) fn begin(&mut self, id: InodeId, index: usize) {
        let inodes = self.placement.bodies.inodes;
        let pos = to_usize(self.placement.pos(id) - self.start);
        let end = self.bytes.len();
        assert!(end <= pos, "the inode before ends at {end} past {pos}");
        self.bytes.resize(pos, 0);
        // Kernels do not read it. Where it is compressed, what is always the same takes no
        // room.
        let ino = match self.placement.inodes.metabox_len {
            Some(_) => 0,
            None => checked_u32(to_u64(index) + 1),
        };
        let size = inodes.size(id);
        inode::write(&mut self.bytes, inodes, id, ino, size, self.placement.data_at(id, size));
        inodes.xattrs.write_body(&mut self.bytes, id, self.placement.inodes.head.shared_xattrs);
        let (placed, written) = (inodes.head_len(id), to_u64(self.bytes.len() - pos));
        assert!(written == placed, "an inode with xattrs has {placed} bytes and got {written}");
        match self.placement.bodies.of(id) {
            Body::Flat => {}
            Body::Chunks(map, form) => {
                form.write(&mut self.bytes, map, self.placement.chunk_area);
            }
            Body::Encoded(stored) => {
                let indexes = self.placement.bodies.indexes;
                indexes.write(&mut self.bytes, stored, size, self.image_blocks);
            }
        }
    }

    /// Checks the length of the inode that was begun last, after its tail.
    pub(crate) fn end(&self, id: InodeId) {
        let placed = self.placement.inode_len(id);
        let written = self.start + to_u64(self.bytes.len()) - self.placement.pos(id);
        assert!(written == placed, "an inode has {placed} bytes and got {written}");
    }

    /// All bytes of a part of the image, with the parts of the tables and of special inodes
    /// that lie among them.
    pub(crate) fn finish(mut self, ends: &Ends) -> Vec<u8> {
        self.fill();
        let Head { prefixes, shared_xattrs, devices, metabox, .. } = &self.placement.inodes.head;
        let xattrs = self.placement.bodies.inodes.xattrs;
        self.add_table(&xattrs.prefixes, *prefixes);
        if metabox.is_none() {
            self.add_table(&xattrs.shared, *shared_xattrs);
        }
        self.add_table(&ends.device_table, *devices);
        ends.specials().for_each(|special| self.add_table(&special.bytes, special.pos));
        self.bytes
    }

    /// All bytes of a part of the metabox, with that of shared xattrs which lies there.
    pub(crate) fn finish_metabox(mut self) -> Vec<u8> {
        self.fill();
        let xattrs = self.placement.bodies.inodes.xattrs;
        self.add_table(&xattrs.shared, self.placement.inodes.head.shared_xattrs);
        self.bytes
    }

    /// Adds zeros up to the end.
    fn fill(&mut self) {
        let (len, got) = (to_usize(self.end - self.start), self.bytes.len());
        assert!(got <= len, "a window has {len} bytes and got {got}");
        self.bytes.resize(len, 0);
    }

    /// Copies those bytes of a table at `pos` that lie here.
    fn add_table(&mut self, table: &[u8], pos: u64) {
        let from = pos.max(self.start);
        let to = (pos + to_u64(table.len())).min(self.end);
        if from < to {
            let part = &table[to_usize(from - pos)..to_usize(to - pos)];
            let place = &mut self.bytes[to_usize(from - self.start)..to_usize(to - self.start)];
            assert!(place.iter().all(|byte| *byte == 0), "a table at {pos} lies on something");
            place.copy_from_slice(part);
        }
    }
}
