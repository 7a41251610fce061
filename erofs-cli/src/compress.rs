//! The value of `-z`: an algorithm and how hard it works, read as mkfs.erofs
//! 1.9.3 reads it.

use std::fmt;

use erofs_writer::codec::lz4::Level;
use erofs_writer::{Codec, Shown};

use crate::number;
use crate::usage::UsageError;

/// The reason why a text names no compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompressError {
    /// The algorithm is known to mkfs.erofs, but not built here.
    NotBuilt(&'static str),
    Unknown {
        algorithm: String,
    },
    Setting {
        algorithm: &'static str,
        setting: String,
    },
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompressError::NotBuilt(why) => f.write_str(why),
            CompressError::Unknown { algorithm } => {
                write!(f, "there is no '{}'; lz4 and lz4hc are built", Shown::new(algorithm))
            }
            CompressError::Setting { algorithm: "lz4", setting } => {
                let setting = Shown::new(setting);
                write!(f, "lz4 takes no '{setting}'; lz4hc takes a level")
            }
            CompressError::Setting { algorithm, setting } => {
                let setting = Shown::new(setting);
                write!(f, "'{setting}' is not a level of {algorithm}; levels are 0 to 12")
            }
        }
    }
}

impl std::error::Error for CompressError {}

impl CompressError {
    /// The error that tells what is wrong with the value `text` of `-z`.
    pub(crate) fn of(self, text: &str) -> UsageError {
        match self {
            CompressError::NotBuilt(why) => {
                UsageError::refused(format!("-z {}", Shown::new(text)), why)
            }
            error => UsageError::value("-z <ALGORITHM>", text, error),
        }
    }
}

/// The level of lz4hc if none is given.
const LZ4HC_DEFAULT: u8 = 9;

/// Reads the value of `-z`: algorithms with colons between them. The first one is for all
/// files for which no hint names another one.
pub(crate) fn codecs(text: &str) -> Result<Vec<Codec>, CompressError> {
    // mkfs.erofs ignores an empty text between two colons.
    let named = text.split(':').filter(|one| !one.is_empty());
    match text.bytes().all(|byte| byte == b':') {
        true => Err(CompressError::Unknown { algorithm: String::new() }),
        false => named.map(codec).collect(),
    }
}

fn codec(text: &str) -> Result<Codec, CompressError> {
    let (algorithm, settings) = match text.split_once(',') {
        Some((algorithm, settings)) => (algorithm, Some(settings)),
        None => (text, None),
    };
    match (algorithm, settings) {
        ("lz4", None) => Ok(Codec::Lz4(Level::FAST)),
        ("lz4", Some(setting)) => {
            Err(CompressError::Setting { algorithm: "lz4", setting: setting.into() })
        }
        ("lz4hc", settings) => Ok(Codec::Lz4(lz4hc_level(settings)?)),
        ("lzma" | "deflate" | "libdeflate" | "zstd", _) => {
            Err(CompressError::NotBuilt("this algorithm is not built yet"))
        }
        _ => Err(CompressError::Unknown { algorithm: algorithm.into() }),
    }
}

/// The level in `9` or `level=9`. 0 is the default, as it is for liblz4.
fn lz4hc_level(settings: Option<&str>) -> Result<Level, CompressError> {
    let Some(text) = settings else {
        return Ok(Level::new(LZ4HC_DEFAULT).expect("is one of 12"));
    };
    let digits = text.strip_prefix("level=").unwrap_or(text);
    let level = match number::unsigned::<u8>(digits) {
        Ok(0) => Some(LZ4HC_DEFAULT),
        Ok(level) => Some(level),
        Err(_) => None,
    };
    let unknown = || CompressError::Setting { algorithm: "lz4hc", setting: text.into() };
    level.and_then(|level| Level::new(level).ok()).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(number: u8) -> Result<Codec, CompressError> {
        Ok(Codec::Lz4(Level::new(number).expect("at most 12")))
    }

    #[test]
    fn algorithms_and_levels_are_those_of_the_peer() {
        assert_eq!(codec("lz4"), level(0));
        assert_eq!(codec("lz4hc"), level(9));
        assert_eq!(codec("lz4hc,12"), level(12));
        assert_eq!(codec("lz4hc,level=3"), level(3));
        assert_eq!(codec("lz4hc,0"), level(9));
        assert_eq!(codecs("lz4"), level(0).map(|codec| vec![codec]));
        let two = vec![Codec::Lz4(Level::FAST), Codec::Lz4(Level::MAX)];
        assert_eq!(codecs("lz4:lz4hc,12"), Ok(two));
        assert_eq!(codecs("lz4::"), level(0).map(|codec| vec![codec]));
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        let refusal = |text: &str| codecs(text).expect_err("is refused").to_string();
        assert_eq!(refusal("zstd,level=3"), "this algorithm is not built yet");
        assert_eq!(refusal("lz4:zstd"), "this algorithm is not built yet");
        assert_eq!(refusal(":"), "there is no ''; lz4 and lz4hc are built");
        assert_eq!(refusal("lz5"), "there is no 'lz5'; lz4 and lz4hc are built");
        assert_eq!(refusal("lz4hc,13"), "'13' is not a level of lz4hc; levels are 0 to 12");
        assert_eq!(refusal("lz4hc,level="), "'level=' is not a level of lz4hc; levels are 0 to 12");
        assert_eq!(refusal("lz4,3"), "lz4 takes no '3'; lz4hc takes a level");
        assert_eq!(refusal(""), "there is no ''; lz4 and lz4hc are built");
    }
}
