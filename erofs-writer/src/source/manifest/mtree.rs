//! The mtree of BSD: a path and keywords. Names without a slash are in the directory of the
//! line before, which a line with `..` leaves.

use std::collections::BTreeMap;

use crate::error::ManifestErrorKind as Kind;
use crate::source::manifest::entry::{
    Entry, EntryKind, Parsed, Stored, decimal, number, octal, permissions, rdev, signed, value,
};
use crate::time::Timestamp;
use crate::tree::{Metadata, Rdev, components};

/// The most directories that lines without slashes lead into.
const DEPTH_MAX: usize = 2048;

/// What lines before tell about those that follow.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The values of `/set`.
    set: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The names of the directory.
    dir: Vec<Vec<u8>>,
    /// The beginning of a line that goes on in the next one.
    begun: Vec<u8>,
}

/// Keywords whose values do not matter to an image: checksums, and facts about a host.
const IGNORED: &[&[u8]] = &[
    b"cksum",
    b"flags",
    b"gname",
    b"ignore",
    b"inode",
    b"md5",
    b"md5digest",
    b"nlink",
    b"nochange",
    b"resdevice",
    b"rmd160",
    b"rmd160digest",
    b"ripemd160digest",
    b"sha1",
    b"sha1digest",
    b"sha256",
    b"sha256digest",
    b"sha384",
    b"sha384digest",
    b"sha512",
    b"sha512digest",
    b"tags",
    b"uname",
];
/// Keywords whose values matter.
const KNOWN: &[&[u8]] = &[
    b"content",
    b"contents",
    b"device",
    b"gid",
    b"link",
    b"mode",
    b"optional",
    b"size",
    b"time",
    b"type",
    b"uid",
];

/// The most bytes of a line that goes on.
const LINE_MAX: usize = 16 << 20;

/// The entry of a line, if it has one.
pub(super) fn entry(line: &[u8], state: &mut State) -> Parsed {
    let mut line = line.to_vec();
    if !state.begun.is_empty() {
        line.splice(..0, std::mem::take(&mut state.begun));
    }
    if line.len() > LINE_MAX {
        return Err(Kind::LongLine);
    }
    let is_comment = line.trim_ascii_start().starts_with(b"#");
    let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
    if backslashes % 2 == 1 && !is_comment {
        line.pop();
        line.push(b' ');
        state.begun = line;
        return Ok(None);
    }
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match words.next() {
        None => Ok(None),
        Some([b'#', ..]) => Ok(None),
        Some(b"/set") => {
            words.try_for_each(|word| put(&mut state.set, word))?;
            Ok(None)
        }
        Some(b"/unset") => {
            for word in words {
                match word {
                    b"all" => state.set.clear(),
                    word => drop(state.set.remove(word)),
                }
            }
            Ok(None)
        }
        Some(word @ [b'/', ..]) => Err(Kind::Word { word: word.to_vec() }),
        Some(b"..") => {
            state.dir.pop();
            Ok(None)
        }
        Some(path) => {
            let mut keywords = state.set.clone();
            words.try_for_each(|word| put(&mut keywords, word))?;
            described(unescaped(path), path.contains(&b'/'), &keywords, state).map(Some)
        }
    }
}

/// Puts the keyword and the value of `word` into `keywords`.
fn put(keywords: &mut BTreeMap<Vec<u8>, Vec<u8>>, word: &[u8]) -> Result<(), Kind> {
    let equals = word.iter().position(|byte| *byte == b'=');
    let (keyword, value) = match equals {
        Some(at) => (&word[..at], &word[at + 1..]),
        None => (word, &b""[..]),
    };
    if KNOWN.contains(&keyword) {
        keywords.insert(keyword.to_vec(), value.to_vec());
        return Ok(());
    }
    match IGNORED.contains(&keyword) {
        true => {
            // Without a number, a name would have to be looked up on this host.
            if matches!(keyword, b"uname" | b"gname") {
                keywords.insert(keyword.to_vec(), value.to_vec());
            }
            Ok(())
        }
        false => Err(Kind::Word { word: keyword.to_vec() }),
    }
}

