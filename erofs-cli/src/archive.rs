//! Opening a tar archive or a NAR: a file or a stream, compressed or not.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use erofs_writer::Error;
use erofs_writer::source::{Compression, Nar, Tar};

/// The compression of an archive that the arguments name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// By gzip, or not at all.
    Gzip,
    /// By xz, or by its predecessors.
    Xz,
}

impl Said {
    /// The flag that says it.
    fn flag(self) -> &'static str {
        match self {
            Said::Gzip => "--ungzip",
            Said::Xz => "--unxz",
        }
    }

    fn fits(self, found: Option<Compression>) -> bool {
        match self {
            Said::Gzip => matches!(found, None | Some(Compression::Gzip)),
            Said::Xz => {
                matches!(found, Some(Compression::Xz | Compression::Lzma | Compression::Lzip))
            }
        }
    }
}

/// Opens the archive `path`; without one, or if that is `-`, standard input.
pub(crate) fn open<'a>(path: Option<&Path>, said: Option<Said>) -> Result<Tar<'a>, Error> {
    let path = path.filter(|path| *path != Path::new("-"));
    let name = path.unwrap_or(Path::new("standard input"));
    let read = |source| Error::Read { path: name.to_owned(), source };
    let archive = match path {
        Some(path) => Tar::open_compressed(path, env::temp_dir()),
        None => {
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(read)?;
            Tar::in_compressed_file(name, file, env::temp_dir())
        }
    }?;
    if let Some(said) = said.filter(|said| !said.fits(archive.compression())) {
        let found = match archive.compression() {
            Some(found) => format!("is compressed by {found}"),
            None => "is not compressed".to_owned(),
        };
        let why = format!("{found}, and {} says otherwise", said.flag());
        return Err(read(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    // The image is written once, so the spool need not keep what has been read.
    Ok(archive.empty_spool(true))
}

/// Opens the NAR or the export `path`; without one, or if that is `-`, standard input.
pub(crate) fn open_nar<'a>(path: Option<&Path>) -> Result<Nar<'a>, Error> {
    let path = path.filter(|path| *path != Path::new("-"));
    let nar = match path {
        Some(path) => Nar::open_compressed(path, env::temp_dir()),
        None => {
            let name = Path::new("standard input");
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            let file = file.map_err(|source| Error::Read { path: name.to_owned(), source })?;
            Nar::in_compressed_file(name, file, env::temp_dir())
        }
    }?;
    Ok(nar.empty_spool(true))
}
