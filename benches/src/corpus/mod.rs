//! The corpora: trees that look like a Nix store.
//!
//! `packages` unpacks Debian packages into store paths, `farm` adds the other parts of
//! a closure, `synthetic` makes trees of tiny files. All end in `seal`, which gives a
//! tree the modes and times of a store and writes the lists of store paths.

pub mod farm;
pub mod name;
pub mod packages;
pub mod seal;
pub mod synthetic;
