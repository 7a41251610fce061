//! The files with hashes that are written besides an image.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use erofs_writer::{FsVerityDigest, Summary};

use crate::exit::Failure;
use crate::job::Hashes;

/// Checks whether the files can be written, as far as that can be known before the build.
pub(crate) fn check(hashes: &Hashes) -> Result<(), Failure> {
    for path in hashes.root.iter().chain(&hashes.digests) {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let found = fs::metadata(folder).and_then(|found| match found.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let found = found.and_then(|()| match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            _ => Ok(()),
        });
        found.map_err(|source| Failure::Beside { path: path.clone(), source, made: false })?;
    }
    Ok(())
}

/// Writes the files, when the image is complete.
pub(crate) fn write(hashes: &Hashes, summary: &Summary) -> Result<(), Failure> {
    if let (Some(path), Some(verity)) = (&hashes.root, &summary.verity) {
        put(path, verity.root_hash_hex())?;
    }
    if let Some(path) = &hashes.digests {
        put(path, lines(&summary.fsverity_digests))?;
    }
    Ok(())
}

fn put(path: &PathBuf, text: String) -> Result<(), Failure> {
    fs::write(path, text).map_err(|source| Failure::Beside {
        path: path.clone(),
        source,
        made: true,
    })
}

/// A line for each file.
fn lines(digests: &[FsVerityDigest]) -> String {
    let mut out = String::new();
    for digest in digests {
        escape(&digest.path, &mut out);
        let _ = writeln!(out, " {}", digest.hex());
    }
    out
}

/// Appends `path` as the dump of a composefs has it: in ASCII without blanks.
fn escape(path: &[u8], out: &mut String) {
    for byte in path {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ if byte.is_ascii_graphic() => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_line() {
        let escaped = |path: &[u8]| {
            let mut out = String::new();
            escape(path, &mut out);
            out
        };
        assert_eq!(escaped(b"/a b\\\n\r\t\x7f\xc3\xa4=-"), r"/a\x20b\\\n\r\t\x7f\xc3\xa4=-");
    }
}
