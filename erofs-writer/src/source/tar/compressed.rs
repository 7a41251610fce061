//! Tar archives that may be compressed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Tar;
use crate::error::{Error, Result};
use crate::format::to_u64;
use crate::source::decode::{Compression, Decoder, MAGIC_LEN};
use crate::tree::FileId;

impl<'a> Tar<'a> {
    /// A source that reads the archive in the file `path`, which may be compressed in a
    /// format of [`Decoder`].
    ///
    /// A file that is not compressed is read as with [`open`](Tar::open). A file that
    /// is compressed, or that has no position, as a pipe, is read as a
    /// [`stream`](Tar::stream) whose contents are spooled to `spool_dir`.
    ///
    /// ```
    /// use erofs_writer::source::Tar;
    /// use erofs_writer::{ImageWriter, Options};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = dir.path().join("rootfs.tar.gz");
    /// # std::fs::write(&archive, [
    /// #     0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0x14, 0x8c,
    /// #     0x54, 0, 0, 0x2e, 0xaf, 0xb5, 0xef, 0, 4, 0, 0,
    /// # ])?;
    /// # let image = dir.path().join("rootfs.erofs");
    /// let tree = Tar::open_compressed(&archive, "/var/tmp")?.read()?;
    /// ImageWriter::new(Options::new()).write_path(&tree, &image)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened or read, or is known to be
    /// something other than a tar archive.
    pub fn open_compressed(path: impl AsRef<Path>, spool_dir: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        Tar::in_compressed_file(path, file, spool_dir)
    }

    /// A source that reads the archive in `file` from its position on, as
    /// [`open_compressed`](Tar::open_compressed) does. Messages name it `name`.
    ///
    /// # Errors
    /// As for [`open_compressed`](Tar::open_compressed).
    pub fn in_compressed_file(
        name: impl Into<PathBuf>,
        file: File,
        spool_dir: impl AsRef<Path>,
    ) -> Result<Self> {
        let name = name.into();
        let read = |error| Error::read(&name, error);
        let stat = file.metadata().map_err(read)?;
        let mut magic = Vec::new();
        (&file).take(to_u64(MAGIC_LEN)).read_to_end(&mut magic).map_err(read)?;
        let compression = Compression::of(&magic).map_err(read)?;
        if stat.is_file() && compression.is_none() {
            let back = i64::try_from(magic.len()).expect("a few");
            (&file).seek(SeekFrom::Current(-back)).map_err(read)?;
            return Tar::in_file(name, file);
        }
        let decoder = Decoder::after(magic, file, compression).map_err(read)?;
        let mut tar = Tar::stream(name, decoder, spool_dir);
        tar.compression = compression;
        tar.host_file = stat.is_file().then(|| FileId::of_metadata(&stat));
        Ok(tar)
    }

    /// The compression that [`open_compressed`](Tar::open_compressed) or
    /// [`in_compressed_file`](Tar::in_compressed_file) has found. None if there is
    /// none.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Refuses an index of a compressed archive.
    pub(super) fn check_index(&self) -> Result<()> {
        if !self.options.index || self.compression.is_none() {
            return Ok(());
        }
        let why = "is compressed; an index needs an archive that is not";
        Err(self.input.unreadable(io::Error::new(io::ErrorKind::InvalidData, why)))
    }
}
