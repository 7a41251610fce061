//! Codecs as text, as the option `-z` of mkfs.erofs spells them.

use std::fmt;
use std::str::FromStr;

use super::any::Codec;
use super::error::SettingError;
use crate::format::algorithm::Algorithm;
use crate::shown::Shown;

/// The level of `lz4hc` if none is given.
#[cfg(feature = "lz4")]
const LZ4HC_DEFAULT: u8 = 9;

/// Why a text is no codec.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// There is no algorithm of that name.
    Unknown(String),
    /// The feature of that algorithm is not in this build.
    NotBuilt(Algorithm),
    /// The algorithm has no setting of that kind.
    Setting {
        /// The name of the algorithm.
        algorithm: &'static str,
        /// The setting.
        setting: String,
        /// What is wrong with its value, if there is such a setting.
        reason: Option<SettingError>,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Unknown(name) => write!(
                f,
                "there is no '{}'; the algorithms are lz4, lz4hc, lzma, deflate, libdeflate and \
                 zstd",
                Shown::new(name)
            ),
            CodecError::NotBuilt(algorithm) => write!(f, "this build has no {algorithm}"),
            CodecError::Setting { algorithm, setting, reason } => {
                write!(f, "{algorithm} has no '{}': ", Shown::new(setting))?;
                match reason {
                    Some(reason) if !matches!(reason, SettingError::DeflateLevel) => reason.fmt(f),
                    _ => f.write_str(settings_of(algorithm)),
                }
            }
        }
    }
}

impl std::error::Error for CodecError {}

/// What can be set for the algorithm of this name.
fn settings_of(algorithm: &str) -> &'static str {
    match algorithm {
        "lz4" => "it has no settings; lz4hc has levels from 0 to 12",
        "lz4hc" => "it has levels from 0 to 12 and no other settings",
        "lzma" => "it has levels from 0 to 9 and from 100 to 109, dictsize, lc, lp and pb",
        "deflate" => "it has levels from 0 to 9 and dictsize; libdeflate has levels up to 12",
        "libdeflate" => "it has levels from 0 to 12 and dictsize",
        _ => "it has levels from 1 to 22 and dictsize",
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            #[cfg(feature = "lz4")]
            Codec::Lz4(super::lz4::Level::FAST) => f.write_str("lz4"),
            #[cfg(feature = "lz4")]
            Codec::Lz4(level) => write!(f, "lz4hc,level={level}"),
            #[cfg(feature = "lzma")]
            Codec::Lzma(settings) => {
                write!(f, "lzma,level={}", settings.level())?;
                show(f, "dictsize", settings.custom_dict_size())?;
                let default = super::lzma::Settings::default().contexts();
                let (lc, lp, pb) = settings.contexts();
                show(f, "lc", (lc != default.0).then_some(lc))?;
                show(f, "lp", (lp != default.1).then_some(lp))?;
                show(f, "pb", (pb != default.2).then_some(pb))
            }
            #[cfg(feature = "deflate")]
            Codec::Deflate(settings) => {
                // The longer ladder of levels has another name.
                let name = if settings.level().get() > 9 { "libdeflate" } else { "deflate" };
                write!(f, "{name},level={}", settings.level())?;
                show(f, "dictsize", settings.custom_window())
            }
            #[cfg(feature = "zstd")]
            Codec::Zstd(settings) => {
                write!(f, "zstd,level={}", settings.level())?;
                show(f, "dictsize", settings.custom_window())
            }
        }
    }
}

/// Writes a setting, if it is not the default.
#[cfg(any(feature = "deflate", feature = "lzma", feature = "zstd"))]
fn show(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ",{name}={value}"))
}

impl FromStr for Codec {
    type Err = CodecError;

