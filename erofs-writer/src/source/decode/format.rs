//! Detection of the compression of an archive by its first bytes.

use std::fmt;
use std::io;
use std::ops::Range;

use super::stream::invalid;

/// The compression of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Compressed by gzip.
    Gzip,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by xz.
    Xz,
    /// Compressed by lzma, the predecessor of xz.
    Lzma,
    /// Compressed by lzip.
    Lzip,
    /// Compressed by zstd.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
            Compression::Lzma => "lzma",
            Compression::Lzip => "lzip",
            Compression::Zstd => "zstd",
        })
    }
}

/// The number of first bytes that are examined: the length of a tar header.
pub(crate) const MAGIC_LEN: usize = 512;
/// The place of the checksum in a tar header.
const CHKSUM: Range<usize> = 148..156;

/// What archives of Nix begin with: a string of this length, padded to eight bytes.
const NAR: &[u8] = b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0";
const SQUASHFS: &str = "a squashfs image";

/// Other known formats, with their first bytes.
const OTHERS: &[(&str, &[u8])] = &[
    ("compressed by lz4", &[0x04, 0x22, 0x4d, 0x18]),
    ("compressed by lz4", &[0x02, 0x21, 0x4c, 0x18]),
    ("compressed by compress", &[0x1f, 0x9d]),
    ("compressed by pack", &[0x1f, 0x1e]),
    ("compressed by lzop", b"\x89LZO\0\r\n\x1a\n"),
    ("compressed by lrzip", b"LRZI"),
    ("compressed by snappy", b"\xff\x06\0\0sNaPpY"),
    ("a 7z archive", b"7z\xbc\xaf\x27\x1c"),
    ("a zip archive", b"PK\x03\x04"),
    ("a zip archive", b"PK\x05\x06"),
    ("a RAR archive", b"Rar!\x1a\x07"),
    ("a xar archive", b"xar!"),
    ("a cpio archive", b"070701"),
    ("a cpio archive", b"070702"),
    ("a cpio archive", b"070707"),
    ("a cpio archive", &[0xc7, 0x71]),
    ("a cpio archive", &[0x71, 0xc7]),
    ("an ar archive, as packages of Debian are", b"!<arch>\n"),
    ("an RPM package", &[0xed, 0xab, 0xee, 0xdb]),
    (SQUASHFS, b"hsqs"),
];

impl Compression {
    /// The compression of a file that begins with `magic`. None if it is not
    /// compressed. A tar header is tested for first, since the name of the first member
    /// may be any bytes.
    pub(crate) fn of(magic: &[u8]) -> io::Result<Option<Self>> {
        if is_header(magic) {
            return Ok(None);
        }
        Ok(Some(match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Compression::Bzip2
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [b'L', b'Z', b'I', b'P', 1, ..] => Compression::Lzip,
            _ if is_lzma(magic) => Compression::Lzma,
            // A skipped frame may come first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => match other(magic) {
                Some(what) => {
                    return Err(invalid(format!("is {what}, which cannot be read here")));
                }
                None => return Ok(None),
            },
        }))
    }
}

/// What an archive is, by its first bytes. Written out it says so in words, such as
/// `a tar archive` or `compressed by gzip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArchiveFormat {
    /// A tar archive that is not compressed.
    Tar,
    /// An archive of Nix that is not compressed.
    Nar,
    /// Something compressed, which may be either of them.
    Compressed(Compression),
    /// Something else that is known, by its name with an article. It cannot be read here.
    Other(&'static str),
}

impl ArchiveFormat {
    /// The format of a file that begins with `start`. The first 512 bytes tell all that can
    /// be known. None if it is not known; it may still be an archive.
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = &start[..start.len().min(MAGIC_LEN)];
        if is_header(start) {
            return Some(Self::Tar);
        }
        if start.starts_with(NAR) {
            return Some(Self::Nar);
        }
        match Compression::of(start) {
            Ok(compression) => compression.map(Self::Compressed),
            Err(_) => other(start).filter(|what| *what != SQUASHFS).map(Self::Other),
        }
    }
}

impl fmt::Display for ArchiveFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tar => f.write_str("a tar archive"),
            Self::Nar => f.write_str("an archive of Nix"),
            Self::Compressed(compression) => write!(f, "compressed by {compression}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// The name of another format.
fn other(magic: &[u8]) -> Option<&'static str> {
    OTHERS.iter().find(|(_, start)| magic.starts_with(start)).map(|(what, _)| *what)
}

