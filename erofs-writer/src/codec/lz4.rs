//! LZ4 blocks without a frame, which are never longer than a given length.
//!
//! An [`Encoder`] is made once and used for many segments; no call allocates. It keeps
//! what it knows of a segment from one block to the next. But each block is decoded by
//! itself, so that no match refers to bytes before its block. The bytes of a block depend
//! on the segment, on the level, and on the earlier requests in the segment, never on
//! other segments.
//!
//! Blocks keep the rules of the format for the end of a block: the last 5 bytes are
//! literals, and the last match begins at least 12 bytes before the end.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "positions are below 2^31, and tables are indexed by masked hashes"
)]

mod block;
mod effort;
mod fast;
mod frontier;
mod optimal;

use crate::codec::error::SettingError;
use crate::codec::filled::Filled;
use crate::codec::level::level;
use crate::codec::segment::{Encode, Segment};

level! {
    /// How hard an encoder looks for matches: 1 to 12, or 0 for [`Level::FAST`], which is
    /// the default.
    0..=12, 0, Lz4Level
}

impl Level {
    /// The fast level, which takes the first match it sees.
    pub const FAST: Level = Level(0);
    /// The highest level.
    pub const MAX: Level = Level(12);
}

/// The shortest output that takes anything.
pub const OUTPUT_MIN: usize = 2;

/// Encodes LZ4 blocks.
#[derive(Debug)]
pub struct Encoder(Kind);

#[derive(Debug)]
enum Kind {
    Fast(fast::Fast),
    Optimal(Box<optimal::Optimal>),
}

impl Encoder {
    /// An encoder of some 400 KiB, or 16 KiB for [`Level::FAST`].
    pub fn new(level: Level) -> Self {
        Encoder(match level.0 {
            0 => Kind::Fast(fast::Fast::new()),
            level => Kind::Optimal(Box::new(optimal::Optimal::new(level))),
        })
    }

    /// Begins a segment with the bytes `data`, which become blocks.
    ///
    /// # Panics
    /// If there are more than [`SEGMENT_MAX`](crate::codec::SEGMENT_MAX).
    pub fn segment<'a>(&'a mut self, data: &'a [u8]) -> Segment<'a> {
        Segment::new(self, data)
    }
}

impl Encode for Encoder {
    fn begin(&mut self, _: usize) {}

    fn restart(&mut self) {
        match &mut self.0 {
            Kind::Fast(_) => {}
            Kind::Optimal(optimal) => optimal.begin(),
        }
    }

    fn fill(&mut self, data: &[u8], start: usize, out: &mut [u8]) -> Filled {
        match &mut self.0 {
            Kind::Fast(fast) => fast.fill(data, start, out),
            Kind::Optimal(optimal) => optimal.fill(data, start, out),
        }
    }
}
