//! Settings that do not exist.

use std::fmt;

/// Why a setting of a codec cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// A level of LZ4 is not from 0 to 12.
    Lz4Level,
    /// A level of LZMA is neither from 0 to 9 nor from 100 to 109.
    LzmaLevel,
    /// A dictionary of LZMA is not from 4 KiB to 8 MiB.
    LzmaDictSize,
    /// `lc + lp` or `pb` of LZMA is over 4.
    LzmaContexts,
    /// A level of deflate is not from 0 to 12.
    DeflateLevel,
    /// A window of deflate is not a power of two from 512 bytes to 32 KiB.
    DeflateWindow,
    /// A level of zstd is not from 1 to 22.
    ZstdLevel,
    /// A window of zstd is not a power of two from 1 KiB to 1 MiB.
    ZstdWindow,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SettingError::Lz4Level => "a level of LZ4 is a number from 0 to 12",
            SettingError::LzmaLevel => "a level of LZMA is a number from 0 to 9 or from 100 to 109",
            SettingError::LzmaDictSize => "a dictionary of LZMA has 4096 to 8388608 bytes",
            SettingError::LzmaContexts => {
                "lc and lp of LZMA are at most 4 together, and pb is at most 4"
            }
            SettingError::DeflateLevel => "a level of deflate is a number from 0 to 12",
            SettingError::DeflateWindow => {
                "a window of deflate is a power of two from 512 to 32768 bytes"
            }
            SettingError::ZstdLevel => "a level of zstd is a number from 1 to 22",
            SettingError::ZstdWindow => {
                "a window of zstd is a power of two from 1024 to 1048576 bytes"
            }
        })
    }
}

impl std::error::Error for SettingError {}
