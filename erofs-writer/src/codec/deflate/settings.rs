//! Level and window together.

use super::level::Level;
use super::symbols::WINDOW;
use crate::codec::error::SettingError;

/// The shortest window that decoders have.
const WINDOW_MIN: u32 = 512;

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
        let is_valid = bytes.is_power_of_two() && (WINDOW_MIN..=WINDOW as u32).contains(&bytes);
        if is_valid {
            Ok(Settings { window_log: Some(bytes.trailing_zeros() as u8), ..self })
        } else {
            Err(SettingError::DeflateWindow)
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

    /// The logarithm of the window.
    pub(crate) fn window_log(self) -> u8 {
        self.window_log.unwrap_or(WINDOW.ilog2() as u8)
    }
}
