//! Metadata: where every inode and block lies, and how inodes, directories
//! and chunk maps are written.

mod bodies;
mod chunk_map;
mod devices;
mod dir;
mod ends;
mod head;
mod inode;
mod inodes;
mod place;
mod slots;
mod special;
mod writer;

pub(crate) use bodies::Bodies;
pub(crate) use ends::Ends;
pub(crate) use head::Head;
pub(crate) use inodes::InodePlaces;
pub(crate) use place::Placement;
pub(crate) use writer::MetadataWriter;
