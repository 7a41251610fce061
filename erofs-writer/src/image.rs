//! Reading of images.
//!
//! Nothing here is shared with the code that lays images out, but the structures of
//! [`format`](crate::format): so what is read back checks what was written. Every number
//! of an image is checked before it is used, and what is wrong is a [`Fault`] with the
//! place. The rules are those of `fs/erofs` in Linux 6.18.

mod cache;
mod chunk;
mod compact;
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
mod place;
mod stored;
mod superblock;
mod window;
mod xattr;

pub(crate) use dir::{DirEntry, Dirs};
pub(crate) use fault::{Fault, Found};
pub(crate) use file::FileReader;
pub(crate) use inode::{FileType, Inode};
pub(crate) use input::Input;
pub(crate) use open::Image;
