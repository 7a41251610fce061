//! MicroLZMA streams that fill an output.
//!
//! The streams are those of `lzma-rust2`. An [`Encoder`] is made once and used for many
//! segments. Each stream is searched by itself, so that a request costs as much as the
//! bytes it takes, also when it is repeated.

mod level;
mod settings;

use std::fmt;

use lzma_rust2::MicroLzmaEncoder;

use crate::codec::filled::Filled;
use crate::codec::segment::{Encode, Segment};

pub use level::Level;
pub use settings::Settings;

/// The shortest output that takes anything.
pub const OUTPUT_MIN: usize = 8;

/// Encodes MicroLZMA streams.
pub struct Encoder(Box<MicroLzmaEncoder>);

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for outputs of up to `output` bytes. It takes some twelve times the
    /// dictionary, and 1 MiB.
    pub fn new(settings: Settings, output: usize) -> Self {
        let encoder = MicroLzmaEncoder::new(&settings.of_library(output));
        Encoder(Box::new(encoder.expect("levels and dictionaries were checked")))
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
    fn begin(&mut self, _: usize) {}

    fn restart(&mut self) {}

    fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        if out.len() < OUTPUT_MIN || start == data.len() {
            return Filled::default();
        }
        let filled = self.0.compress_prefix(&data[start..], out);
        let (consumed, written) = filled.expect("an output of five bytes is no error");
        Filled { consumed, written }
    }
}
