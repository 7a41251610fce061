//! Metadata: where every inode and block lies, and how inodes, directories
//! and xattrs are written.

pub(crate) mod dir;
pub(crate) mod epoch;
mod extents;
pub(crate) mod index;
pub(crate) mod inode;
pub(crate) mod packed;
pub(crate) mod place;
mod reach;
mod space;
pub(crate) mod xattr;
