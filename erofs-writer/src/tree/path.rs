//! Names, and paths made of them.

use std::sync::Arc;

use crate::format::dirent::NAME_MAX;

/// A name in a directory. The tree and the contents that are opened by it share it.
pub(crate) type Name = Arc<[u8]>;

/// The names of a path.
pub(crate) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// `path` with one slash before each name.
pub(super) fn absolute(path: &[u8]) -> Vec<u8> {
    first_names(path, usize::MAX)
}

/// The first `count` names of `path`, each with a slash before it.
pub(super) fn first_names(path: &[u8], count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + 1);
    for name in components(path).take(count) {
        out.push(b'/');
        out.extend_from_slice(name);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// Whether the format can store `name` as an entry of a directory.
pub(crate) fn is_valid_name(name: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// The suffix, followed by a number, that Nix adds to names on file systems that ignore
/// case.
const CASE_HACK: &[u8] = b"~nix~case~hack~";

/// `name` without the suffix that Nix has added.
pub(crate) fn without_case_hack(name: &[u8]) -> &[u8] {
    let hack = name.windows(CASE_HACK.len()).rposition(|window| window == CASE_HACK);
    match hack {
        Some(at) if at > 0 && name[at + CASE_HACK.len()..].iter().all(u8::is_ascii_digit) => {
            &name[..at]
        }
        _ => name,
    }
}
