//! The shared code of this crate's programs: it makes the corpora, finds and copies
//! files for the floor, measures the side-by-side run, and draws figures of it.
//!
//! Nothing here is used by the library or the command; see README.md.

pub mod compare;
pub mod corpus;
#[cfg(feature = "figures")]
pub mod figures;
pub mod floor;
