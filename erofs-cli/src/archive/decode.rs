//! Decoders of compressed archives, of which each may have several streams, one
//! behind the other.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::LzmaReader;

use super::Stream;
use super::format::Format;
use super::lzip::Member;
use super::xz::XzStreams;
use super::zstd::Frame;

/// A decoder of the family of xz that needs a longer dictionary is refused: it
/// has that much memory at once, whatever it decodes. The levels of xz and lzip
/// need up to 64 MiB.
pub(super) const DICTIONARY_MAX: u64 = 256 << 20;

/// A decoder of one stream.
pub(super) trait Decoder: Read + Sized {
    /// A decoder of what comes next in `stream`, which is the first one or one
    /// behind others; none at the end, and `stream` again.
    fn start(stream: Stream, is_first: bool) -> io::Result<Next<Self>>;

    /// What is left behind the stream that has been decoded.
    fn into_rest(self) -> io::Result<Stream>;
}

/// What comes next.
pub(super) enum Next<D> {
    Decoder(D),
    End(Stream),
}

/// Streams, one behind the other.
enum Streams<D> {
    Between(Stream, bool),
    Within(D),
    /// And for the moment of a change.
    Ended,
}

/// Decodes `stream`.
pub(super) fn decoded(format: Format, stream: Stream) -> io::Result<Box<dyn Read + Send>> {
    Ok(match format {
        Format::Tar => Box::new(stream),
        Format::Gzip => Box::new(Streams::<GzDecoder<Stream>>::Between(stream, true)),
        Format::Bzip2 => Box::new(Streams::<BzDecoder<Stream>>::Between(stream, true)),
        Format::Xz => Box::new(XzStreams::new(stream)),
        Format::Lzma => Box::new(Streams::<LzmaReader<Stream>>::Between(stream, true)),
        Format::Lzip => Box::new(Streams::<Member>::Between(stream, true)),
        Format::Zstd => Box::new(Streams::<Frame>::Between(stream, true)),
    })
}

impl<D: Decoder> Read for Streams<D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(self, Streams::Ended) {
                Streams::Ended => return Ok(0),
                Streams::Between(stream, is_first) => match D::start(stream, is_first)? {
                    Next::Decoder(decoder) => *self = Streams::Within(decoder),
                    Next::End(mut stream) => {
                        // Who writes this is not to fail.
                        io::copy(&mut stream, &mut io::sink())?;
                    }
                },
                Streams::Within(mut decoder) => match decoder.read(buf)? {
                    0 => *self = Streams::Between(decoder.into_rest()?, false),
                    len => {
                        *self = Streams::Within(decoder);
                        return Ok(len);
                    }
                },
            }
        }
    }
}

pub(super) fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

/// Refuses a stream that needs too long a dictionary, or window.
pub(super) fn check_memory(what: &str, needed: u64, most: u64) -> io::Result<()> {
    if needed <= most {
        return Ok(());
    }
    Err(invalid(format!(
        "needs {} MiB of memory for its {what}, but at most {} are allowed",
        needed.div_ceil(1 << 20),
        most >> 20
    )))
}

/// The next byte, which is not passed; none at the end.
pub(super) fn next_byte(stream: &mut Stream) -> io::Result<Option<u8>> {
    loop {
        match stream.fill_buf() {
            Ok(bytes) => return Ok(bytes.first().copied()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Streams of gzip may have zeros behind them, as on tapes.
impl Decoder for GzDecoder<Stream> {
    fn start(mut stream: Stream, is_first: bool) -> io::Result<Next<Self>> {
        let Some(next) = next_byte(&mut stream)? else { return Ok(Next::End(stream)) };
        if is_first || next != 0 {
            return Ok(Next::Decoder(GzDecoder::new(stream)));
        }
        while next_byte(&mut stream)?.is_some() {
            let zeros = stream.buffer().iter().take_while(|byte| **byte == 0).count();
            if zeros == 0 {
                return Err(invalid("has data after its end that is not gzip"));
            }
            stream.consume(zeros);
        }
        Ok(Next::End(stream))
    }

    fn into_rest(self) -> io::Result<Stream> {
        Ok(self.into_inner())
    }
}

/// What is behind the first stream, and is none, bzip2 passes over.
impl Decoder for BzDecoder<Stream> {
    fn start(mut stream: Stream, is_first: bool) -> io::Result<Next<Self>> {
        match next_byte(&mut stream)? {
            Some(next) if is_first || next == b'B' => Ok(Next::Decoder(BzDecoder::new(stream))),
            _ => Ok(Next::End(stream)),
        }
    }

    fn into_rest(self) -> io::Result<Stream> {
        Ok(self.into_inner())
    }
}

/// There is one stream only.
impl Decoder for LzmaReader<Stream> {
    fn start(mut stream: Stream, is_first: bool) -> io::Result<Next<Self>> {
        if !is_first {
            return Ok(Next::End(stream));
        }
        let mut header = [0; 13];
        stream.read_exact(&mut header)?;
        let [props, a, b, c, d, len @ ..] = header;
        let (dictionary, len) = (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(len));
        check_memory("dictionary", u64::from(dictionary).min(len), DICTIONARY_MAX)?;
        LzmaReader::new_with_props(stream, len, props, dictionary, None).map(Next::Decoder)
    }

    fn into_rest(self) -> io::Result<Stream> {
        Ok(self.into_inner())
    }
}
