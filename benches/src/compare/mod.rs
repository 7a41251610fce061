//! The side-by-side run: several commands do the same work in turn, and their
//! wall time, CPU time, memory and output size are compared.
//!
//! `measure` runs one command, `series` runs several in turn, `table` prints
//! medians and ratios, `contender` knows the command lines, `reading` and `first`
//! mount and read, `alternatives` compares with what Nix projects use, `reflink` makes
//! file systems that share blocks.

pub mod alternatives;
pub mod contender;
pub mod first;
pub mod measure;
pub mod reading;
pub mod reflink;
pub mod series;
pub mod table;
