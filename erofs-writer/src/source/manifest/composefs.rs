//! The dump of composefs: eleven fields and extended attributes, separated by single spaces.

use crate::error::ManifestErrorKind as Kind;
use crate::source::manifest::entry::{
    Entry, EntryKind, Parsed, Stored, decimal, octal, permissions, rdev, signed, value,
};
use crate::time::Timestamp;
use crate::tree::{Metadata, Xattrs};

const TYPE: u32 = 0o170_000;

/// The entry of a line. Lines without anything are ignored.
pub(super) fn entry(line: &[u8]) -> Parsed {
    if line.is_empty() {
        return Ok(None);
    }
    let mut fields = line.split(|byte| *byte == b' ');
    let mut next = || fields.next().ok_or(Kind::Fields);
    let path = unescaped(next()?)?;
    let [size, mode, _nlink, uid, gid, device] =
        [next()?, next()?, next()?, next()?, next()?, next()?];
    let [mtime, payload, content, _digest] = [next()?, next()?, next()?, next()?];
    if path.first() != Some(&b'/') {
        return Err(Kind::Path { path });
    }
    let payload = optional(payload)?;
    if mode.first() == Some(&b'@') {
        // Of a hard link, nothing else counts.
        let target = payload.ok_or(value("PAYLOAD"))?;
        let metadata = Metadata::new(0);
        return Ok(Some(Entry { path, metadata, kind: EntryKind::HardLink(target) }));
    }
    let size: u64 = decimal(size, "SIZE")?;
    let mode = octal(mode, "MODE")?;
    let mut metadata = Metadata::new(permissions(mode));
    metadata.uid = decimal(uid, "UID")?;
    metadata.gid = decimal(gid, "GID")?;
    metadata.mtime = time(mtime)?;
    metadata.xattrs = fields.map(xattr).collect::<Result<Xattrs, Kind>>()?;
    let device = rdev(decimal(device, "RDEV")?);
    let kind = match mode & TYPE {
        0o040_000 => EntryKind::Directory,
        0o100_000 => file(size, payload, optional(content)?)?,
        0o120_000 => EntryKind::Symlink(payload.ok_or(value("PAYLOAD"))?),
        0o020_000 => EntryKind::CharDevice(device),
        0o060_000 => EntryKind::BlockDevice(device),
        0o010_000 => EntryKind::Fifo,
        0o140_000 => EntryKind::Socket,
        _ => return Err(Kind::Type),
    };
    Ok(Some(Entry { path, metadata, kind }))
}

/// A file with contents, or with the path of an object.
fn file(size: u64, payload: Option<Vec<u8>>, content: Option<Vec<u8>>) -> Result<EntryKind, Kind> {
    match (content, payload) {
        (Some(bytes), _) => match crate::format::to_u64(bytes.len()) {
            len if len == size => Ok(EntryKind::Inline(bytes)),
            found => Err(Kind::Length { said: size, found }),
        },
        (None, Some(path)) => Ok(EntryKind::Stored(Stored {
            path,
            len: Some(size),
            stays_inside: true,
            is_optional: false,
        })),
        (None, None) if size == 0 => Ok(EntryKind::Inline(Vec::new())),
        (None, None) => Err(Kind::NoContents { len: size }),
    }
}

/// Seconds, a point, and nanoseconds, which are no fraction: 1.5 is 5 ns after 1.
fn time(text: &[u8]) -> Result<Timestamp, Kind> {
    let point = text.iter().position(|byte| *byte == b'.').ok_or(value("MTIME"))?;
    let nsec = decimal(&text[point + 1..], "MTIME")?;
    Ok(Timestamp { sec: signed(&text[..point], "MTIME")?, nsec })
}

/// The name and the value of an attribute.
fn xattr(text: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Kind> {
    let equals = text.iter().position(|byte| *byte == b'=').ok_or(value("xattr"))?;
    Ok((unescaped(&text[..equals])?, unescaped(&text[equals + 1..])?))
}

/// A field that is `-` if it is not set.
fn optional(text: &[u8]) -> Result<Option<Vec<u8>>, Kind> {
    if text == b"-" { Ok(None) } else { unescaped(text).map(Some) }
}

/// `text` with the bytes that escapes stand for.
fn unescaped(text: &[u8]) -> Result<Vec<u8>, Kind> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escape, after) = rest.split_first().ok_or(Kind::Escape)?;
        rest = after;
        bytes.push(match escape {
            b'\\' => b'\\',
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let (digits, after) = rest.split_first_chunk::<2>().ok_or(Kind::Escape)?;
                rest = after;
                let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
                let byte = high.zip(low).map(|(high, low)| high << 4 | low);
                byte.and_then(|byte| u8::try_from(byte).ok()).ok_or(Kind::Escape)?
            }
            _ => return Err(Kind::Escape),
        });
    }
    Ok(bytes)
}
