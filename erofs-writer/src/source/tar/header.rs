//! The header of a member: a block of fields, most of which are octal numbers.

use std::ops::Range;

use crate::error::TarErrorKind;

/// The length of a block in bytes. Archives consist of blocks.
pub(super) const BLOCK_LEN: usize = 512;

/// A block of an archive.
pub(super) type Block = [u8; BLOCK_LEN];

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHKSUM: Range<usize> = 148..156;
const TYPEFLAG: usize = 156;
const LINKNAME: Range<usize> = 157..257;
/// The magic of POSIX, with its NUL. That of GNU has a blank in its place.
const MAGIC: Range<usize> = 257..263;
const DEVMAJOR: Range<usize> = 329..337;
const DEVMINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// The mark of star's own format. In it, the prefix is shorter and followed by times.
const STAR: (Range<usize>, &[u8; 4]) = (508..512, b"tar\0");
const STAR_PREFIX: Range<usize> = 345..476;

/// A header whose checksum is right.
#[derive(Debug)]
pub(super) struct Header<'a>(&'a Block);

impl<'a> Header<'a> {
    pub(super) fn new(block: &'a Block) -> Result<Self, TarErrorKind> {
        let header = Header(block);
        let wanted = number(&block[CHKSUM]).ok_or(TarErrorKind::Checksum)?;
        let bytes = block.iter().enumerate();
        let bytes = bytes.map(|(at, byte)| if CHKSUM.contains(&at) { b' ' } else { *byte });
        // Some old programs added signed bytes.
        let unsigned: i64 = bytes.clone().map(i64::from).sum();
        let signed: i64 = bytes.map(|byte| i64::from(i8::from_ne_bytes([byte]))).sum();
        match wanted == unsigned || wanted == signed {
            true => Ok(header),
            false => Err(TarErrorKind::Checksum),
        }
    }

    /// Whether `block` is a header.
    pub(super) fn is(block: &Block) -> bool {
        Header::new(block).is_ok()
    }

    /// The whole block, for fields that only some formats have.
    pub(super) fn block(&self) -> &'a Block {
        self.0
    }

    pub(super) fn typeflag(&self) -> u8 {
        self.0[TYPEFLAG]
    }

    /// The path of the member: its prefix, if the format has one, and its name.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(&self.0[NAME]);
        let prefix = match &self.0[MAGIC] == b"ustar\0" {
            true if self.0[STAR.0] == *STAR.1 => text(&self.0[STAR_PREFIX]),
            true => text(&self.0[PREFIX]),
            false => &[],
        };
        match prefix.is_empty() {
            true => name.to_vec(),
            false => [prefix, name].join(&b'/'),
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.0[LINKNAME]).to_vec()
    }

    /// The length of the member's body in the archive, in bytes.
    pub(super) fn size(&self) -> Result<u64, TarErrorKind> {
        self.number(SIZE, "size")
    }

    /// The permissions. Bits for the type of the file are ignored.
    pub(super) fn mode(&self) -> Result<u16, TarErrorKind> {
        let mode: u64 = self.number(MODE, "mode")?;
        Ok(u16::try_from(mode & 0o7777).expect("12 bits"))
    }

    pub(super) fn uid(&self) -> Result<u32, TarErrorKind> {
        self.number(UID, "user")
    }

    pub(super) fn gid(&self) -> Result<u32, TarErrorKind> {
        self.number(GID, "group")
    }

    /// The time of the last modification, in seconds since 1970.
    pub(super) fn mtime(&self) -> Result<i64, TarErrorKind> {
        self.number(MTIME, "time")
    }

    pub(super) fn device(&self) -> Result<(u32, u32), TarErrorKind> {
        let number = |range| self.number(range, "device number");
        Ok((number(DEVMAJOR)?, number(DEVMINOR)?))
    }

    fn number<N: TryFrom<i64>>(
        &self,
        range: Range<usize>,
        field: &'static str,
    ) -> Result<N, TarErrorKind> {
        let number = number(&self.0[range]).and_then(|number| N::try_from(number).ok());
        number.ok_or(TarErrorKind::Number { field })
    }
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The number in a field. None if it is not a number, or does not fit. Usually a field
/// has octal digits up to a blank or a NUL, and an empty one stands for zero. If the
/// first bit is set, the field is a binary number in two's complement, which has room
/// for large ones. If the field before was too long, its final NUL comes before the
/// digits.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // The next bit is the sign.
        let start = i64::from(first & 0x3f) - i64::from(first & 0x40);
        return rest
            .iter()
            .try_fold(start, |number, byte| Some(number.checked_mul(256)? + i64::from(*byte)));
    }
    let field =
        if *first == 0 && rest.first().is_some_and(u8::is_ascii_digit) { rest } else { field };
    let digits = text(field).trim_ascii_start();
    let digits = digits.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    digits.iter().try_fold(0_i64, |number, byte| match byte {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777"), Some(0o77_777_777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x000000644"), Some(0o644));
        assert_eq!(number(b"644 x\0\0\0"), Some(0o644));
        assert_eq!(number(b"0000648\0"), None);
        assert_eq!(number(b"+000644\0"), None);
        assert_eq!(number(b"-000644\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\x01\x02"), Some(258));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"), Some(-256));
        assert_eq!(number(b"\x80\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), Some(i64::MAX));
    }
}
