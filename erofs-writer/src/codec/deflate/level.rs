//! Levels, and what is done at each.
//!
//! One ladder serves for both names that mkfs.erofs has: `deflate`, with levels from 0 to
//! 9, and `libdeflate`, from 1 to 12. The same number means the same.

use super::effort::Effort;
use super::fast::Fast;
use super::lazy::{self, Lazy};
use super::optimal::{self, Optimal};
use super::stream::Search;
use crate::codec::error::SettingError;
use crate::codec::level::level;

level! {
    /// How hard an encoder looks for matches, from 0 to 12. The default is 1.
    ///
    /// At level 0 and 1 the first match is taken, at 2 and 3 the longest one of some, and
    /// from 4 to 9 a better one that begins soon after it. From 10 on the cheapest way
    /// through the data is looked for.
    0..=12, 1, DeflateLevel
}

impl Level {
    /// The lowest level.
    pub const MIN: Level = Level(0);
    /// The highest level.
    pub const MAX: Level = Level(12);
}

/// The longest output that is called short. It has fewer earlier places to look at.
const SHORT_OUTPUT: usize = 8192;

/// How carefully blocks are written at a level, for outputs of up to `output` bytes.
pub(super) fn effort(level: Level, output: usize) -> Effort {
    let short = output <= SHORT_OUTPUT;
    match level.0 {
        0..=4 => Effort { part_len: if short { 4096 } else { 8192 }, passes: 1, rounds: 2 },
        5..=7 => Effort { part_len: if short { 2048 } else { 4096 }, passes: 2, rounds: 2 },
        _ => Effort { part_len: if short { 1024 } else { 2048 }, passes: 2, rounds: 3 },
    }
}

/// How matches are found at a level, for outputs of up to `output` bytes.
///
/// 25 MB of mixed files in outputs of 64 KiB, on a busy machine: MB for each second of
/// processor time, and the ratio.
///
/// | level | MB/s | ratio | libdeflate, same level and input |
/// | ---: | ---: | ---: | ---: |
/// | 1 | 96 | 2.751 | 135, 2.708 |
/// | 6 | 49 | 2.950 | 66, 2.958 |
/// | 9 | 24 | 2.998 | 30, 2.977 |
/// | 12 | 2.7 | 3.078 | 5.0, 3.070 |
pub(super) fn search(level: Level, window: usize, output: usize) -> Box<dyn Search> {
    let short = output <= SHORT_OUTPUT;
    match (level.0, short) {
        (0, _) => Box::new(Fast::<{ 1 << 14 }, 1>::new(window)),
        (1, true) => Box::new(Fast::<{ 1 << 13 }, { 1 << 13 }>::new(window)),
        (1, false) => Box::new(Fast::<{ 1 << 14 }, { 1 << 15 }>::new(window)),
        (..=9, _) => Box::new(Lazy::new(lazy(level, window, short))),
        _ => Box::new(Optimal::new(optimal(level, window, output))),
    }
}

fn lazy(level: Level, window: usize, short: bool) -> lazy::Effort {
    let (depth, nice, ahead) = match level.0 {
        ..=2 => (4, 16, 0),
        3 => (8, 32, 0),
        4 => (6, 32, 1),
        5 => (12, 48, 1),
        6 => (24, 64, 1),
        7 => (48, 128, 2),
        8 => (96, 258, 2),
        _ => (256, 258, 2),
    };
    let hash_bits = if short { 14 } else { 16 };
    lazy::Effort {
        depth,
        nice,
        ahead,
        short: level.0 >= 4,
        thorough: level.0 >= 7,
        hash_bits,
        window,
    }
}

fn optimal(level: Level, window: usize, output: usize) -> optimal::Effort {
    let (depth, nice, passes) = match level.0 {
        ..=10 => (32, 80, 2),
        11 => (96, 128, 3),
        _ => (400, 258, 5),
    };
    let short = output <= SHORT_OUTPUT;
    let hash_bits = if short { 14 } else { 16 };
    let part_len = if short { 1024 } else { 2048 };
    optimal::Effort { depth, nice, passes, hash_bits, part_len, window }
}