    /// Reads a codec such as `lz4`, `lz4hc,12`, `zstd,level=9`, `lzma,6,dictsize=65536` or
    /// `libdeflate,12`. A level may come first without its name. A `dictsize` may be
    /// hexadecimal after `0x`; 0 is the default. For `deflate` and `zstd` it is the window.
    ///
    /// `deflate` and `libdeflate` are one algorithm; only the second name has levels over
    /// 9. LZMA also has `lc`, `lp` and `pb`.
    fn from_str(text: &str) -> Result<Self, CodecError> {
        let (name, settings) = match text.split_once(',') {
            Some((name, settings)) => (name, Some(settings)),
            None => (text, None),
        };
        match name {
            #[cfg(feature = "lz4")]
            "lz4" => {
                read("lz4", settings, Codec::Lz4(super::lz4::Level::FAST), |_, _, _| Err(None))
            }
            #[cfg(feature = "lz4")]
            "lz4hc" => lz4hc(settings),
            #[cfg(feature = "lzma")]
            "lzma" => lzma(settings),
            #[cfg(feature = "deflate")]
            "deflate" => deflate("deflate", 9, settings),
            #[cfg(feature = "deflate")]
            "libdeflate" => deflate("libdeflate", 12, settings),
            #[cfg(feature = "zstd")]
            "zstd" => zstd(settings),
            #[cfg(not(feature = "lz4"))]
            "lz4" | "lz4hc" => Err(CodecError::NotBuilt(Algorithm::Lz4)),
            #[cfg(not(feature = "lzma"))]
            "lzma" => Err(CodecError::NotBuilt(Algorithm::Lzma)),
            #[cfg(not(feature = "deflate"))]
            "deflate" | "libdeflate" => Err(CodecError::NotBuilt(Algorithm::Deflate)),
            #[cfg(not(feature = "zstd"))]
            "zstd" => Err(CodecError::NotBuilt(Algorithm::Zstd)),
            name => Err(CodecError::Unknown(name.into())),
        }
    }
}

/// The error of a setting: `None` if there is no setting of that name, or its value is no
/// number.
type Refusal = Option<SettingError>;

/// Hands each of the settings to `set`, as a name and a value.
fn read<T>(
    algorithm: &'static str,
    settings: Option<&str>,
    default: T,
    set: impl Fn(T, &str, &str) -> Result<T, Refusal>,
) -> Result<T, CodecError> {
    let mut texts = settings.into_iter().flat_map(|settings| settings.split(',')).enumerate();
    texts.try_fold(default, |found, (index, text)| {
        let is_level = index == 0 && text.starts_with(|first: char| first.is_ascii_digit());
        let (name, value) = match text.split_once('=') {
            Some(pair) => pair,
            None if is_level => ("level", text),
            None => (text, ""),
        };
        let refused = |reason| CodecError::Setting { algorithm, setting: text.into(), reason };
        set(found, name, value).map_err(refused)
    })
}

#[cfg(feature = "lz4")]
fn lz4hc(settings: Option<&str>) -> Result<Codec, CodecError> {
    let default = super::lz4::Level::new(LZ4HC_DEFAULT).expect("is one of 12");
    let level = read("lz4hc", settings, default, |_, name, value| match name {
        // 0 is the default of liblz4.
        "level" if value == "0" => Ok(default),
        "level" => Ok(value.parse()?),
        _ => Err(None),
    })?;
    Ok(Codec::Lz4(level))
}

#[cfg(feature = "lzma")]
fn lzma(settings: Option<&str>) -> Result<Codec, CodecError> {
    let default = super::lzma::Settings::default();
    let settings = read("lzma", settings, default, |found, name, value| {
        let (lc, lp, pb) = found.contexts();
        let bits = || value.parse().map_err(|_| Some(SettingError::LzmaContexts));
        Ok(match name {
            "level" => found.with_level(value.parse()?),
            "dictsize" => match number(value)? {
                0 => found,
                bytes => found.with_dict_size(bytes)?,
            },
            "lc" => found.with_contexts(bits()?, lp, pb)?,
            "lp" => found.with_contexts(lc, bits()?, pb)?,
            "pb" => found.with_contexts(lc, lp, bits()?)?,
            _ => return Err(None),
        })
    })?;
    Ok(Codec::Lzma(settings))
}

#[cfg(feature = "deflate")]
fn deflate(
    algorithm: &'static str,
    highest: u8,
    settings: Option<&str>,
) -> Result<Codec, CodecError> {
    let default = super::deflate::Settings::default();
    let settings = read(algorithm, settings, default, |found, name, value| {
        Ok(match name {
            "level" => {
                let level: super::deflate::Level = value.parse()?;
                match level.get() <= highest {
                    true => found.with_level(level),
                    false => return Err(Some(SettingError::DeflateLevel)),
                }
            }
            "dictsize" => match number(value)? {
                0 => found,
                bytes => found.with_window(bytes)?,
            },
            _ => return Err(None),
        })
    })?;
    Ok(Codec::Deflate(settings))
}

#[cfg(feature = "zstd")]
fn zstd(settings: Option<&str>) -> Result<Codec, CodecError> {
    let default = super::zstd::Settings::default();
    let settings = read("zstd", settings, default, |found, name, value| {
        Ok(match name {
            // 0 is the default of libzstd.
            "level" if value == "0" => found.with_level(super::zstd::Level::default()),
            "level" => found.with_level(value.parse()?),
            "dictsize" => match number(value)? {
                0 => found,
                bytes => found.with_window(bytes)?,
            },
            _ => return Err(None),
        })
    })?;
    Ok(Codec::Zstd(settings))
}

