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

use std::fmt;
use std::str::FromStr;

use crate::codec::filled::Filled;

/// How hard an encoder looks for matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// The fast level, which takes the first match it sees.
    pub const FAST: Level = Level(0);
    /// The highest level.
    pub const MAX: Level = Level(12);

    /// A level of high compression, 1 to 12, or 0 for [`Level::FAST`].
    ///
    /// # Errors
    /// [`LevelError`] if it is over 12.
    pub fn new(level: u8) -> Result<Self, LevelError> {
        if level <= 12 { Ok(Level(level)) } else { Err(LevelError) }
    }

    /// The number of the level.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Level::new(text.parse().map_err(|_| LevelError)?)
    }
}

/// The error of a level that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelError;

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level of LZ4 is a number from 0 to 12")
    }
}

impl std::error::Error for LevelError {}

/// The longest segment, in bytes.
pub const SEGMENT_MAX: usize = 1 << 30;

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

    /// Begins a segment with the bytes `data`.
    ///
    /// # Panics
    /// If there are more than [`SEGMENT_MAX`].
    pub fn segment<'a>(&'a mut self, data: &'a [u8]) -> Segment<'a> {
        assert!(data.len() <= SEGMENT_MAX, "a segment has at most 2^30 bytes");
        let mut segment = Segment { encoder: self, data, start: 0 };
        segment.restart();
        segment
    }
}

/// An encoder at work on a segment.
#[derive(Debug)]
pub struct Segment<'a> {
    encoder: &'a mut Encoder,
    data: &'a [u8],
    start: usize,
}

impl Segment<'_> {
    /// Lets the next block begin anywhere.
    pub fn restart(&mut self) {
        self.start = 0;
        match &mut self.encoder.0 {
            Kind::Fast(_) => {}
            Kind::Optimal(optimal) => optimal.begin(),
        }
    }

    /// Writes one block that decodes to the bytes from `start` on, up to
    /// `end` at most, and takes as many of them as it can.
    ///
    /// Another request for a block at the same place, with less room, costs little at
    /// levels above [`Level::FAST`].
    ///
    /// It takes no bytes only if `start` is `end` or `out` is shorter than 2 bytes.
    ///
    /// # Panics
    /// If `start` is less than in the call before, without a
    /// [`restart`](Segment::restart) between the two, or if `start..end` is no range of
    /// the segment.
    pub fn fill(&mut self, start: usize, end: usize, out: &mut [u8]) -> Filled {
        assert!(self.start <= start && start <= end, "a segment is gone through once");
        self.start = start;
        let data = &self.data[..end];
        match &mut self.encoder.0 {
            Kind::Fast(fast) => fast.fill(data, start, out),
            Kind::Optimal(optimal) => optimal.fill(data, start, out),
        }
    }
}
