//! Hash trees: those of dm-verity over an image, and those of fs-verity over files.

mod fsverity;
mod hasher;
mod layout;
mod salt;
mod superblock;
mod tree;

pub(crate) use fsverity::Digester;
pub(crate) use hasher::{Hasher, derived};
pub(crate) use layout::Layout;
pub(crate) use salt::salt;
pub(crate) use superblock::superblock;
pub(crate) use tree::{Storage, build};
