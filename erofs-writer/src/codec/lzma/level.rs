//! Levels, which are the presets of liblzma.

use lzma_rust2::{EncodeMode, LzmaOptions, MfType};

use crate::codec::error::SettingError;
use crate::codec::level::level;

/// How many earlier places are looked at from level 4 on, where liblzma has 48. What is in
/// a pcluster is short: this takes 7 % fewer instructions for 0.03 % more bytes.
const DEPTH: i32 = 24;
/// The first of the extreme levels.
const EXTREME: u8 = 100;

level! {
    /// How hard an encoder looks for matches. The default is 6.
    ///
    /// From 0 to 9 as liblzma has it, and from 100 to 109 the same presets with its flag
    /// "extreme", which takes more time for little.
    0..=9 | EXTREME..=109, 6, LzmaLevel
}

impl Level {
    /// The lowest level.
    pub const MIN: Level = Level(0);
    /// The highest level.
    pub const MAX: Level = Level(109);

    /// The preset of the library.
    pub(super) fn preset(self) -> LzmaOptions {
        let preset = self.0 % EXTREME;
        let mut options = LzmaOptions::with_preset(preset.into());
        if matches!(options.mode, EncodeMode::Normal) {
            options.depth_limit = DEPTH;
        }
        if self.0 >= EXTREME {
            options.mode = EncodeMode::Normal;
            options.mf = MfType::Bt4;
            // `lzma_lzma_preset` of liblzma 5.4.
            (options.nice_len, options.depth_limit) = match preset {
                3 | 5 => (192, 0),
                _ => (273, 512),
            };
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_liblzma() {
        for level in (0..=9).chain(100..=109) {
            assert_eq!(level.to_string().parse(), Level::new(level));
            assert!(lzma_rust2::MicroLzmaEncoder::new(&Level(level).preset()).is_ok());
        }
        for text in ["10", "99", "110", "256", "-1", "", "6e"] {
            assert_eq!(text.parse::<Level>(), Err(SettingError::LzmaLevel), "{text}");
        }
        assert_eq!(Level::default().get(), 6);
        assert_eq!(Level(106).preset().nice_len, 273);
        assert_eq!(Level(103).preset().nice_len, 192);
    }
}
