//! Opening a tar archive: a file or a stream, compressed or not.

mod decode;
mod format;
mod lzip;
mod xz;
mod zstd;

use std::env;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;

use erofs_writer::Error;
use erofs_writer::source::Tar;

use format::{Format, MAGIC_LEN};

/// The compression of an archive that the arguments name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// By gzip, or not at all.
    Gzip,
    /// By xz, or by its predecessors.
    Xz,
}

/// How many bytes are read at a time.
const BUFFER_LEN: usize = 1 << 18;

/// The bytes of an archive as they are read, before they are decoded.
type Stream = BufReader<Chain<Cursor<Vec<u8>>, File>>;

/// Opens the archive `path`; without one, or if that is `-`, standard input.
///
/// An uncompressed file is read in place, anything else as a stream. With `index`,
/// contents stay in the archive, so it must not be compressed.
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
    let wrong = |why: &str| read(io::Error::new(io::ErrorKind::InvalidData, why));
    let format = Format::of(&magic).map_err(|other| wrong(&other))?;
    if !format.fits(said) {
        return Err(wrong("is not compressed in the way that was named"));
    }
    if index && format != Format::Tar {
        return Err(wrong("is compressed; an index needs an archive that is not"));
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
    let stream = decode::decoded(format, stream).map_err(read)?;
    // The image is written once, so the spool need not keep what has been read.
    Ok(Tar::stream(name, stream, env::temp_dir()).empty_spool(true).index(index))
}

/// The first bytes of `bytes` when they are decoded, `most` at most.
pub(crate) fn decoded(bytes: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let magic = &bytes[..bytes.len().min(MAGIC_LEN)];
    let format = Format::of(magic).map_err(decode::invalid)?;
    let nothing_more = File::open("/dev/null")?;
    let stream = Cursor::new(bytes.to_vec()).chain(nothing_more);
    let mut out = Vec::new();
    let stream = BufReader::with_capacity(BUFFER_LEN, stream);
    decode::decoded(format, stream)?.take(most).read_to_end(&mut out)?;
    Ok(out)
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    file.take(u64::try_from(MAGIC_LEN).expect("a few")).read_to_end(&mut magic)?;
    Ok(magic)
}
