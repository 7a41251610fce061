//! Level and window together.

use super::level::Level;
use super::symbols::WINDOW;
use crate::codec::error::SettingError;
use crate::codec::window::window_log;

/// The logarithm of the shortest window that decoders have.
const WINDOW_LOG_MIN: u8 = 9;

/// How files are compressed by deflate.
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

    /// The settings with a window of `bytes`: how far back a match may begin. Default: 32
    /// KiB.
    ///
    /// # Errors
    /// [`SettingError::DeflateWindow`] if it is not a power of two from 512 bytes to 32 KiB.
    pub fn with_window(self, bytes: u32) -> Result<Self, SettingError> {
        let log = window_log(bytes, WINDOW_LOG_MIN..=WINDOW.ilog2() as u8);
        let window_log = Some(log.ok_or(SettingError::DeflateWindow)?);
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

    /// The logarithm of the window.
    pub(crate) fn window_log(self) -> u8 {
        self.window_log.unwrap_or(WINDOW.ilog2() as u8)
    }
}
