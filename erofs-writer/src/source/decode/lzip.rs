//! Members of lzip. Each begins with a header and ends with a trailer.

use std::io::{self, Read};

use flate2::Crc;
use lzma_rust2::LzmaReader;

use super::stream::{DICTIONARY_MAX, Decode, Next, Stream, check_memory, invalid};
use crate::format::to_u64;

const MAGIC: &[u8; 4] = b"LZIP";
const HEADER_LEN: usize = 6;
const TRAILER_LEN: usize = 20;

/// A member that is being decoded.
pub(super) struct Member<'a> {
    reader: LzmaReader<Counted<'a>>,
    crc: Crc,
    len: u64,
}

/// Counts the bytes that are read.
struct Counted<'a> {
    stream: Stream<'a>,
    count: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.stream.read(buf)?;
        self.count += to_u64(len);
        Ok(len)
    }
}

impl Read for Member<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buf)?;
        self.crc.update(&buf[..len]);
        self.len += to_u64(len);
        Ok(len)
    }
}

/// Bytes after the last member that do not look like a damaged header are ignored, as
/// lzip does.
impl<'a> Decode<'a> for Member<'a> {
    fn start(mut stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>> {
        let mut header = Vec::new();
        (&mut stream).take(6).read_to_end(&mut header)?;
        let same = header.iter().zip(MAGIC).filter(|(byte, magic)| byte == magic).count();
        let [b'L', b'Z', b'I', b'P', version, size] = header[..] else {
            let is_cut = !header.is_empty() && (&header[..] == MAGIC || MAGIC.starts_with(&header));
            return match is_first || is_cut || (header.len() == HEADER_LEN && same > 1) {
                true => Err(invalid("has a damaged lzip header, or is truncated there")),
                false => Ok(Next::End(stream)),
            };
        };
        if version != 1 {
            return Err(invalid(format!("is compressed by version {version} of lzip")));
        }
        // The dictionary is a power of two, less some sixteenths of it.
        let power = u32::from(size & 0x1f);
        if !(12..=29).contains(&power) {
            return Err(invalid("has a damaged lzip header"));
        }
        let dictionary = (1_u32 << power) - (1_u32 << (power - 4)) * u32::from(size >> 5);
        check_memory("dictionary", u64::from(dictionary), DICTIONARY_MAX)?;
        let counted = Counted { stream, count: 0 };
        let reader = LzmaReader::new(counted, u64::MAX, 3, 0, 2, dictionary, None)?;
        Ok(Next::Decoder(Member { reader, crc: Crc::new(), len: 0 }))
    }

    fn into_rest(self) -> io::Result<Stream<'a>> {
        let (Counted { mut stream, count }, unused) = self.reader.into_parts();
        let count = count - to_u64(unused.len());
        stream.give_back(unused);
        let mut trailer = [0; TRAILER_LEN];
        stream.read_exact(&mut trailer)?;
        let number = |at: usize| {
            let bytes = trailer[at..at + 8].try_into().expect("eight");
            u64::from_le_bytes(bytes)
        };
        let crc = u32::from_le_bytes(trailer[..4].try_into().expect("four"));
        let around = to_u64(HEADER_LEN + TRAILER_LEN);
        match (crc, number(4), number(12)) == (self.crc.sum(), self.len, count + around) {
            true => Ok(stream),
            false => {
                Err(invalid("is damaged: the checksum or the length of a member of lzip is wrong"))
            }
        }
    }
}
