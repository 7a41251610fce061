//! Zstandard frames that fill an output.
//!
//! An [`Encoder`] is made once and used for many segments. What it knows of a
//! segment stays while it goes from one frame to the next: only the place moves
//! before which no match may begin, as each frame is decoded by itself. The bytes of
//! a frame depend on the segment, on the level and the window, and on what was asked
//! for in it so far, never on other segments.
//!
//! A frame has no checksum, tells how many bytes it decodes to, and needs a window no
//! longer than the encoder was made for.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are below 2^30, codes and counts far below"
)]

mod block;
mod cut;
mod entropy;
mod fast;
mod frame;
mod fse;
mod header;
mod huffman;
mod lazy;
mod level;
mod literals;
mod optimal;
mod parse;
mod price;
mod sequences;
mod settings;
mod split;

use crate::codec::filled::Filled;
use crate::codec::segment::{Encode, Segment};

pub use level::Level;
pub use settings::Settings;

/// The shortest output that takes anything.
pub const OUTPUT_MIN: usize = frame::FRAME_MIN;

/// Encodes frames.
#[derive(Debug)]
pub struct Encoder {
    frames: Box<frame::Frames>,
    search: Box<dyn frame::Search>,
}

impl Encoder {
    /// An encoder for outputs of up to `output` bytes.
    ///
    /// It takes memory for its tables at once, by its level and its window:
    ///
    /// | levels | window up to 64 KiB | longer window |
    /// |---|---|---|
    /// | 1 to 4 | 0.35 to 0.55 MB | 0.35 to 1.1 MB |
    /// | 5 to 9 | 0.55 MB | 5.5 MB |
    /// | 10 to 12 | 0.55 to 1 MB | 5.5 MB |
    /// | 13 to 22 | 1 MB | 11 MB |
    ///
    /// The default window is up to 64 KiB for outputs of up to 8 KiB. The matches of a
    /// frame take more as it is filled: 0.5 MB for outputs of 4 KiB, 2 MB for 64 KiB and
    /// 6 MB for 1 MiB, as measured with mixed files.
    pub fn new(settings: Settings, output: usize) -> Self {
        let (level, window_log) = (settings.level(), settings.window_log(output).into());
        let part = level::part_len(level, output);
        let frames = Box::new(frame::Frames::new(window_log, part));
        Encoder { frames, search: level::search(level, 1 << window_log, output) }
    }

    /// Begins a segment with the bytes `data`, which become frames.
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
        self.frames.begin();
    }

    fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        self.frames.fill(&mut *self.search, data, start, out)
    }
}