/// The entry that `keywords` describe.
fn described(
    name: Vec<u8>,
    is_path: bool,
    keywords: &BTreeMap<Vec<u8>, Vec<u8>>,
    state: &mut State,
) -> Result<Entry, Kind> {
    let get = |keyword: &str| keywords.get(keyword.as_bytes()).map(|value| &value[..]);
    let kind = get("type").ok_or(Kind::Type)?;
    let path = path(name, is_path, kind == b"dir", state)?;
    let mode = match (get("mode"), kind) {
        (Some(mode), _) => octal(mode, "mode")?,
        (None, b"dir") => 0o755,
        (None, b"link") => 0o777,
        (None, _) => 0o644,
    };
    let owner = |number, name, field| match (get(number), get(name)) {
        (Some(id), _) => decimal(id, field),
        (None, None) => Ok(0),
        (None, Some(_)) => Err(Kind::Unsupported {
            what: "an owner has only a name; uid and gid have to be given as numbers",
        }),
    };
    let mut metadata = Metadata::new(permissions(mode));
    metadata.uid = owner("uid", "uname", "uid")?;
    metadata.gid = owner("gid", "gname", "gid")?;
    if let Some(time) = get("time") {
        metadata.mtime = self::time(time)?;
    }
    let device = || get("device").map_or(Err(value("device")), self::device);
    let kind = match kind {
        b"dir" => EntryKind::Directory,
        b"file" => {
            let size = get("size").map(|size| decimal(size, "size")).transpose()?;
            let named = get("contents").or(get("content")).map(unescaped);
            EntryKind::Stored(Stored {
                path: named.unwrap_or_else(|| components(&path).collect::<Vec<_>>().join(&b'/')),
                len: size,
                stays_inside: false,
                is_optional: get("optional").is_some(),
            })
        }
        b"link" => EntryKind::Symlink(unescaped(get("link").ok_or(value("link"))?)),
        b"char" => EntryKind::CharDevice(device()?),
        b"block" => EntryKind::BlockDevice(device()?),
        b"fifo" => EntryKind::Fifo,
        b"socket" => EntryKind::Socket,
        _ => return Err(Kind::Type),
    };
    Ok(Entry { path, metadata, kind })
}

/// The path of the entry `name`. A directory without a slash in its name is entered.
fn path(
    name: Vec<u8>,
    is_path: bool,
    is_directory: bool,
    state: &mut State,
) -> Result<Vec<u8>, Kind> {
    if is_path {
        let names: Vec<&[u8]> = components(&name).filter(|name| *name != b".").collect();
        return Ok([b"/", &names.join(&b'/')[..]].concat());
    }
    let mut names = state.dir.clone();
    // The root is called `.`.
    if name != b"." {
        names.push(name);
    }
    let path = [b"/", &names.join(&b'/')[..]].concat();
    if names.len() > DEPTH_MAX {
        return Err(Kind::Path { path });
    }
    if is_directory {
        state.dir = names;
    }
    Ok(path)
}

/// Seconds, and perhaps a point and nanoseconds, which are no fraction.
fn time(text: &[u8]) -> Result<Timestamp, Kind> {
    let point = text.iter().position(|byte| *byte == b'.');
    let (sec, nsec) = match point {
        Some(at) => (&text[..at], decimal(&text[at + 1..], "time")?),
        None => (text, 0),
    };
    Ok(Timestamp { sec: signed(sec, "time")?, nsec })
}

/// A device: a number of Linux, or a form, a major number and a minor number.
fn device(text: &[u8]) -> Result<Rdev, Kind> {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b',').collect();
    let part = |text: &[u8]| {
        let number = match text {
            [b'0', b'x' | b'X', digits @ ..] => number(digits, 16),
            [b'0', digits @ ..] if !digits.is_empty() => number(digits, 8),
            digits => number(digits, 10),
        };
        number.ok_or(value("device"))
    };
    let short = |number: u64| u32::try_from(number).map_err(|_| value("device"));
    match parts[..] {
        [whole] => part(whole).map(rdev),
        [_form, major, minor] => {
            Ok(Rdev { major: short(part(major)?)?, minor: short(part(minor)?)? })
        }
        _ => Err(value("device")),
    }
}

/// `text` with the bytes that escapes stand for, as vis(3) makes them. As in libarchive,
/// a backslash before anything else stands for itself.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = rest {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
            continue;
        }
        // What vis(3) makes of control characters, and of those with the high bit.
        let control = |byte: u8| if byte == b'?' { 0x7f } else { byte & 0x1f };
        let (byte, len) = match rest {
            [b'M', b'-', byte, ..] => (byte | 0x80, 3),
            [b'M', b'^', byte, ..] => (control(*byte) | 0x80, 3),
            [b'^', byte, ..] => (control(*byte), 2),
            _ => (0, 0),
        };
        if len > 0 {
            bytes.push(byte);
            rest = &rest[len..];
            continue;
        }
        let byte = match rest.first() {
            Some(b'0') => 0,
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b's') => b' ',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(byte @ (b'\\' | b'#' | b'*' | b'?' | b'[')) => *byte,
            _ => {
                bytes.push(b'\\');
                continue;
            }
        };
        bytes.push(byte);
        rest = &rest[1..];
    }
    bytes
}
