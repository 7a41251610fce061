//! The shared code of this crate's programs: it makes the corpora, finds and copies
//! files for the floor, and measures the side-by-side run.
//!
//! Nothing here is used by the library or the command; see README.md.

pub mod compare;
pub mod corpus;
pub mod floor;
