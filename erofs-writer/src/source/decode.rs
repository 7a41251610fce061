//! Compressed archives, read as streams.

mod bzip2;
mod format;
mod gzip;
mod lzip;
mod lzma;
mod stream;
mod xz;
mod zstd;

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};

use ::bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::LzmaReader;

use crate::format::to_u64;

pub use format::Compression;
pub(super) use format::MAGIC_LEN;
use stream::{Stream, Streams};

/// So much is read at a time.
const BUFFER_LEN: usize = 1 << 18;

/// Reads a tar archive that may be compressed, and gives it as it was before that.
///
/// How it is compressed is found by its first bytes: by gzip, bzip2, xz, lzma, lzip
/// or zstd. An archive that is not compressed passes unchanged. One in another form
/// that is known, as lz4 or zip, is an error.
///
/// Several streams, one after the other, are one archive. Checksums and lengths are
/// checked wherever a format has them, when the stream ends: so read it to its end,
/// as [`Tar`](crate::source::Tar) does.
///
/// Bounds: xz, lzma and lzip may need a dictionary of up to 256 MiB, and zstd a
/// window of up to 128 MiB, as the zstd program allows. What needs more is an error
/// before the memory is taken. How much there is to read is up to the caller: a few
/// bytes can stand for many gigabytes.
///
/// [`Tar::open_compressed`](crate::source::Tar::open_compressed) is made of it.
/// Errors are those of the reader, or of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData) or
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof); a truncated stream is one.
///
/// ```
/// use erofs_writer::source::{Compression, Decoder, Tar};
/// use std::io::Cursor;
///
/// // An empty archive, compressed by gzip.
/// let bytes = [
///     0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0xb8, 2, 0, 0x2e,
///     0xaf, 0xb5, 0xef, 0, 4, 0, 0,
/// ];
/// let decoder = Decoder::new(Cursor::new(bytes))?;
/// assert_eq!(decoder.compression(), Some(Compression::Gzip));
/// let tree = Tar::stream("layer", decoder, "/var/tmp").read()?;
/// assert_eq!(tree.walk().count(), 1);
/// # Ok::<(), erofs_writer::Error>(())
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
    /// Reads the first bytes of `reader`, which needs no buffer of its own.
    ///
    /// # Errors
    /// What `reader` says, or [`InvalidData`](io::ErrorKind::InvalidData) if it is
    /// known to be something else than a tar archive that can be read.
    pub fn new(mut reader: impl Read + Send + 'a) -> io::Result<Self> {
        let mut magic = Vec::new();
        (&mut reader).take(to_u64(MAGIC_LEN)).read_to_end(&mut magic)?;
        let compression = Compression::of(&magic)?;
        Decoder::after(magic, reader, compression)
    }

    /// The same for one whose first bytes have been read.
    pub(super) fn after(
        magic: Vec<u8>,
        reader: impl Read + Send + 'a,
        compression: Option<Compression>,
    ) -> io::Result<Self> {
        let whole: Box<dyn Read + Send + 'a> = Box::new(Cursor::new(magic).chain(reader));
        let stream = BufReader::with_capacity(BUFFER_LEN, whole);
        Ok(Decoder { compression, decoded: decoded(compression, stream) })
    }

    /// How the archive is compressed, if it is.
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
