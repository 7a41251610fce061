//! The header of a frame of zstd (RFC 8878, 3.1.1.1).

use std::io::{self, Read};

/// The number that a frame begins with.
pub(crate) const MAGIC: u32 = 0xfd2f_b528;

/// The header before the blocks of a frame.
#[derive(Debug)]
pub(crate) struct Header {
    /// All of it, with the magic number.
    pub(crate) bytes: Vec<u8>,
    /// How far matches reach at most, in bytes.
    pub(crate) window: u64,
    /// The number of the dictionary that it needs, 0 if it needs none.
    pub(crate) dictionary: u32,
    /// How many bytes the frame decodes to, if it says so.
    pub(crate) len: Option<u64>,
}

impl Header {
    /// Reads the header after the magic number.
    pub(crate) fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        let mut field = |len: usize| -> io::Result<u64> {
            let mut field = [0; 8];
            stream.read_exact(&mut field[..len])?;
            bytes.extend_from_slice(&field[..len]);
            Ok(u64::from_le_bytes(field))
        };
        let descriptor = field(1)?;
        let is_one_segment = descriptor & 0x20 != 0;
        let window = if is_one_segment { 0 } else { field(1)? };
        let dictionary = field(match descriptor & 3 {
            3 => 4,
            len => usize::try_from(len).expect("two bits"),
        })?;
        let len_len = match descriptor >> 6 {
            0 => usize::from(is_one_segment),
            power => 1 << power,
        };
        let len = field(len_len)? + if len_len == 2 { 256 } else { 0 };
        let base = 1_u64 << (10 + (window >> 3));
        Ok(Header {
            bytes,
            window: if is_one_segment { len } else { base + base / 8 * (window & 7) },
            dictionary: u32::try_from(dictionary).expect("four bytes"),
            len: (len_len > 0).then_some(len),
        })
    }
}