/// Whether `magic` begins a stream of lzma, which has no magic number. The rules are
/// those of xz: lc + lp is at most 4, the dictionary has 2^n bytes or half as much
/// again, and the length is unknown or below 256 GiB.
fn is_lzma(magic: &[u8]) -> bool {
    let [bits @ 0..225, a, b, c, d, len @ ..] = magic else { return false };
    let (literal, position) = (bits % 9, bits / 9 % 5);
    let dictionary = u32::from_le_bytes([*a, *b, *c, *d]);
    let is_size = match dictionary.count_ones() {
        0 => false,
        1 => true,
        2 => dictionary & (dictionary >> 1) != 0,
        _ => dictionary == u32::MAX,
    };
    let is_len = len.first_chunk().is_some_and(|len| {
        let len = u64::from_le_bytes(*len);
        len == u64::MAX || len < 1 << 38
    });
    literal + position <= 4 && is_size && is_len
}

/// Whether `block` is the header of a member.
fn is_header(block: &[u8]) -> bool {
    if block.len() != MAGIC_LEN {
        return false;
    }
    let digits = block[CHKSUM].split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(digits.trim_ascii()).unwrap_or_default();
    let sum = (0..).zip(block).map(|(at, byte)| match CHKSUM.contains(&at) {
        true => u32::from(b' '),
        false => u32::from(*byte),
    });
    u32::from_str_radix(text, 8) == Ok(sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_may_be_the_first_one() {
        let lzma = b"]\0\0\x01\0\xff\xff\xff\xff\xff\xff\xff\xff";
        for start in [&b"PK\x03\x04"[..], lzma, b"070701", b"BZh91AY&SY", b"\x1f\x8b"] {
            let mut block = [0; MAGIC_LEN];
            block[..start.len()].copy_from_slice(start);
            let otherwise = Compression::of(&block);
            assert!(!matches!(otherwise, Ok(None)), "{start:?}");
            block[CHKSUM].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[CHKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(Compression::of(&block).expect("an archive"), None, "{start:?}");
        }
        assert_eq!(Compression::of(b"").expect("may be an archive"), None);
    }

    #[test]
    fn archives_are_known_by_their_first_bytes() {
        let mut header = [0; MAGIC_LEN + 100];
        header[..4].copy_from_slice(b"name");
        header[CHKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        for (start, format) in [
            (&header[..], Some(ArchiveFormat::Tar)),
            (b"\x1f\x8b\x08", Some(ArchiveFormat::Compressed(Compression::Gzip))),
            (b"\x28\xb5\x2f\xfd", Some(ArchiveFormat::Compressed(Compression::Zstd))),
            (b"PK\x03\x04", Some(ArchiveFormat::Other("a zip archive"))),
            (b"\x04\x22\x4d\x18", Some(ArchiveFormat::Other("compressed by lz4"))),
            (NAR, Some(ArchiveFormat::Nar)),
            // An image may be replaced, and so may anything else.
            (b"hsqs", None),
            (&[0; 4096], None),
            (b"/nix/store/a-path\n", None),
            (b"", None),
        ] {
            assert_eq!(ArchiveFormat::of(start), format, "{}", start.escape_ascii());
        }
    }

    #[test]
    fn lzma_is_known_by_what_it_can_be() {
        let is_lzma = |bits: u8, dictionary: u32, len: u64| {
            let head = [&[bits][..], &dictionary.to_le_bytes(), &len.to_le_bytes()].concat();
            matches!(Compression::of(&head), Ok(Some(Compression::Lzma)))
        };
        for (bits, dictionary, len) in [
            (0x5d, 1 << 23, u64::MAX),
            (0x5e, 1 << 23, u64::MAX),
            (0x5d, 1 << 12, 7168),
            (0x5d, 3 << 24, (1 << 38) - 1),
            (0, u32::MAX, 0),
        ] {
            assert!(is_lzma(bits, dictionary, len), "{bits} {dictionary} {len}");
        }
        for (bits, dictionary, len) in [
            (225, 1 << 23, 0),
            (0x5d, 0, 0),
            (0x5d, 5 << 20, 0),
            (0x5d, 7 << 20, 0),
            (0x5d, 1 << 23, 1 << 38),
            (8, 1 << 23, 0),
        ] {
            assert!(!is_lzma(bits, dictionary, len), "{bits} {dictionary} {len}");
        }
        assert_eq!(Compression::of(b"]\0\0\x80\0").expect("may be an archive"), None);
    }
}
