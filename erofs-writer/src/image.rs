//! Reading of images.
//!
//! Nothing here is shared with the code that lays images out, but the structures of
//! [`format`](crate::format): so what is read back checks what was written. Every number
//! of an image is checked before it is used, and what is wrong is a [`Fault`] with the
//! place. The rules are those of `fs/erofs` in Linux 6.18.

mod cache;
mod chunk;
mod compact;
mod contents;
mod data;
mod decode;
mod dir;
mod encoded;
mod entry;
mod extent;
mod fault;
mod file;
mod header;
mod index;
mod inode;
mod inodes;
mod input;
mod lz4;
mod map;
mod open;
mod part;
mod place;
mod stored;
mod superblock;
mod usage;
mod window;
mod xattr;

pub(crate) use contents::{Bytes, Contents, Home, Run};
pub(crate) use dir::{DirEntry, Dirs, Listing};
pub(crate) use fault::{Fault, Found};
pub(crate) use file::FileReader;
pub(crate) use inode::{FileType, Inode};
pub(crate) use input::{Input, Part};
pub(crate) use open::Image;
pub(crate) use usage::{Form, Usage};
