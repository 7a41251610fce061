//! Decoders of compressed archives. An archive may have several streams, one after the
//! other.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::LzmaReader;

use super::Stream;
use super::format::Format;
use super::lzip::Member;
use super::xz::XzStreams;
use super::zstd::Frame;

/// The longest dictionary of a decoder of the xz family. Longer ones are refused: a
/// decoder allocates its dictionary at once, whatever it decodes. The levels of xz and
/// lzip need up to 64 MiB.
pub(super) const DICTIONARY_MAX: u64 = 256 << 20;

/// A decoder of one stream.
pub(super) trait Decoder: Read + Sized {
    /// The decoder of the next stream in `stream`, or `stream` itself at the end.
    /// `is_first` tells whether it is the first one.
    fn start(stream: Stream, is_first: bool) -> io::Result<Next<Self>>;

    /// The bytes that are left after the stream that has been decoded.
    fn into_rest(self) -> io::Result<Stream>;
}

/// The next decoder, or the end.
pub(super) enum Next<D> {
    Decoder(D),
    End(Stream),
}

/// Streams, one after the other.
enum Streams<D> {
    Between(Stream, bool),
    Within(D),
    /// Also the state while another one is being replaced.
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
                        // The rest is read, so that the process that writes it does not
                        // fail.
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

/// Refuses a stream that needs a dictionary or window that is too long.
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

/// The next byte, which stays in the stream; `None` at the end.
pub(super) fn next_byte(stream: &mut Stream) -> io::Result<Option<u8>> {
    loop {
        match stream.fill_buf() {
            Ok(bytes) => return Ok(bytes.first().copied()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Streams of gzip may have zeros after them, as on tapes.
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

/// bzip2 ignores bytes after the first stream that are not a stream.
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

/// An archive has only one stream.
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
