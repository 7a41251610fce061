//! How much pieces of data have in common: pure functions of bytes.
//!
//! Content-defined chunks tell which runs of bytes come again, sketches how much
//! two pieces have in common, and two orders put pieces that are alike side by
//! side.

mod chunks;
mod hashes;
pub(crate) mod neighbours;
mod sketch;
pub(crate) mod window;

pub(crate) use chunks::{ContentChunk, PART_LEN, content_chunks};
pub(crate) use sketch::{Kept, Sketch, sketch};
