//! Facts about the contents of files that an earlier build found out, so that a build
//! that trusts them need not read these files.
//!
//! They may follow the recipes (`recipes.rs`) after an image. All of them are functions of
//! the bytes of a file alone, and which of them are there depends on what that build
//! needed.

mod key;
mod known;
mod table;

pub(crate) use key::{FileKey, file_key};
pub(crate) use known::{Digest, EndFacts, Facts, FileFacts, PART_LEN, PartFacts, RangeFacts};
