//! One encoder at work on some bytes.

use std::fmt::Debug;

use super::filled::Filled;

/// The longest segment, in bytes.
pub const SEGMENT_MAX: usize = 1 << 30;

/// An encoder that fills outputs of fixed length, as [`Segment`] hands them over.
pub(crate) trait Encode: Debug + Send + Sync {
    /// Begins a segment of `len` bytes, at most [`SEGMENT_MAX`].
    fn begin(&mut self, len: usize);

    /// Lets the next output begin anywhere in the segment.
    fn restart(&mut self);

    /// Fills `out` with bytes that decode to those of `data` from `start` on. `data` is
    /// the segment, or the beginning of it.
    fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled;
}

/// An encoder at work on a segment, from whose bytes it fills one output after the other.
///
/// - The output depends on the bytes of the segment, on the settings of the encoder, and
///   on the earlier requests in the segment. It does not depend on earlier segments, on
///   threads or on the host.
/// - An output is never longer than asked for, and decodes by itself.
/// - Starts never go back, except after [`Segment::restart`]. Bytes may be skipped, which
///   costs no more than encoding them.
#[derive(Debug)]
pub struct Segment<'a> {
    encoder: &'a mut dyn Encode,
    data: &'a [u8],
    start: usize,
}

impl<'a> Segment<'a> {
    /// Begins a segment with the bytes `data`.
    ///
    /// # Panics
    /// If there are more than [`SEGMENT_MAX`].
    pub(crate) fn new(encoder: &'a mut dyn Encode, data: &'a [u8]) -> Self {
        assert!(data.len() <= SEGMENT_MAX, "a segment has at most 2^30 bytes");
        encoder.begin(data.len());
        let mut segment = Segment { encoder, data, start: 0 };
        segment.restart();
        segment
    }

    /// Lets the next output begin anywhere, even before earlier ones.
    pub fn restart(&mut self) {
        self.start = 0;
        self.encoder.restart();
    }

    /// Writes bytes to `out` that decode to the bytes of the segment from `start` on: as
    /// many as fit, up to `end` at most.
    ///
    /// Another request from the same start with less room is cheap, as what was searched
    /// is not searched again; but LZMA and the fast level of LZ4 search again. With
    /// another end it costs as much as the first request.
    ///
    /// It takes no bytes only if `start` is `end` or `out` is shorter than the `OUTPUT_MIN`
    /// of the codec.
    ///
    /// # Panics
    /// If `start` is less than in the call before, without a
    /// [`restart`](Segment::restart) between the two, or if `start..end` is no range of
    /// the segment.
    pub fn fill(&mut self, start: usize, end: usize, out: &mut [u8]) -> Filled {
        assert!(self.start <= start && start <= end, "a segment is gone through once");
        self.start = start;
        self.encoder.fill(&self.data[..end], start, out)
    }
}
