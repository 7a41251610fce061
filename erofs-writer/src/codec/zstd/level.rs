//! Levels, and what is done at each.

use super::fast::Fast;
use super::frame::Search;
use super::lazy::{self, Lazy};
use super::optimal::{self, Optimal};
use crate::codec::error::SettingError;
use crate::codec::level::level;
use crate::codec::match_finder::Long;

level! {
    /// How hard an encoder looks for matches, from 1 to 22. The default is 3.
    1..=22, 3, ZstdLevel
}

impl Level {
    /// The lowest level.
    pub const MIN: Level = Level(1);
    /// The highest level.
    pub const MAX: Level = Level(22);
}

/// The longest output that is called short. It has fewer earlier places to look at.
const SHORT_OUTPUT: usize = 8192;
/// Longer outputs are called long.
const LONG_OUTPUT: usize = 131_072;
/// The longest window in which places are told by 16 bits.
const NEAR: usize = 1 << 16;

type NearLazy = Lazy<u32, u16, { 1 << 16 }, { (1 << 16) + 8 }>;
type FiveBytesLazy = Lazy<Long<5>, u32, { 1 << 18 }, { (1 << 20) + 8 }>;
type FarLazy = Lazy<u32, u32, { 1 << 18 }, { (1 << 20) + 8 }>;
type NearOptimal = Optimal<u16, { 1 << 16 }, { (1 << 16) + 8 }>;
type FarOptimal = Optimal<u32, { 1 << 18 }, { (1 << 20) + 8 }>;

/// How long the parts of blocks are that may become blocks of their own. Shorter ones
/// find better places to split, and take time. At levels 1 and 2, parts of half the length
/// take 7 to 10 % more time in short outputs for 0.15 % of size, and parts of a quarter 12 to
/// 18 % in long ones for 1 %. Twice the length at level 3 and 64 KiB takes 5 % fewer
/// instructions, for 0.4 %.
pub(super) fn part_len(level: Level, output: usize) -> usize {
    match (level.0, output <= SHORT_OUTPUT, output > LONG_OUTPUT) {
        (1..=2, true, _) => 4096,
        (3, true, _) => 2048,
        (1..=2, false, true) => 32_768,
        (1..=4, false, _) => 8192,
        (5, false, _) => 2048,
        (..16, ..) => 1024,
        _ => 512,
    }
}

/// How matches are found at a level, for outputs of up to `output` bytes.
pub(super) fn search(level: Level, window: usize, output: usize) -> Box<dyn Search> {
    let short = output <= SHORT_OUTPUT;
    let hash_bits = match output {
        _ if window <= NEAR => 16,
        0..=LONG_OUTPUT => 17,
        _ => 18,
    };
    if let Some(search) = fast(level, window, output) {
        return search;
    }
    match (lazy(level, output, hash_bits), window <= NEAR) {
        (Some(effort), true) => Box::new(NearLazy::new(effort, window)),
        // Fewer places of longer words are enough for little effort. With more, the matches
        // of four bytes that are missed cost 1 to 2 %.
        (Some(effort), false) if level.0 <= 5 => Box::new(FiveBytesLazy::new(effort, window)),
        (Some(effort), false) => Box::new(FarLazy::new(effort, window)),
        (None, true) => Box::new(NearOptimal::new(optimal(level, short, hash_bits), window)),
        (None, false) => Box::new(FarOptimal::new(optimal(level, short, hash_bits), window)),
    }
}

fn fast(level: Level, window: usize, output: usize) -> Option<Box<dyn Search>> {
    let short = output <= SHORT_OUTPUT;
    let long = output > LONG_OUTPUT;
    let skip = if short || long { 7 } else { 6 };
    Some(match (level.0, short) {
        (1, true) => Box::new(Fast::<5, { 1 << 14 }, 1>::new(window, skip)),
        (1, false) => Box::new(Fast::<6, { 1 << 14 }, 1>::new(window, skip)),
        (2, true) => Box::new(Fast::<4, { 1 << 14 }, 1>::new(window, skip)),
        (2, false) => Box::new(Fast::<5, { 1 << 14 }, { 1 << 15 }>::new(window, skip)),
        (3, true) => Box::new(Fast::<4, { 1 << 14 }, { 1 << 14 }>::new(window, skip)),
        (3, false) if !long => Box::new(Fast::<5, { 1 << 15 }, { 1 << 16 }>::new(window, skip)),
        (3..=4, false) => Box::new(Fast::<5, { 1 << 16 }, { 1 << 17 }>::new(window, skip)),
        _ => return None,
    })
}

fn lazy(level: Level, output: usize, hash_bits: u32) -> Option<lazy::Effort> {
    let short = output <= SHORT_OUTPUT;
    let (depth, nice, ahead) = match (level.0, short) {
        (4, true) => (4, 32, 0),
        (5, true) => (8, 48, 1),
        (6, true) => (16, 64, 2),
        (7, true) => (20, 64, 2),
        (8, true) => (24, 96, 2),
        (9, true) => (32, 128, 2),
        (10, true) => (48, 192, 2),
        (5, false) => (4, 48, 1),
        (6, false) => (8, 64, 1),
        (7, false) => (10, 64, 2),
        (8, false) => (14, 96, 2),
        (9, false) => (20, 128, 2),
        (10, false) => (28, 128, 2),
        (11, false) => (40, 192, 2),
        (12, false) => (64, 256, 2),
        _ => return None,
    };
    // The many places of a long output take more time to look at.
    let depth = if output > LONG_OUTPUT { (depth / 2).max(4) } else { depth };
    Some(lazy::Effort { depth, nice, ahead, hash_bits })
}

fn optimal(level: Level, short: bool, hash_bits: u32) -> optimal::Effort {
    let (depth, long_depth, nice) = match (level.0, short) {
        (..=11, _) => (3, 0, 32),
        (12, _) => (8, 0, 64),
        (13, true) => (12, 0, 64),
        (14, true) => (12, 6, 64),
        (15, true) => (24, 12, 96),
        (16, true) => (32, 16, 128),
        (17, true) => (48, 24, 192),
        (18, true) => (32, 16, 256),
        (19, true) => (48, 32, 256),
        (13, false) => (4, 2, 48),
        (14, false) => (4, 4, 48),
        (15, false) => (8, 4, 64),
        (16, false) => (12, 12, 96),
        (17, false) => (20, 20, 128),
        (18, false) => (32, 32, 192),
        (19, false) => (24, 96, 256),
        (20, _) => (28, 96, 320),
        (21, _) => (32, 128, 384),
        (22.., _) => (40, 160, 512),
    };
    let thorough = level.0 >= if short { 18 } else { 19 };
    optimal::Effort { depth, long_depth, nice, thorough, twice: level.0 >= 20, hash_bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_mkfs() {
        assert_eq!("22".parse(), Ok(Level::MAX));
        assert_eq!("1".parse(), Ok(Level::MIN));
        assert_eq!(Level::default().get(), 3);
        for text in ["0", "23", "-1", "", "fast"] {
            assert_eq!(text.parse::<Level>(), Err(SettingError::ZstdLevel), "{text}");
        }
        for level in 1..=22 {
            let level = Level::new(level).expect("a level");
            for (window, output) in
                [(1 << 10, 100), (1 << 15, 4096), (1 << 15, 1 << 20), (1 << 20, 4096)]
            {
                search(level, window, output);
            }
        }
    }
}
