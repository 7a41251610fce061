//! Names for files of store paths that are the same wherever the store is.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::format::to_u64;

/// Names a file: a hash of its path from the name of its store path on.
pub(crate) type FileKey = [u8; 16];

/// The key of the host file `path`; `None` if it is not in a store path.
pub(crate) fn file_key(path: &Path) -> Option<FileKey> {
    let mut components = path.components();
    let name = components.find_map(|component| match component {
        Component::Normal(name) if is_store_name(name.as_bytes()) => Some(name),
        _ => None,
    })?;
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &[u8]| {
        hasher.update(&to_u64(name.len()).to_le_bytes());
        hasher.update(name);
    };
    add(name.as_bytes());
    for component in components {
        match component {
            Component::Normal(name) => add(name.as_bytes()),
            Component::CurDir => {}
            _ => return None,
        }
    }
    hasher.finalize().as_bytes().first_chunk().copied()
}

/// Whether this is the name of a store path: a hash of 32 characters, a hyphen, and a name
/// (`checkName` and `storePathRegex` of Nix 2.18).
fn is_store_name(name: &[u8]) -> bool {
    let Some((hash, rest)) = name.split_first_chunk::<32>() else { return false };
    let is_hash =
        |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() && !b"eotu".contains(byte);
    hash.iter().all(is_hash) && rest.len() > 1 && rest[0] == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-hello-2.12";

    #[test]
    fn names_of_store_paths_are_recognised() {
        assert!(is_store_name(NAME.as_bytes()));
        let vowel = NAME.replacen('0', "e", 1);
        let upper = NAME.replacen('c', "C", 1);
        for other in ["", "hello", &NAME[1..], &NAME[..32], &NAME[..33], &vowel, &upper] {
            assert!(!is_store_name(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_key_does_not_depend_on_where_the_store_is() {
        let key = |path: String| file_key(Path::new(&path));
        let first = key(format!("/nix/store/{NAME}/bin/hello"));
        assert!(first.is_some());
        assert_eq!(first, key(format!("/mnt/other/nix/store/{NAME}/./bin/hello")));
        assert_ne!(first, key(format!("/nix/store/{NAME}/bin/hell")));
        assert_ne!(first, key(format!("/nix/store/{NAME}/binhello")));
        // The outer store path says what the inner one is.
        assert_ne!(first, key(format!("/nix/store/{NAME}/{NAME}/bin/hello")));
        assert_eq!(key(format!("/nix/store/{NAME}/../bin/hello")), None);
        assert_eq!(key("/nix/store/hello".into()), None);
    }
}
