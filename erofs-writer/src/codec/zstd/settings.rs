//! Level and window together.

use super::level::Level;
use crate::codec::error::SettingError;
use crate::codec::window::window_log;

/// The logarithms of the shortest and of the longest window (`z_erofs_load_zstd_config`,
/// Linux 6.10).
const WINDOW_LOG_MIN: u8 = 10;
const WINDOW_LOG_MAX: u8 = 20;

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
        let log = window_log(bytes, WINDOW_LOG_MIN..=WINDOW_LOG_MAX);
        let window_log = Some(log.ok_or(SettingError::ZstdWindow)?);
        Ok(Settings { window_log, ..self })
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
            (log as u8).clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX)
        })
    }
}
