//! Encoders that fill an output of fixed length.
//!
//! A pcluster has room for a fixed number of bytes, so its encoder is not
//! given its input but its output, and takes as much input as fits. General
//! compression libraries have no such mode, or reach it by trying lengths
//! again and again.
//!
//! ```
//! use erofs_writer::codec::lz4::{Encoder, Level};
//!
//! let data = b"forty-two ".repeat(1000);
//! let mut encoder = Encoder::new(Level::FAST);
//! let mut segment = encoder.segment(&data);
//! let mut start = 0;
//! let mut block = [0; 64];
//! while start < data.len() {
//!     let filled = segment.fill(start, data.len(), &mut block);
//!     // `block[..filled.written]` decodes to the `filled.consumed` bytes from
//!     // `start` on.
//!     start += filled.consumed;
//! }
//! ```

pub mod lz4;

/// What an encoder did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// How many bytes of input it took.
    pub consumed: usize,
    /// How many bytes of output it wrote: at most as many as there were.
    pub written: usize,
}
