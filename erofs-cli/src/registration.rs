//! Files that tell what Nix knows about store paths.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use erofs_writer::source::{NarHash, PathInfo, registration};
use erofs_writer::{Error, Shown};
use serde_json::{Map, Value};

use crate::exit::Failure;

/// The most bytes of such a file.
const MAX: u64 = 256 << 20;
/// The store of files that do not name one.
const STORE: &str = "/nix/store";

/// The registration of the store paths `paths`, from what `file` tells, and the store paths
/// to which they refer and that are not among them, each with one that refers to it.
pub(crate) fn of_file(
    file: &Path,
    paths: &[PathBuf],
) -> Result<(Vec<u8>, BTreeMap<PathBuf, PathBuf>), Failure> {
    let wrong = |why: String| Failure::Invalid { path: file.to_owned(), why };
    let read = |source| Error::Read { path: file.to_owned(), source };
    let mut bytes = Vec::new();
    let mut opened = File::open(file).map_err(read)?.take(MAX + 1);
    opened.read_to_end(&mut bytes).map_err(read)?;
    if opened.limit() == 0 {
        return Err(wrong(format!("it has more than {MAX} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
    let infos = match text.trim_ascii_start().starts_with(['{', '[']) {
        true => of_json(text),
        false => of_registration(text),
    };
    let known: BTreeMap<PathBuf, PathInfo> =
        infos.map_err(wrong)?.into_iter().map(|info| (info.path.clone(), info)).collect();
    let mut listed = BTreeMap::new();
    for path in paths {
        let path: PathBuf = path.components().collect();
        let Some(info) = known.get(&path) else {
            return Err(wrong(format!("it does not have {}", Shown::new(&path))));
        };
        listed.insert(path, info.clone());
    }
    let mut missing = BTreeMap::new();
    for (referrer, info) in &listed {
        for path in info.references.iter().filter(|path| !listed.contains_key(*path)) {
            missing.entry(path.clone()).or_insert_with(|| referrer.clone());
        }
    }
    let infos: Vec<PathInfo> = listed.into_values().collect();
    Ok((registration(&infos), missing))
}

/// Reads a registration, as `closureInfo` or `nix-store --dump-db` makes it.
fn of_registration(text: &str) -> Result<Vec<PathInfo>, String> {
    let mut lines = (1_usize..).zip(text.lines());
    let mut infos = Vec::new();
    while let Some((number, path)) = lines.next() {
        let mut next = |what: &str| {
            lines.next().ok_or_else(|| format!("it ends before the {what} of {}", Shown::new(path)))
        };
        let wrong = |number, what: &str| format!("line {number}: this is not the {what} of a path");
        if !path.starts_with('/') {
            return Err(format!("line {number}: this is not a store path"));
        }
        let (number, hash) = next("hash")?;
        // Nix itself writes the digits alone.
        let bare = || format!("sha256:{hash}").parse();
        let nar_hash = hash.parse().or_else(|_| bare()).map_err(|_| wrong(number, "hash"))?;
        let (number, size) = next("size")?;
        let nar_size = size.parse().map_err(|_| wrong(number, "size"))?;
        next("deriver")?;
        let (number, count) = next("number of references")?;
        let count: u64 = count.parse().map_err(|_| wrong(number, "number of references"))?;
        let mut references = Vec::new();
        for _ in 0..count {
            references.push(PathBuf::from(next("references")?.1));
        }
        infos.push(PathInfo { path: path.into(), nar_hash, nar_size, references });
    }
    Ok(infos)
}

/// Reads what `nix path-info --json` writes: an array of objects with paths, or since Nix
/// 2.19 an object with paths as names. Newer forms have that object in another one, and
/// basenames in place of paths.
fn of_json(text: &str) -> Result<Vec<PathInfo>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match &value {
        Value::Array(all) => {
            let info = |one: &Value| {
                let path = one.get("path").and_then(Value::as_str);
                object(STORE, path.ok_or("an object has no path")?, one)
            };
            all.iter().map(info).collect()
        }
        Value::Object(outer) => {
            let store = outer.get("storeDir").and_then(Value::as_str).unwrap_or(STORE);
            let inner: &Map<String, Value> =
                outer.get("info").and_then(Value::as_object).unwrap_or(outer);
            inner.iter().map(|(path, one)| object(store, path, one)).collect()
        }
        _ => Err("it is neither an array nor an object".to_owned()),
    }
}

/// What `object` tells about `path`.
fn object(store: &str, path: &str, object: &Value) -> Result<PathInfo, String> {
    let wrong = |what: &str| format!("the {what} of {} is missing or wrong", Shown::new(path));
    if object.is_null() || object.get("valid") == Some(&Value::Bool(false)) {
        return Err(format!("{} is not a valid store path there", Shown::new(path)));
    }
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let nested = |name: &str| object.get("narHash")?.get(name).and_then(Value::as_str);
    let hash = text("narHash").map(str::to_owned).or_else(|| {
        // A hash may also be an object.
        Some(format!("{}:{}", nested("algorithm")?, nested("hash")?))
    });
    let nar_hash: NarHash =
        hash.and_then(|hash| hash.parse().ok()).ok_or_else(|| wrong("narHash"))?;
    let nar_size = object.get("narSize").and_then(Value::as_u64);
    let references = object.get("references").and_then(Value::as_array);
    let references = references.ok_or_else(|| wrong("references"))?;
    let references = references.iter().map(|reference| {
        let reference = reference.as_str().ok_or_else(|| wrong("references"))?;
        Ok(Path::new(store).join(reference))
    });
    Ok(PathInfo {
        path: Path::new(store).join(path),
        nar_hash,
        nar_size: nar_size.ok_or_else(|| wrong("narSize"))?,
        references: references.collect::<Result<_, String>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    const SRI: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn expected() -> Vec<PathInfo> {
        vec![PathInfo {
            path: "/nix/store/a".into(),
            nar_hash: HASH.parse().expect("is one"),
            nar_size: 120,
            references: vec!["/nix/store/a".into(), "/nix/store/b".into()],
        }]
    }

    #[test]
    fn a_registration_is_read() {
        let text = format!("/nix/store/a\n{HASH}\n120\n\n2\n/nix/store/a\n/nix/store/b\n");
        assert_eq!(of_registration(&text), Ok(expected()));
        assert_eq!(of_registration(&text.replace("sha256:", "")), Ok(expected()));
        for (from, to, why) in [
            ("/nix/store/a\ns", "a\ns", "line 1: this is not a store path"),
            ("sha256", "md5", "line 2: this is not the hash of a path"),
            ("120", "-1", "line 3: this is not the size of a path"),
            ("\n2\n", "\nx\n", "line 5: this is not the number of references of a path"),
            ("\n2\n", "\n9999999999\n", "it ends before the references of /nix/store/a"),
        ] {
            assert_eq!(of_registration(&text.replace(from, to)), Err(why.to_owned()), "{to}");
        }
    }

    #[test]
    fn all_forms_of_json_are_read() {
        let rest = format!(r#""narHash":"{SRI}","narSize":120"#);
        let full = r#""references":["/nix/store/a","/nix/store/b"]"#;
        let short = r#""references":["a","b"]"#;
        let nested = r#""narHash":{"algorithm":"sha256","format":"base64","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"narSize":120"#;
        for text in [
            format!(r#" [{{"path":"/nix/store/a","valid":true,{rest},{full}}}]"#),
            format!(r#"{{"/nix/store/a":{{{rest},{full}}}}}"#),
            format!(r#"{{"version":2,"storeDir":"/nix/store","info":{{"a":{{{rest},{short}}}}}}}"#),
            format!(r#"{{"a":{{{nested},{short}}}}}"#),
        ] {
            assert_eq!(of_json(&text), Ok(expected()), "{text}");
        }
        for (text, why) in [
            (r#"{"/nix/store/a":null}"#, "/nix/store/a is not a valid store path there"),
            (r#"[{"path":"/x","valid":false}]"#, "/x is not a valid store path there"),
            (r#"[{"narSize":1}]"#, "an object has no path"),
            (r#"{"/x":{"narHash":"sha1:a"}}"#, "the narHash of /x is missing or wrong"),
        ] {
            assert_eq!(of_json(text), Err(why.to_owned()));
        }
    }
}
