//! Metadata: where every inode and block lies, and how inodes, directories
//! and chunk maps are written.

mod bodies;
mod chunk_map;
mod devices;
mod dir;
mod head;
mod inode;
mod packed;
mod place;
mod slots;
mod writer;

pub(crate) use head::Head;
pub(crate) use place::Placement;
pub(crate) use writer::{MetadataWriter, directory, packed_inode};
