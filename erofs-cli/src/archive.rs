//! Opening a tar archive: a file or a stream, compressed or not.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;

use erofs_writer::Error;
use erofs_writer::source::Tar;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::{LzipReader, LzmaReader, XzReader};
use ruzstd::decoding::StreamingDecoder;

/// How an archive is said to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// By gzip, or not at all.
    Gzip,
    /// By xz, or by its predecessors.
    Xz,
}

/// How an archive turns out to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Tar,
    Gzip,
    Xz,
    Lzma,
    Lzip,
    Zstd,
}

/// So many bytes tell the format.
const MAGIC_LEN: usize = 6;
/// A decoder of the family of xz that needs more memory is refused, in KiB.
const MEMORY_MAX: u32 = 1 << 20;
/// So much is read at a time.
const BUFFER_LEN: usize = 1 << 18;

impl Format {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Format::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Format::Xz,
            [b'L', b'Z', b'I', b'P', 1, ..] => Format::Lzip,
            [0x5d, 0, 0, ..] => Format::Lzma,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Format::Zstd,
            _ => Format::Tar,
        }
    }

    fn fits(self, said: Option<Compression>) -> bool {
        match said {
            None => true,
            Some(Compression::Gzip) => matches!(self, Format::Gzip | Format::Tar),
            Some(Compression::Xz) => matches!(self, Format::Xz | Format::Lzma | Format::Lzip),
        }
    }
}

/// The archive `path`; without one, or if that is `-`, standard input.
///
/// An uncompressed file is read in place, anything else as a stream. With
/// `index`, contents stay where they are, so that it must not be compressed.
pub(crate) fn open<'a>(
    path: Option<&Path>,
    said: Option<Compression>,
    index: bool,
) -> Result<Tar<'a>, Error> {
    let path = path.filter(|path| *path != Path::new("-"));
    let name = path.unwrap_or(Path::new("standard input"));
    let read = |source| Error::Read { path: name.to_owned(), source };
    let mut file = match path {
        Some(path) => File::open(path),
        None => io::stdin().as_fd().try_clone_to_owned().map(File::from),
    }
    .map_err(read)?;
    let is_file = file.metadata().map_err(read)?.is_file();
    let magic = first_bytes(&mut file).map_err(read)?;
    let format = Format::of(&magic);
    if !format.fits(said) {
        let why = "is not compressed as it is said to be";
        return Err(read(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    if index && format != Format::Tar {
        let why = "is compressed, and an index can only lead into an archive that is not";
        return Err(read(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    if is_file && format == Format::Tar {
        let Some(path) = path else {
            file.seek(SeekFrom::Current(-i64::try_from(magic.len()).expect("a few")))
                .map_err(read)?;
            return Ok(Tar::in_file(name, file)?.index(index));
        };
        return Ok(Tar::open(path)?.index(index));
    }
    let stream = BufReader::with_capacity(BUFFER_LEN, Cursor::new(magic).chain(file));
    let stream = decoded(format, stream).map_err(read)?;
    // The image is written once.
    Ok(Tar::stream(name, stream, env::temp_dir()).empty_spool(true).index(index))
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    file.take(u64::try_from(MAGIC_LEN).expect("a few")).read_to_end(&mut magic)?;
    Ok(magic)
}

type Stream = BufReader<Chain<Cursor<Vec<u8>>, File>>;

fn decoded(format: Format, stream: Stream) -> io::Result<Box<dyn Read>> {
    Ok(match format {
        Format::Tar => Box::new(stream),
        Format::Gzip => Box::new(MultiGzDecoder::new(stream)),
        Format::Xz => Box::new(XzReader::new(stream, true)),
        Format::Lzma => Box::new(LzmaReader::new_mem_limit(stream, MEMORY_MAX, None)?),
        Format::Lzip => Box::new(LzipReader::new(stream)),
        Format::Zstd => Box::new(Frames::Between(stream)),
    })
}

/// The frames of a zstd stream, one behind the other.
enum Frames {
    Between(Stream),
    Within(Box<StreamingDecoder<Stream, ruzstd::decoding::FrameDecoder>>),
    /// For the moment of a change.
    Nowhere,
}

impl Read for Frames {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(self, Frames::Nowhere) {
                Frames::Nowhere => return Ok(0),
                Frames::Between(mut stream) => {
                    if stream.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let decoder = StreamingDecoder::new(stream).map_err(io::Error::other)?;
                    *self = Frames::Within(Box::new(decoder));
                }
                Frames::Within(mut decoder) => match decoder.read(buf)? {
                    0 if !buf.is_empty() => *self = Frames::Between(decoder.into_inner()),
                    len => {
                        *self = Frames::Within(decoder);
                        return Ok(len);
                    }
                },
            }
        }
    }
}
