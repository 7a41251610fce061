//! The files of a binary cache that tell about store paths.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::error::BinaryCacheErrorKind as Kind;
use crate::source::cache::hash::NarHash;
use crate::source::cache::info::PathInfo;
use crate::source::cache::key::PublicKey;

/// What a `.narinfo` says.
#[derive(Debug)]
pub(super) struct NarInfo {
    pub(super) info: PathInfo,
    /// Where the NAR is, relative to the cache. It leads to nothing outside.
    pub(super) url: PathBuf,
    pub(super) compression: Compression,
    signatures: Vec<String>,
}

/// The compression of a NAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    #[cfg(feature = "decoders")]
    By(crate::source::decode::Compression),
}

/// The lines of a `.narinfo` that count.
#[derive(Default)]
struct Lines<'a> {
    path: Option<&'a str>,
    url: Option<&'a str>,
    compression: Option<&'a str>,
    nar_hash: Option<&'a str>,
    nar_size: Option<&'a str>,
    references: Option<&'a str>,
    signatures: Vec<String>,
}

impl NarInfo {
    /// Reads the text of a `.narinfo`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Kind> {
        let text = std::str::from_utf8(text).map_err(|_| Kind::Field { field: "text" })?;
        let Lines { path, url, compression, nar_hash, nar_size, references, signatures } =
            lines(text)?;
        let field = |field| Kind::Field { field };
        let path = path.filter(|path| path.starts_with('/')).ok_or(field("StorePath"))?;
        let path = PathBuf::from(path);
        let store = path.parent().ok_or(field("StorePath"))?;
        let url = url.ok_or(field("URL"))?;
        let hash = nar_hash.and_then(|hash| hash.parse().ok());
        let nar_hash: NarHash = hash.ok_or(field("NarHash"))?;
        let size = nar_size.and_then(|size| size.parse().ok());
        let nar_size: u64 = size.filter(|size| *size > 0).ok_or(field("NarSize"))?;
        let names = references.unwrap_or_default().split_ascii_whitespace();
        let references = names.map(|name| match name.contains('/') {
            true => Err(field("References")),
            false => Ok(store.join(name)),
        });
        let references = references.collect::<Result<_, _>>()?;
        Ok(NarInfo {
            url: inside(url)?,
            // As in Nix, a narinfo without the line is an old one.
            compression: self::compression(compression.unwrap_or("bzip2"))?,
            info: PathInfo { path, nar_hash, nar_size, references },
            signatures,
        })
    }

    /// Whether one of `keys` has signed this.
    pub(super) fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let PathInfo { path, nar_hash, nar_size, references } = &self.info;
        let bytes = |path: &PathBuf| path.as_os_str().as_bytes().to_vec();
        let mut references: Vec<Vec<u8>> = references.iter().map(bytes).collect();
        references.sort_unstable();
        references.dedup();
        let facts = format!(";{nar_hash};{nar_size};");
        let message =
            [b"1;", &bytes(path)[..], facts.as_bytes(), &references.join(&b',')[..]].concat();
        let is_good = |signature: &String| keys.iter().any(|key| key.verifies(&message, signature));
        self.signatures.iter().any(is_good)
    }
}

/// Sorts the lines by their names. Others than these do not matter here.
fn lines(text: &str) -> Result<Lines<'_>, Kind> {
    let mut lines = Lines::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(Kind::Field { field: "name of a line" })?;
        let value = value.trim_ascii();
        let (field, line) = match name {
            "StorePath" => ("StorePath", &mut lines.path),
            "URL" => ("URL", &mut lines.url),
            "Compression" => ("Compression", &mut lines.compression),
            "NarHash" => ("NarHash", &mut lines.nar_hash),
            "NarSize" => ("NarSize", &mut lines.nar_size),
            "References" => ("References", &mut lines.references),
            "Sig" => {
                lines.signatures.push(value.to_owned());
                continue;
            }
            _ => continue,
        };
        if line.replace(value).is_some() {
            return Err(Kind::Field { field });
        }
    }
    Ok(lines)
}

/// The path `url` in the cache. It must not lead out of the cache.
fn inside(url: &str) -> Result<PathBuf, Kind> {
    let path = Path::new(url);
    let is_inside = !url.is_empty()
        && !url.contains("://")
        && path.components().all(|part| matches!(part, Component::Normal(_)));
    match is_inside {
        true => Ok(path.to_owned()),
        false => Err(Kind::Url { url: url.to_owned() }),
    }
}

