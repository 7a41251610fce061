//! Frames of zstd, some of which are skipped.

use std::io::{self, Cursor, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::stream::{Decode, Next, Stream, check_memory, invalid, next_byte};
use crate::format::to_u64;
use crate::zstd_header::{Header, MAGIC};

const LZ4: u32 = 0x184d_2204;
const SKIPPED: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;

/// The longest window of a frame, in bytes. The decoder keeps that many decoded bytes
/// in memory. The zstd program refuses longer ones by default, too.
const WINDOW_MAX: u64 = 128 << 20;

/// A frame that is being decoded.
pub(super) struct Frame<'a> {
    decoder: FrameDecoder,
    stream: Stream<'a>,
    /// The number of decoded bytes in its header, if there is one.
    len: Option<u64>,
    /// The number of bytes that have been decoded.
    decoded: u64,
}

impl<'a> Decode<'a> for Frame<'a> {
    fn start(mut stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>> {
        let mut is_first = is_first;
        loop {
            if !is_first && next_byte(&mut stream)?.is_none() {
                return Ok(Next::End(stream));
            }
            is_first = false;
            let mut number = [0; 4];
            stream.read_exact(&mut number)?;
            let magic = u32::from_le_bytes(number);
            if SKIPPED.contains(&magic) {
                stream.read_exact(&mut number)?;
                let len = u64::from(u32::from_le_bytes(number));
                if io::copy(&mut (&mut stream).take(len), &mut io::sink())? < len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            } else if magic == MAGIC {
                break;
            } else if magic == LZ4 {
                // lz4 uses the same magic numbers for skipped frames.
                return Err(invalid("is compressed by lz4, which cannot be read here"));
            } else {
                return Err(invalid("has data that is not a zstd frame"));
            }
        }
        let header = Header::read(&mut stream)?;
        if header.dictionary != 0 {
            let why =
                format!("needs the zstd dictionary {}, which it does not have", header.dictionary);
            return Err(invalid(why));
        }
        check_memory("window", header.window, WINDOW_MAX)?;
        let mut decoder = FrameDecoder::new();
        decoder.init(Cursor::new(header.bytes)).map_err(io::Error::other)?;
        Ok(Next::Decoder(Frame { decoder, stream, len: header.len, decoded: 0 }))
    }

    fn into_rest(self) -> io::Result<Stream<'a>> {
        let said = self.decoder.get_checksum_from_data();
        if said.is_some() && said != self.decoder.get_calculated_checksum() {
            return Err(invalid("is damaged: the checksum of a frame of zstd is wrong"));
        }
        if self.len.is_some_and(|len| len != self.decoded) {
            return Err(invalid("is damaged: the length of a frame of zstd is wrong"));
        }
        Ok(self.stream)
    }
}

impl Read for Frame<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let one = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder.decode_blocks(&mut self.stream, one).map_err(io::Error::other)?;
        }
        let len = self.decoder.read(buf)?;
        self.decoded += to_u64(len);
        Ok(len)
    }
}
