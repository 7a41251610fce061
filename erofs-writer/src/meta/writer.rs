//! Filling the metadata area: inodes with what follows them, and the tables.
//!
//! Places were chosen by planned lengths. So each thing is checked to have exactly its
//! planned length: an image with too few bytes is as wrong as one with too many.

use crate::encode::Stored;
use crate::format::{checked_u32, to_u64, to_usize};
use crate::meta::bodies::Body;
use crate::meta::dir;
use crate::meta::inode;
use crate::meta::packed;
use crate::meta::place::Placement;
use crate::shape::Inodes;
use crate::tree::{Children, InodeId};

/// A part of the metadata area that is being filled.
pub(crate) struct MetadataWriter<'a> {
    placement: &'a Placement<'a>,
    /// Its first byte in the image, at the start of a block.
    start: u64,
    end: u64,
    /// The bytes so far.
    pub(crate) bytes: Vec<u8>,
}

impl<'a> MetadataWriter<'a> {
    /// A writer of the bytes of the image from `start` to `end`.
    pub(crate) fn new(placement: &'a Placement<'a>, start: u64, end: u64) -> Self {
        MetadataWriter { placement, start, end, bytes: Vec::with_capacity(to_usize(end - start)) }
    }

    /// Appends the inode `id`, which is at `index` in `Placement::by_pos`, with its
    /// xattrs and with its chunk map or index. An inline tail is left to the caller.
    pub(crate) fn begin(&mut self, id: InodeId, index: usize) {
        let inodes = self.placement.bodies.inodes;
        let pos = to_usize(self.placement.pos(id) - self.start);
        let end = self.bytes.len();
        assert!(end <= pos, "the inode before ends at {end} past {pos}");
        self.bytes.resize(pos, 0);
        let ino = checked_u32(to_u64(index) + 1);
        let size = inodes.size(id);
        inode::write(&mut self.bytes, inodes, id, ino, size, self.placement.data_at(id, size));
        inodes.xattrs.write_body(&mut self.bytes, id, self.placement.shared_xattrs_pos);
        let (placed, written) = (inodes.head_len(id), to_u64(self.bytes.len() - pos));
        assert!(written == placed, "an inode with xattrs has {placed} bytes and got {written}");
        match self.placement.bodies.of(id) {
            Body::Flat => {}
            Body::Chunks(map, form) => {
                form.write(&mut self.bytes, map, self.placement.chunk_area);
            }
            Body::Encoded(stored) => {
                self.placement.bodies.indexes.write(&mut self.bytes, stored, size);
            }
        }
    }

    /// Checks the length of the inode that was begun last, after its tail.
    pub(crate) fn end(&self, id: InodeId) {
        let placed = self.placement.inode_len(id);
        let written = self.start + to_u64(self.bytes.len()) - self.placement.pos(id);
        assert!(written == placed, "an inode has {placed} bytes and got {written}");
    }

    /// All bytes, with the parts of the tables that lie among them.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let (len, got) = (to_usize(self.end - self.start), self.bytes.len());
        assert!(got <= len, "a window has {len} bytes and got {got}");
        self.bytes.resize(len, 0);
        let inodes = self.placement.bodies.inodes;
        self.add_table(&inodes.xattrs.prefixes, self.placement.prefixes_pos);
        self.add_table(&inodes.xattrs.shared, self.placement.shared_xattrs_pos);
        self.add_table(&self.placement.device_table, self.placement.devices_pos);
        self.bytes
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

/// The blocks and the tail of the directory `id`.
pub(crate) fn directory(placement: &Placement<'_>, id: InodeId, children: &Children) -> Vec<u8> {
    let Inodes { tree, order, .. } = placement.bodies.inodes;
    let nid = |id| placement.nid(id);
    let lookup = |child| (nid(child), dir::file_type(&tree.inode(child).kind));
    let dots = (nid(id), nid(order.parent(id)));
    let mut out = Vec::new();
    dir::write(&mut out, children, dots, lookup, placement.bodies.block_size.len());
    let (placed, written) = (placement.bodies.inodes.size(id), to_u64(out.len()));
    assert!(written == placed, "a directory has {placed} bytes and got {written}");
    out
}

/// The packed inode with its index, if there is one.
pub(crate) fn packed_inode(placement: &Placement<'_>) -> Option<Vec<u8>> {
    let (file, size) = placement.bodies.encoded.packed.as_ref()?;
    let stored = Stored::Pclusters(file);
    let data = placement.bodies.encoded_at(stored, packed::HEAD_LEN, *size);
    let mtime = placement.bodies.inodes.epoch.time;
    let mut out = packed::head(*size, placement.inode_count(), mtime, data);
    placement.bodies.indexes.write(&mut out, stored, *size);
    let (placed, written) = (placement.packed_len, to_u64(out.len()));
    assert!(written == placed, "the packed inode has {placed} bytes and got {written}");
    Some(out)
}
