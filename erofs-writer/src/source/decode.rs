//! Decoders of compressed archives.

mod bzip2;
mod format;
mod gzip;
mod lzip;
mod lzma;
mod stream;
mod xz;
mod zstd;

use std::fmt;
use std::io::{self, Cursor, Read};

use ::bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::LzmaReader;

use crate::format::to_u64;

pub(super) use format::MAGIC_LEN;
pub use format::{ArchiveFormat, Compression};
use stream::{Stream, Streams};

/// The bytes that are read at a time.
const BUFFER_LEN: usize = 1 << 18;

/// A reader that decodes a tar archive, which may be compressed.
///
/// The format is found by the first bytes: gzip, bzip2, xz, lzma, lzip or zstd. An
/// archive that is not compressed passes unchanged. Other known formats, such as lz4 or
/// zip, are errors.
///
/// Several compressed streams, one after the other, make one archive. Checksums and
/// lengths are checked if the format has them, but only at the end of a stream. So read
/// to the end, as [`Tar`](crate::source::Tar) does.
///
/// **Bounds.** The dictionary of xz, lzma and lzip has at most 256 MiB, and the window
/// of zstd at most 128 MiB, as in the zstd program. A stream that needs more is refused
/// before the memory is allocated. The decoded length is not bounded: a few bytes can
/// stand for many gigabytes.
///
/// [`Tar::open_compressed`](crate::source::Tar::open_compressed) uses this. Errors are
/// those of the reader, or have the kind [`InvalidData`](io::ErrorKind::InvalidData)
/// or, as for a truncated stream, [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
///
/// ```
/// use erofs_writer::source::{Compression, Decoder, Tar};
/// use std::io::Cursor;
///
/// // An empty archive, compressed by gzip.
/// let bytes = [
///     0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0x14, 0x8c, 0x54,
///     0, 0, 0x2e, 0xaf, 0xb5, 0xef, 0, 4, 0, 0,
/// ];
/// let decoder = Decoder::new(Cursor::new(bytes))?;
/// assert_eq!(decoder.compression(), Some(Compression::Gzip));
/// let tree = Tar::stream("layer", decoder, "/var/tmp").read()?;
/// assert_eq!(tree.walk().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder<'a> {
    compression: Option<Compression>,
    decoded: Box<dyn Read + Send + 'a>,
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl<'a> Decoder<'a> {
    /// Makes a decoder, and reads the first bytes of `reader`. A `reader` without a
    /// buffer is fine.
    ///
    /// # Errors
    /// Any error of `reader`, or [`InvalidData`](io::ErrorKind::InvalidData) if it is
    /// known to be something other than a tar archive that can be read.
    pub fn new(mut reader: impl Read + Send + 'a) -> io::Result<Self> {
        let mut magic = Vec::new();
        (&mut reader).take(to_u64(MAGIC_LEN)).read_to_end(&mut magic)?;
        let compression = Compression::of(&magic)?;
        Decoder::after(magic, reader, compression)
    }

    /// A decoder of `reader`, whose first bytes `magic` have been read.
    pub(super) fn after(
        magic: Vec<u8>,
        reader: impl Read + Send + 'a,
        compression: Option<Compression>,
    ) -> io::Result<Self> {
        let whole: Box<dyn Read + Send + 'a> = Box::new(Cursor::new(magic).chain(reader));
        let stream = Stream::new(whole, BUFFER_LEN);
        Ok(Decoder { compression, decoded: decoded(compression, stream) })
    }

    /// The compression of the archive. None if it is not compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.decoded.read(buf)
    }
}

fn decoded<'a>(compression: Option<Compression>, stream: Stream<'a>) -> Box<dyn Read + Send + 'a> {
    match compression {
        None => Box::new(stream),
        Some(Compression::Gzip) => Box::new(Streams::<GzDecoder<Stream<'a>>>::new(stream)),
        Some(Compression::Bzip2) => Box::new(Streams::<BzDecoder<Stream<'a>>>::new(stream)),
        Some(Compression::Xz) => Box::new(xz::XzStreams::new(stream)),
        Some(Compression::Lzma) => Box::new(Streams::<LzmaReader<Stream<'a>>>::new(stream)),
        Some(Compression::Lzip) => Box::new(Streams::<lzip::Member<'a>>::new(stream)),
        Some(Compression::Zstd) => Box::new(Streams::<zstd::Frame<'a>>::new(stream)),
    }
}
