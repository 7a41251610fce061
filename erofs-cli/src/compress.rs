//! The value of `-z`: algorithms, and how hard each works.

use erofs_writer::codec::CodecError;
use erofs_writer::{Codec, Shown};

use crate::usage::UsageError;

/// The value with which nothing is compressed, as that of a variable in a script.
pub(crate) const NONE: &str = "none";

/// Reads the value of `-z`: codecs with colons between them. The first one is for all
/// files for which no hint names another one.
pub(crate) fn codecs(text: &str) -> Result<Vec<Codec>, UsageError> {
    // mkfs.erofs ignores an empty text between two colons.
    let named = text.split(':').filter(|one| !one.is_empty());
    let codecs: Result<Vec<Codec>, CodecError> = match text.bytes().all(|byte| byte == b':') {
        true => "".parse().map(|codec| vec![codec]),
        false => named.map(str::parse).collect(),
    };
    codecs.map_err(|error| match error {
        CodecError::NotBuilt(_) => {
            UsageError::refused(format!("-z {}", Shown::new(text)), error.to_string())
        }
        error => UsageError::value("-z <ALGORITHM>", text, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_codecs_may_be_named() {
        let shown = |text: &str| -> Vec<String> {
            codecs(text).expect("codecs").iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("lz4"), ["lz4"]);
        assert_eq!(shown("lz4hc,12:zstd,15"), ["lz4hc,level=12", "zstd,level=15"]);
        assert_eq!(shown("lz4::"), ["lz4"]);
        for text in ["", ":", "lz4:lz5", "zstd,3:lzma,10", "none:lz4"] {
            assert!(codecs(text).is_err(), "{text}");
        }
    }
}
