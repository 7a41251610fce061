//! What a line of a manifest describes.

use crate::error::{Error, ManifestErrorKind};
use crate::tree::{Metadata, Rdev};

/// An entry, at a path from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    Directory,
    /// A file with these bytes.
    Inline(Vec<u8>),
    /// A file whose bytes a file of the host has.
    Stored(Stored),
    Symlink(Vec<u8>),
    /// A further name of another entry.
    HardLink(Vec<u8>),
    CharDevice(Rdev),
    BlockDevice(Rdev),
    Fifo,
    Socket,
}

/// Where the contents of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) path: Vec<u8>,
    /// The length that the line says.
    pub(super) len: Option<u64>,
    /// Whether the path has to stay in the directory of contents.
    pub(super) stays_inside: bool,
    /// Whether there is no such entry if the file does not exist.
    pub(super) is_optional: bool,
}

/// Why a line, or the entry of a line, is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Line(ManifestErrorKind),
    Other(Error),
}

impl From<ManifestErrorKind> for Refusal {
    fn from(kind: ManifestErrorKind) -> Self {
        Refusal::Line(kind)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Other(error)
    }
}

/// The entry of a line, or none.
pub(super) type Parsed = Result<Option<Entry>, ManifestErrorKind>;

/// A decimal number.
pub(super) fn decimal<T: TryFrom<u64>>(
    text: &[u8],
    field: &'static str,
) -> Result<T, ManifestErrorKind> {
    number(text, 10).and_then(|number| T::try_from(number).ok()).ok_or(value(field))
}

/// An octal number.
pub(super) fn octal(text: &[u8], field: &'static str) -> Result<u32, ManifestErrorKind> {
    number(text, 8).and_then(|number| u32::try_from(number).ok()).ok_or(value(field))
}

/// A number without a sign.
pub(super) fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.starts_with('+') { None } else { u64::from_str_radix(text, radix).ok() }
}

/// A whole number that may be negative.
pub(super) fn signed(text: &[u8], field: &'static str) -> Result<i64, ManifestErrorKind> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| text.parse().ok()).ok_or(value(field))
}

pub(super) fn value(field: &'static str) -> ManifestErrorKind {
    ManifestErrorKind::Value { field }
}

/// The low 12 bits of `mode`.
pub(super) fn permissions(mode: u32) -> u16 {
    u16::try_from(mode & 0o7777).expect("12 bits")
}

/// The device number that Linux encodes as `rdev`.
pub(super) fn rdev(rdev: u64) -> Rdev {
    let low = |number: u64| u32::try_from(number & 0xffff_ffff).expect("32 bits");
    Rdev {
        major: low((rdev >> 8 & 0xfff) | (rdev >> 32 & !0xfff)),
        minor: low((rdev & 0xff) | (rdev >> 12 & !0xff)),
    }
}
