//! Deflate streams (RFC 1951) that fill an output.
//!
//! An [`Encoder`] is made once and used for many segments; no call allocates once its
//! buffers have grown. What it knows of a segment stays while it goes from one stream to
//! the next: only the place moves before which no match may begin, as each stream is
//! decoded by itself. The bytes of a stream depend on the segment, on the level, and on
//! what was asked for in the segment so far, never on other segments.
//!
//! No stream begins with a zero byte.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "positions are below 2^30, codes and counts far below"
)]

mod canonical;
mod codes;
mod counts;
mod cut;
mod effort;
mod fast;
mod header;
mod lazy;
mod level;
mod optimal;
mod parse;
mod price;
mod settings;
mod split;
mod stream;
mod symbols;

use crate::codec::filled::Filled;
use crate::codec::segment::{Encode, Segment};

pub use level::Level;
pub use settings::Settings;

/// The shortest output that takes anything.
pub const OUTPUT_MIN: usize = stream::STREAM_MIN;

/// Encodes deflate streams.
#[derive(Debug)]
pub struct Encoder {
    streams: Box<stream::Streams>,
    search: Box<dyn stream::Search>,
}

impl Encoder {
    /// An encoder that does best with outputs of `output` bytes.
    pub fn new(settings: Settings, output: usize) -> Self {
        let (level, window) = (settings.level(), 1 << settings.window_log());
        let streams = Box::new(stream::Streams::new(level::effort(level, output)));
        Encoder { streams, search: level::search(level, window, output) }
    }

    /// Begins a segment with the bytes `data`, which become streams.
    ///
    /// # Panics
    /// If there are more than [`SEGMENT_MAX`](crate::codec::SEGMENT_MAX).
    pub fn segment<'a>(&'a mut self, data: &'a [u8]) -> Segment<'a> {
        Segment::new(self, data)
    }
}

impl Encode for Encoder {
    fn begin(&mut self, len: usize) {
        self.search.begin_segment(len);
    }

    fn restart(&mut self) {
        self.streams.begin();
        self.search.restart();
    }

    fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        self.streams.fill(&mut *self.search, data, start, out)
    }
}
