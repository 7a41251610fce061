//! Encoders that fill an output of fixed length.
//!
//! A pcluster has room for a fixed number of bytes. So its encoder is given the length of
//! its output, not its input, and takes as much input as fits. General compression
//! libraries have no such mode, or reach it by trying lengths again and again.
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

mod bytes;
pub(crate) mod config;
mod filled;
pub mod lz4;
mod match_finder;

use crate::format::algorithm::Algorithm;

pub use filled::Filled;

/// An algorithm that compresses files, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// LZ4 (Linux 5.4).
    Lz4(lz4::Level),
}

impl Codec {
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Codec::Lz4(_) => Algorithm::Lz4,
        }
    }

    /// The quickest codec of the same algorithm. It estimates whether something can be
    /// compressed, and how much fits into a block.
    pub(crate) fn quickest(self) -> Codec {
        match self {
            Codec::Lz4(_) => Codec::Lz4(lz4::Level::FAST),
        }
    }
}

/// The encoder of a codec. One encoder serves for many segments.
#[derive(Debug)]
pub(crate) enum Encoder {
    Lz4(lz4::Encoder),
}

impl Encoder {
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Lz4(level) => Encoder::Lz4(lz4::Encoder::new(level)),
        }
    }

    /// Begins a segment with the bytes `data`.
    pub(crate) fn segment<'a>(&'a mut self, data: &'a [u8]) -> Segment<'a> {
        match self {
            Encoder::Lz4(encoder) => Segment::Lz4(encoder.segment(data)),
        }
    }
}

/// An encoder at work on a segment, from whose bytes it fills one output after the other.
/// Callers rely on this contract:
///
/// - The output depends on the bytes of the segment, on the codec, and on the earlier
///   requests in the segment. It does not depend on earlier segments, on threads or on
///   the host.
/// - An output is never longer than asked for, and decodes by itself.
/// - Starts never go back, except after [`Segment::restart`]. Bytes may be skipped, which
///   costs no more than encoding them.
/// - Another request from the same start with less room is cheap: what was searched is
///   not searched again. With another end it costs as much as the first request. Callers
///   make up to two of either for the last output of a segment.
/// - An output of two bytes or more takes at least one byte of input.
#[derive(Debug)]
pub(crate) enum Segment<'a> {
    Lz4(lz4::Segment<'a>),
}

impl Segment<'_> {
    /// Lets the next output begin anywhere, even before earlier ones.
    pub(crate) fn restart(&mut self) {
        match self {
            Segment::Lz4(segment) => segment.restart(),
        }
    }

    /// Writes bytes to `out` that decode to the bytes of the segment from `start` on: as
    /// many as fit, up to `end` at most.
    pub(crate) fn fill(&mut self, start: usize, end: usize, out: &mut [u8]) -> Filled {
        match self {
            Segment::Lz4(segment) => segment.fill(start, end, out),
        }
    }
}
