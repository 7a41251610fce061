//! The pack file of gensquashfs: a kind, a path, a mode, owners, and what the kind needs.

use crate::error::ManifestErrorKind as Kind;
use crate::source::manifest::entry::{
    Entry, EntryKind, Parsed, Stored, decimal, octal, permissions, value,
};
use crate::tree::{Metadata, Rdev, components};

/// The entry of a line. Empty lines and comments have none.
pub(super) fn entry(line: &[u8]) -> Parsed {
    let line = line.trim_ascii_start();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let (word, rest) = split(line);
    let path_of = |text| quoted(text);
    let (path, rest) = match word {
        b"dir" | b"file" | b"slink" | b"link" | b"nod" | b"pipe" | b"sock" => path_of(rest)?,
        b"glob" => {
            let what = "glob is not done here; list the files, or give a directory as the source";
            return Err(Kind::Unsupported { what });
        }
        _ => return Err(Kind::Word { word: word.to_vec() }),
    };
    let (mode, rest) = split(rest);
    let (uid, rest) = split(rest);
    let (gid, rest) = split(rest);
    let mode = octal(mode, "mode")?;
    if mode > 0o7777 {
        return Err(value("mode"));
    }
    let mut metadata = Metadata::new(permissions(mode));
    metadata.uid = decimal(uid, "uid")?;
    metadata.gid = decimal(gid, "gid")?;
    // As there, the rest of the line is taken as it is, with all spaces in it.
    let extra = Some(rest).filter(|rest| !rest.is_empty());
    let needed = || extra.ok_or(Kind::Fields);
    let kind = match word {
        b"dir" => EntryKind::Directory,
        b"file" => file(&path, extra),
        b"slink" => EntryKind::Symlink(needed()?.to_vec()),
        b"link" => EntryKind::HardLink(needed()?.to_vec()),
        b"nod" => device(needed()?)?,
        b"pipe" => EntryKind::Fifo,
        _ => EntryKind::Socket,
    };
    Ok(Some(Entry { path, metadata, kind }))
}

/// A file whose contents are at `extra`, or where its own path leads to.
fn file(path: &[u8], extra: Option<&[u8]>) -> EntryKind {
    let stored = match extra {
        Some(path) => path.to_vec(),
        None => components(path).collect::<Vec<_>>().join(&b'/'),
    };
    EntryKind::Stored(Stored { path: stored, len: None, stays_inside: false, is_optional: false })
}

/// A device: its kind, its major number and its minor number.
fn device(text: &[u8]) -> Result<EntryKind, Kind> {
    let (kind, rest) = split(text);
    let (major, rest) = split(rest);
    let (minor, _) = split(rest);
    let rdev = Rdev { major: decimal(major, "device")?, minor: decimal(minor, "device")? };
    match kind {
        b"c" | b"C" => Ok(EntryKind::CharDevice(rdev)),
        b"b" | b"B" => Ok(EntryKind::BlockDevice(rdev)),
        _ => Err(Kind::Type),
    }
}

/// The first word of `text`, and what follows after spaces.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// The path that `text` begins with, which may be in quotation marks, and what follows.
fn quoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), Kind> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let (path, rest) = split(text);
        return Ok((path.to_vec(), rest));
    };
    let mut path = Vec::new();
    loop {
        rest = match rest {
            [] => return Err(Kind::Quote),
            [b'"', after @ ..] if after.first().is_some_and(u8::is_ascii_whitespace) => {
                return Ok((path, after.trim_ascii_start()));
            }
            [b'"', ..] => return Err(Kind::Quote),
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] | [byte, after @ ..] => {
                path.push(*byte);
                after
            }
        };
    }
}