/// A number of bytes.
#[cfg(any(feature = "deflate", feature = "lzma", feature = "zstd"))]
fn number(text: &str) -> Result<u32, Refusal> {
    let number = match text.strip_prefix("0x") {
        // `from_str_radix` would take a sign.
        Some(digits) if digits.starts_with(|first: char| first.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
        }
        _ => text.parse(),
    };
    number.map_err(|_| None)
}

#[cfg(all(test, feature = "lz4", feature = "lzma", feature = "deflate", feature = "zstd"))]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_read_and_shown_as_mkfs_spells_them() {
        for (text, shown) in [
            ("lz4", "lz4"),
            ("lz4hc", "lz4hc,level=9"),
            ("lz4hc,12", "lz4hc,level=12"),
            ("lz4hc,level=3", "lz4hc,level=3"),
            ("lz4hc,0", "lz4hc,level=9"),
            ("zstd", "zstd,level=3"),
            ("zstd,0", "zstd,level=3"),
            ("zstd,22", "zstd,level=22"),
            ("zstd,level=8,dictsize=65536", "zstd,level=8,dictsize=65536"),
            ("zstd,dictsize=0x400,level=9", "zstd,level=9,dictsize=1024"),
            ("zstd,dictsize=0", "zstd,level=3"),
            ("lzma", "lzma,level=6"),
            ("lzma,109", "lzma,level=109"),
            ("lzma,0,dictsize=8388608", "lzma,level=0,dictsize=8388608"),
            ("lzma,lc=0,lp=2,pb=2", "lzma,level=6,lc=0,lp=2"),
            ("deflate", "deflate,level=1"),
            ("deflate,9", "deflate,level=9"),
            ("libdeflate", "deflate,level=1"),
            ("libdeflate,12,dictsize=512", "libdeflate,level=12,dictsize=512"),
        ] {
            let codec: Codec = text.parse().expect("a codec");
            assert_eq!(codec.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(codec), "{shown}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        let refusal = |text: &str| match text.parse::<Codec>() {
            Ok(codec) => panic!("{text} is {codec}"),
            Err(error) => error.to_string(),
        };
        let algorithms = "the algorithms are lz4, lz4hc, lzma, deflate, libdeflate and zstd";
        for name in ["", "lz5", "LZ4", "lz4 "] {
            assert_eq!(refusal(name), format!("there is no '{name}'; {algorithms}"));
        }
        for text in ["lz4,3", "lz4,", "lz4hc,x=1", "zstd,3,4", "zstd,", "lzma,lev", "zstd,lc=3"] {
            let (name, setting) = text.split_once(',').expect("a setting");
            let setting = setting.rsplit(',').next().unwrap_or("");
            let settings = settings_of(name);
            assert_eq!(refusal(text), format!("{name} has no '{setting}': {settings}"));
        }
        for text in ["deflate,10", "libdeflate,13"] {
            let (name, level) = text.split_once(',').expect("a level");
            let settings = settings_of(name);
            assert_eq!(refusal(text), format!("{name} has no '{level}': {settings}"));
        }
        for (text, reason) in [
            ("lz4hc,13", SettingError::Lz4Level),
            ("lz4hc,level=", SettingError::Lz4Level),
            ("zstd,23", SettingError::ZstdLevel),
            ("zstd,level=-1", SettingError::ZstdLevel),
            ("zstd,level=999", SettingError::ZstdLevel),
            ("zstd,dictsize=1000", SettingError::ZstdWindow),
            ("zstd,dictsize=512", SettingError::ZstdWindow),
            ("zstd,dictsize=2097152", SettingError::ZstdWindow),
            ("lzma,10", SettingError::LzmaLevel),
            ("lzma,dictsize=4095", SettingError::LzmaDictSize),
            ("lzma,dictsize=8388609", SettingError::LzmaDictSize),
            ("lzma,lc=5", SettingError::LzmaContexts),
            ("lzma,lp=2", SettingError::LzmaContexts),
            ("deflate,dictsize=65536", SettingError::DeflateWindow),
        ] {
            let (name, setting) = text.split_once(',').expect("a setting");
            assert_eq!(refusal(text), format!("{name} has no '{setting}': {reason}"));
        }
        for text in ["zstd,dictsize=", "zstd,dictsize=0x", "zstd,dictsize=0x+400"] {
            let (_, setting) = text.split_once(',').expect("a setting");
            let settings = settings_of("zstd");
            assert_eq!(refusal(text), format!("zstd has no '{setting}': {settings}"));
        }
    }
}