/// The compression of the name `name`.
fn compression(name: &str) -> Result<Compression, Kind> {
    #[cfg(feature = "decoders")]
    {
        use crate::source::decode::Compression as By;
        let by = match name {
            "bzip2" => Some(By::Bzip2),
            "gzip" => Some(By::Gzip),
            "lzip" => Some(By::Lzip),
            "lzma" => Some(By::Lzma),
            "xz" => Some(By::Xz),
            "zstd" => Some(By::Zstd),
            _ => None,
        };
        if let Some(by) = by {
            return Ok(Compression::By(by));
        }
    }
    match name {
        "none" | "" => Ok(Compression::None),
        _ => Err(Kind::Compression { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "StorePath: /nix/store/a\nURL: nar/a.nar\nCompression: none\nNarHash: \
        sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nNarSize: 120\nReferences: b a\n\
        CA: x\nSig: k:AA==\n";

    fn kind(from: &str, to: &str) -> Kind {
        assert!(GOOD.contains(from), "{from}");
        NarInfo::parse(GOOD.replace(from, to).as_bytes()).expect_err(to)
    }

    #[test]
    fn a_narinfo_is_read() {
        let found = NarInfo::parse(GOOD.as_bytes()).expect("is one");
        assert_eq!(found.url, Path::new("nar/a.nar"));
        assert_eq!(found.info.references, [Path::new("/nix/store/b"), Path::new("/nix/store/a")]);
        assert_eq!((found.info.nar_size, found.compression), (120, Compression::None));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let field = |field| Kind::Field { field };
        assert_eq!(kind("StorePath", "X"), field("StorePath"));
        assert_eq!(kind("/nix/store/a\n", "nix\n"), field("StorePath"));
        assert_eq!(kind("NarHash: sha256-4", "NarHash: md5-4"), field("NarHash"));
        assert_eq!(kind("NarSize: 120", "NarSize: 0"), field("NarSize"));
        assert_eq!(kind("NarSize: 120", "NarSize: -1"), field("NarSize"));
        assert_eq!(kind("CA: x", "NarSize: 120"), field("NarSize"));
        assert_eq!(kind("References: b", "References: ../b"), field("References"));
        assert_eq!(kind("CA: x", "CA"), field("name of a line"));
        assert_eq!(kind("none", "br"), Kind::Compression { name: "br".into() });
    }

    #[test]
    fn no_url_leads_out_of_the_cache() {
        for url in ["../a.nar", "nar/../../a.nar", "/a.nar", "https://x/a.nar", "", "./a"] {
            let expected = Kind::Url { url: url.into() };
            let found = kind("nar/a.nar", url);
            assert_eq!(found, expected);
        }
    }

    /// As Nix 2.8 has signed it.
    const SIGNED: &str = "StorePath: /nix/store/aal1pz8ylfgkvfz00zzx5waadrfgyqgl-pk.drv\n\
        URL: nar/1pfng2x4ynyk8ssx6k427gcigzsdnlfczj24m5pafj7ljqgdl3pq.nar.zst\n\
        Compression: zstd\n\
        FileHash: sha256:1pfng2x4ynyk8ssx6k427gcigzsdnlfczj24m5pafj7ljqgdl3pq\n\
        FileSize: 269\n\
        NarHash: sha256:047fci4amzhfn7bg185zfp1lp9y9b70alhzcz7nhc1lg3svmn21h\n\
        NarSize: 456\n\
        References: q2hligwvhvf827syj12a763874xbd7bv-a\n\
        Sig: k-1:9i/ayH+ylZIRrNiZuEis03FEsO4sh8b4Khe5t41GUh6u5nYv0LL4psoxo7dPiwQzF7gSS/28rCaZQCqzn3lTBA==\n\
        CA: text:sha256:1cfgqpv9q6m4z85rb6d8ng4d9zxzq8jic4b8si9s0baxjbigb073\n";
    const KEY: &str = "k-1:+UC3VrDvrHMlV2xIg31qhtNuSWjwKAkzPY6YxVP4J3o=";

    #[test]
    fn what_nix_signs_is_verified() {
        let found = NarInfo::parse(SIGNED.as_bytes()).expect("is one");
        let key: PublicKey = KEY.parse().expect("is one");
        assert!(found.is_signed_by(std::slice::from_ref(&key)));
        let other: PublicKey = KEY.replace("k-1", "k-2").parse().expect("is one");
        assert!(!found.is_signed_by(std::slice::from_ref(&other)), "it has another name");
        assert!(found.is_signed_by(&[other, key.clone()]));
        assert!(!found.is_signed_by(&[]));
        for (from, to) in [
            ("NarSize: 456", "NarSize: 457"),
            ("References: q", "References: p"),
            ("StorePath: /nix/store/a", "StorePath: /nix/store/b"),
            ("NarHash: sha256:0", "NarHash: sha256:1"),
            ("Sig: k-1:", "Sig: k-1:A"),
            ("Sig: k-1:", "Sig: k-1"),
            ("Sig: k-1:", "Signature: k-1:"),
        ] {
            assert!(SIGNED.contains(from), "{from}");
            let found = NarInfo::parse(SIGNED.replace(from, to).as_bytes()).expect("is one");
            assert!(!found.is_signed_by(std::slice::from_ref(&key)), "{to}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let form = "a key has to be a name, a colon, and 32 bytes in base 64";
        for text in ["", "k-1", ":AAAA", "k-1:AAAA", &KEY.replace("k-1", "")] {
            assert_eq!(text.parse::<PublicKey>(), Err(form), "{text}");
        }
    }
}
