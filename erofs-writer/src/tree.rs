//! The tree of an image: all that is to be stored, before anything has a place.
//!
//! A tree is an arena of inodes. A directory maps names to [`InodeId`]s, so a hard link
//! is a second name with the same id. Link counts are counted, never stored.

mod adjust;
mod arena;
pub(crate) mod check;
mod content;
pub(crate) mod device;
mod dirs;
mod edit;
mod file_id;
mod foreign;
mod host;
mod host_path;
mod id;
mod node;
mod open;
pub(crate) mod overlay;
#[cfg_attr(not(feature = "nar"), allow(dead_code, reason = "only NARs have parts"))]
mod part;
mod path;
mod read;
mod read_at;
#[cfg_attr(not(feature = "image"), allow(dead_code, reason = "only images have it"))]
mod stored;
mod walk;

pub use arena::Tree;
pub(crate) use arena::{Children, Kind, content_len};
pub use content::Content;
#[cfg(feature = "nar")]
pub(crate) use dirs::open_named;
pub(crate) use dirs::{DirOpener, HostDir, OpenDirs};
pub use edit::EntryMut;
pub(crate) use file_id::FileId;
pub use foreign::DroppedXattrs;
pub(crate) use id::InodeId;
pub use id::TreeInodeId;
pub(crate) use node::XattrMap;
pub use node::{Metadata, Node, Rdev, Xattrs};
pub(crate) use open::OpenContent;
pub use overlay::Whiteouts;
#[cfg(feature = "nar")]
pub(crate) use part::HostFile;
pub(crate) use path::components;
pub(crate) use path::{Name, is_valid_name, without_case_hack};
pub(crate) use read::{Holes, Reader};
pub use read_at::ReadAt;
#[cfg_attr(not(feature = "image"), allow(unused_imports, reason = "only images have some"))]
pub(crate) use stored::{DecoderNeeds, StoredAt, StoredExtent, StoredFile, StoredImage, StoredMap};
pub use walk::{Entry, Walk};
