//! Level and window together.

use super::level::Level;
use crate::codec::error::SettingError;

/// The logarithms of the shortest and of the longest window (`z_erofs_load_zstd_config`,
/// Linux 6.10).
const WINDOW_LOG_MIN: u32 = 10;
const WINDOW_LOG_MAX: u32 = 20;

/// How files are compressed by zstd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    level: Level,
    window_log: Option<u8>,
}

impl From<Level> for Settings {
    fn from(level: Level) -> Self {
        Settings { level, window_log: None }
    }
}

impl Settings {
    /// The settings with another level.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Settings { level, ..self }
    }

    /// The settings with a window of `bytes`: how far back a match may begin, and so how
    /// much memory a decoder needs. Default: eight times the length of a pcluster, up to
    /// 1 MiB.
    ///
    /// # Errors
    /// [`SettingError::ZstdWindow`] if it is not a power of two from 1 KiB to 1 MiB.
    pub fn with_window(self, bytes: u32) -> Result<Self, SettingError> {
        let log = bytes.trailing_zeros();
        let is_valid = bytes.is_power_of_two() && (WINDOW_LOG_MIN..=WINDOW_LOG_MAX).contains(&log);
        if is_valid {
            Ok(Settings { window_log: Some(log as u8), ..self })
        } else {
            Err(SettingError::ZstdWindow)
        }
    }

    /// The level.
    pub fn level(self) -> Level {
        self.level
    }

    /// The window in bytes, if it is not the default.
    pub(crate) fn custom_window(self) -> Option<u32> {
        self.window_log.map(|log| 1 << log)
    }

    /// The logarithm of the window for pclusters of `output` bytes.
    pub(crate) fn window_log(self, output: usize) -> u8 {
        self.window_log.unwrap_or_else(|| {
            let log = output.saturating_mul(8).max(1).ilog2();
            log.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX) as u8
        })
    }
}
