//! Inodes as they are known before any content is read: their order, their forms, their
//! attributes, and their lengths for each way in which contents can be stored.

pub(crate) mod dir;
mod epoch;
mod far;
mod flat;
mod index;
mod inode;
mod interned;
mod order;
mod size;
mod xattr;

pub(crate) use index::{IndexForm, IndexLens, Pack, compressed_len_max};
pub(crate) use inode::Inodes;
pub(crate) use order::{Order, files};
pub(crate) use xattr::XattrTable;
