//! Metadata: where every inode and block lies, and how inodes, directories
//! and chunk maps are written.

mod chunk_map;
mod devices;
mod dir;
mod fill;
mod head;
mod inode;
mod packed;
mod place;
mod slots;

pub(crate) use fill::{Filler, directory, packed_inode};
pub(crate) use head::Head;
pub(crate) use place::Placement;
