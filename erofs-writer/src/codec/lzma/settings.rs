//! Level, dictionary and kinds of literals together.

use lzma_rust2::LzmaOptions;

use super::level::Level;
use crate::codec::error::SettingError;

/// The lengths of the shortest and of the longest dictionary (`z_erofs_load_lzma_config`,
/// Linux 5.16).
const DICT_MIN: u32 = 4 << 10;
const DICT_MAX: u32 = 8 << 20;
/// The shortest dictionary if none is asked for.
const DICT_DEFAULT_MIN: usize = 32 << 10;

/// How files are compressed by LZMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    level: Level,
    dict_size: Option<u32>,
    lc: u8,
    lp: u8,
    pb: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Level::default().into()
    }
}

impl From<Level> for Settings {
    fn from(level: Level) -> Self {
        Settings { level, dict_size: None, lc: 3, lp: 0, pb: 2 }
    }
}

impl Settings {
    /// The settings with another level.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Settings { level, ..self }
    }

    /// The settings with a dictionary of `bytes`: how far back a match may begin, and so
    /// how much memory a decoder needs. Default: four times the length of a pcluster,
    /// from 32 KiB to 8 MiB.
    ///
    /// # Errors
    /// [`SettingError::LzmaDictSize`] if it is not from 4 KiB to 8 MiB.
    pub fn with_dict_size(self, bytes: u32) -> Result<Self, SettingError> {
        match (DICT_MIN..=DICT_MAX).contains(&bytes) {
            true => Ok(Settings { dict_size: Some(bytes), ..self }),
            false => Err(SettingError::LzmaDictSize),
        }
    }

    /// The settings with other contexts: how many upper bits of the byte before a literal
    /// choose its model (`lc`, default 3), how many lower bits of its place do so (`lp`,
    /// default 0), and how many lower bits of the place choose the models of all else
    /// (`pb`, default 2).
    ///
    /// # Errors
    /// [`SettingError::LzmaContexts`] if `lc + lp` or `pb` is over 4, which decoders do not
    /// take (`lzma_props` in `lib/xz/xz_dec_lzma2.c`, Linux 5.16).
    pub fn with_contexts(self, lc: u8, lp: u8, pb: u8) -> Result<Self, SettingError> {
        match lc <= 4 && lp <= 4 - lc && pb <= 4 {
            true => Ok(Settings { lc, lp, pb, ..self }),
            false => Err(SettingError::LzmaContexts),
        }
    }

    /// The level.
    pub fn level(self) -> Level {
        self.level
    }

    /// `lc`, `lp` and `pb`: see [`Settings::with_contexts`].
    pub fn contexts(self) -> (u8, u8, u8) {
        (self.lc, self.lp, self.pb)
    }

    /// The length of the dictionary, if it is not the default.
    pub(crate) fn custom_dict_size(self) -> Option<u32> {
        self.dict_size
    }

    /// The length of the dictionary for pclusters of `output` bytes.
    pub(crate) fn dict_size(self, output: usize) -> u32 {
        self.dict_size.unwrap_or_else(|| {
            let bytes = output.saturating_mul(4).max(DICT_DEFAULT_MIN);
            u32::try_from(bytes).map_or(DICT_MAX, |bytes| bytes.min(DICT_MAX))
        })
    }

    /// The settings as the library has them.
    pub(super) fn of_library(self, output: usize) -> LzmaOptions {
        let mut options = self.level.preset();
        options.dict_size = self.dict_size(output);
        (options.lc, options.lp, options.pb) = (self.lc.into(), self.lp.into(), self.pb.into());
        options
    }
}
