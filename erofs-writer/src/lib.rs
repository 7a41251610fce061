//! Writes EROFS file-system images.

mod build;
mod error;
mod event;
mod format;
mod meta;
mod options;
mod output;
mod plan;
mod pool;
mod sink;
pub mod source;
mod tree;
mod write;

pub use build::ImageWriter;
pub use error::{Error, Limit, OutputErrorKind, Result, StorePathsError, TreeErrorKind};
pub use event::{Event, InodeCounts, Phase, Summary};
pub use options::{
    BlockSize, ChunkSize, ImageUuid, InodeForm, Label, Options, OptionsError, Tails, XattrPrefix,
};
pub use sink::{SeekWriter, WriteAt};
pub use source::HardLinks;
pub use tree::{
    Content, Entry, InodeId, Metadata, Node, Rdev, ReadAt, Timestamp, Tree, Walk, Xattrs,
};
pub use uuid::Uuid;
