//! What the programs of this crate share: how the corpora are made, how files
//! are found and copied for the floor, and how the side-by-side run measures.
//!
//! Nothing here is used by the library or the command; see README.md.

pub mod compare;
pub mod corpus;
pub mod floor;
