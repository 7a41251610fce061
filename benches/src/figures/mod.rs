//! One picture and one table of what an image costs, for our modes and for the peers.
//!
//! Data flows one way: `modes` says what is measured, `measured` runs it, `data` is the
//! file of what was measured, `picture` (with `labels` and `theme`) and `tables` draw it,
//! and `drawn` knows which files that makes.

pub mod data;
pub mod drawn;
pub mod labels;
pub mod measured;
pub mod modes;
pub mod picture;
pub mod tables;
pub mod theme;
