//! Oracles for the tests of `erofs-writer`: they prove an image right without any of
//! the writer's own code. Not published.
//!
//! [`verify::verify_image`] runs all of them on one image. Each is a module:
//! [`raw`] (a strict checker of every rule of the format), [`reader`]
//! (`erofs-rs`), [`mount`] (the kernel) and [`tools`] (`fsck.erofs`, `blkid`).
//! All give a [`entry::Snapshot`] or a list of complaints. [`dump`] and
//! [`golden`] make the bytes of small images reviewable. [`codecs`] has decoders for what
//! encoders make.

#![expect(
    clippy::unwrap_used,
    reason = "tests are what uses this crate, and their failure is a panic"
)]

pub mod archive;
pub mod codecs;
pub mod digest;
pub mod dump;
pub mod entry;
pub mod expected;
pub mod golden;
pub mod host;
pub mod mount;
pub mod nar;
mod num;
pub mod raw;
pub mod reader;
pub mod skip;
pub mod strategies;
pub mod tools;
pub mod trees;
pub mod verify;
