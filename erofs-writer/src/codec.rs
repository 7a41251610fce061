//! Encoders that fill an output of fixed length.
//!
//! A pcluster has room for a fixed number of bytes. So its encoder is given the length of
//! its output, not its input, and takes as much input as fits. General compression
//! libraries have no such mode, or reach it by trying lengths again and again.
//!
//! An encoder is made once and used for many segments. What it knows of a segment stays
//! while it goes from one output to the next, but each output decodes by itself: no match
//! refers to bytes before it. No call allocates, once the buffers of the encoder have
//! grown.
//!
//! ```
//! # #[cfg(feature = "lz4")] {
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
//! # }
//! ```

// What several algorithms use is there if one of them is.
mod any;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod bits;
#[cfg(any(feature = "deflate", feature = "lz4", feature = "zstd"))]
mod bytes;
pub(crate) mod config;
#[cfg(feature = "deflate")]
pub mod deflate;
mod error;
mod filled;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod huffman;
mod level;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod log2;
#[cfg(feature = "lz4")]
pub mod lz4;
#[cfg(feature = "lzma")]
pub mod lzma;
#[cfg(any(feature = "deflate", feature = "lz4", feature = "zstd"))]
mod match_finder;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod places;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod runs;
mod segment;
mod text;
#[cfg(any(feature = "deflate", feature = "zstd"))]
mod window;
#[cfg(feature = "zstd")]
pub mod zstd;

pub use crate::format::algorithm::Algorithm;
pub use any::Codec;
pub use error::SettingError;
pub use filled::Filled;
pub(crate) use segment::Encode;
pub use segment::{SEGMENT_MAX, Segment};
pub use text::CodecError;
