//! What Nix knows about a store path, and the file from which it learns that.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::source::cache::hash::NarHash;

/// What Nix knows about a valid store path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// The store path.
    pub path: PathBuf,
    /// The hash of its NAR.
    pub nar_hash: NarHash,
    /// The length of its NAR in bytes.
    pub nar_size: u64,
    /// The store paths that it refers to, which may be itself.
    pub references: Vec<PathBuf>,
}

/// The registration of store paths, as `closureInfo` of Nixpkgs makes it and as
/// `nix-store --load-db` reads it. Paths and references are in the order of their bytes. As
/// there, no derivers are told.
pub fn registration(infos: &[PathInfo]) -> Vec<u8> {
    let mut infos: Vec<&PathInfo> = infos.iter().collect();
    infos.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    let mut out = Vec::new();
    for PathInfo { path, nar_hash, nar_size, references } in infos {
        let mut references: Vec<&[u8]> =
            references.iter().map(|path| path.as_os_str().as_bytes()).collect();
        references.sort_unstable();
        references.dedup();
        out.extend_from_slice(path.as_os_str().as_bytes());
        let count = references.len();
        writeln!(out, "\n{nar_hash}\n{nar_size}\n\n{count}").expect("memory can be written");
        for reference in references {
            out.extend_from_slice(reference);
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_as_nix_reads_it() {
        let info = |name: &str, references: &[&str]| PathInfo {
            path: format!("/nix/store/{name}").into(),
            nar_hash: NarHash([0; 32]),
            nar_size: 120,
            references: references.iter().map(|name| format!("/nix/store/{name}").into()).collect(),
        };
        let infos = [info("b", &["b", "a", "a"]), info("a", &[])];
        let zeros = format!("sha256:{}", "0".repeat(52));
        let text = format!(
            "/nix/store/a\n{zeros}\n120\n\n0\n\
             /nix/store/b\n{zeros}\n120\n\n2\n/nix/store/a\n/nix/store/b\n"
        );
        assert_eq!(String::from_utf8_lossy(&registration(&infos)), text);
    }
}
