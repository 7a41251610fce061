//! A tree from a tar archive: ustar, GNU or pax.

mod assemble;
#[cfg(feature = "decoders")]
mod compressed;
mod header;
mod input;
mod members;
mod pax;
mod sparse;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::observer::Conduct;
use crate::pool::Threads;
use crate::source::candidate::{Candidate, Keep};
#[cfg(feature = "decoders")]
use crate::source::decode::Compression;
use crate::source::hard_links::HardLinks;
use crate::source::setters;
use crate::tree::{FileId, Tree};

use assemble::{Assembly, Refusal};
use input::{Input, Watch};
use members::Members;

/// Reads a tar archive into a [`Tree`].
///
/// Long names and links, extended attributes, times with fractions, sparse files and
/// large numbers are read in the formats of POSIX, GNU tar, bsdtar and star. Of several
/// members with one name, the last one counts. Members may come in any order, but a
/// hard link must come after its target. Directories without a member of their own have
/// the mode 0755, and owner and time of their parent. A root without a member has owner
/// 0 and the time 0.
///
/// An archive ends at a block of zeros, or at the end of its bytes between two members.
/// It is an error if it ends within a member.
///
/// **Bodies.** The body of a file, or of a list of names by GNU tar, is as long as its
/// header says. Symlinks, devices, fifos and directories have no body, whatever the
/// header says. For hard links, some programs write the size of the file and no body,
/// and others write both: there is a body if neither a header nor the end of the
/// archive follows at once. The same is true for directories of old archives, which are
/// files whose names end in a slash.
///
/// **Bounds.** A path has at most 64 KiB and 2,048 directories, and leads through at
/// most 4,096 names, including those in targets of symlinks. All paths together lead
/// through at most 65,536 names in targets of symlinks, and 64 more for each member.
/// The metadata before a member has at most 16 MiB. At most 128 records with 256 KiB
/// hold for all members that follow. Members with the same extended attributes share
/// them. So the memory is proportional to the length of the archive.
pub struct Tar<'a> {
    input: Input<'a>,
    options: Options<'a>,
    /// The identity of the archive, if it is a file of the host.
    host_file: Option<FileId>,
    #[cfg(feature = "decoders")]
    compression: Option<Compression>,
    conduct: Conduct<'a>,
}

struct Options<'a> {
    hard_links: HardLinks,
    xattrs: bool,
    strip_case_hack: bool,
    converts_aufs: bool,
    empties_spool: bool,
    index: bool,
    keep: Option<Box<Keep<'a>>>,
}

impl std::fmt::Debug for Tar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tar").field("host_file", &self.host_file).finish_non_exhaustive()
    }
}

impl<'a> Tar<'a> {
    /// A source that reads the archive in the file `path`, which must not be
    /// compressed. Contents stay in the file until the image is written, and must not
    /// change before that.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        Tar::in_file(path, file)
    }

    /// A source that reads the archive in `file` from its position on, as
    /// [`open`](Tar::open) does. Messages name it `name`.
    ///
    /// # Errors
    /// [`Error::Read`] if `file` has no position, as a pipe.
    pub fn in_file(name: impl Into<PathBuf>, mut file: File) -> Result<Self> {
        let name = name.into();
        let start = file.stream_position().map_err(|error| Error::read(&name, error))?;
        let stat = file.metadata().map_err(|error| Error::read(&name, error))?;
        let mut tar = Tar::new(Input::file(name, file, start)?);
        tar.host_file = Some(FileId::of_metadata(&stat));
        Ok(tar)
    }

    /// A source that reads the archive, which must not be compressed, from `reader`.
    /// Contents are spooled to files without a name in `spool_dir`, where they take as
    /// much room as in the archive. Those of an [`index`](Tar::index) are not spooled.
    /// Messages name the archive `name`.
    pub fn stream(
        name: impl Into<PathBuf>,
        reader: impl Read + Send + 'a,
        spool_dir: impl AsRef<Path>,
    ) -> Self {
        Tar::new(Input::stream(name.into(), Box::new(reader), spool_dir.as_ref()))
    }

    fn new(input: Input<'a>) -> Self {
        let options = Options {
            hard_links: HardLinks::default(),
            xattrs: true,
            strip_case_hack: false,
            converts_aufs: false,
            empties_spool: false,
            index: false,
            keep: None,
        };
        Tar {
            input,
            options,
            host_file: None,
            #[cfg(feature = "decoders")]
            compression: None,
            conduct: Conduct::default(),
        }
    }

    /// How hard links are handled. Default: [`HardLinks::Keep`].
    #[must_use]
    pub fn hard_links(mut self, policy: HardLinks) -> Self {
        self.options.hard_links = policy;
        self
    }

    /// Whether extended attributes of members are read. Default: yes.
    #[must_use]
    pub fn xattrs(mut self, on: bool) -> Self {
        self.options.xattrs = on;
        self
    }

    /// As [`Directory::strip_case_hack`](crate::source::Directory::strip_case_hack).
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.options.strip_case_hack = on;
        self
    }

    /// Whether the marks of aufs, which layers of containers have, are converted to
    /// those of overlayfs: `.wh.NAME` to a whiteout of NAME, and `.wh..wh..opq` to an
    /// opaque directory. Default: no.
    #[must_use]
    pub fn convert_aufs(mut self, on: bool) -> Self {
        self.options.converts_aufs = on;
        self
    }

    /// Whether spooled contents of a stream are freed as soon as they have been written
    /// to an image that is not compressed, so that they need not go to the disk. The
    /// tree can then be written only once. Default: no.
    #[must_use]
    pub fn empty_spool(mut self, on: bool) -> Self {
        self.options.empties_spool = on;
        self
    }

    /// Whether contents stay in the archive, so that an image of the tree is an
    /// index of it (Linux 6.4). Default: no.
    ///
    /// The archive is then an extra device of the image. It can be given to the mount
    /// with `-o device=ARCHIVE`. The image and the archive must then be block devices,
    /// or since Linux 6.12, may be files. Or the archive can be appended to the image,
    /// so that the two are one file. The archive must not be compressed, and the image
    /// must have blocks of 512 bytes
    /// ([`Options::block_size`](crate::Options::block_size)), since files in an archive
    /// start at multiples of that. The runs of sparse files must start there, too.
    ///
    /// Contents are skipped, and if the archive is a file, they are not even read.
    /// Contents of a stream are lost when the tree has been read. They do not change
    /// the image, nor a UUID that is derived from it.
    ///
    /// ```no_run
    /// use erofs_writer::source::Tar;
    /// use erofs_writer::{BlockSize, ImageWriter, Options};
    ///
    /// let tree = Tar::open("layer.tar")?.index(true).read()?;
    /// let options = Options::new().block_size(BlockSize::new(512)?);
    /// ImageWriter::new(options).write_path(&tree, "layer.erofs")?;
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    #[must_use]
    pub fn index(mut self, on: bool) -> Self {
        self.options.index = on;
        self
    }

    /// Keeps only entries for which `keep` returns `true`. With a directory, all
    /// entries in it are removed. Default: everything is kept.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    setters::events!('a);

    /// Reads the archive to its end, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Read`] if the archive cannot be read, [`Error::Tar`] if it is not a tar
    /// archive or is truncated, [`Error::Tree`] if an image cannot have a member,
    /// [`Error::Write`] if contents cannot be spooled, [`Error::Full`] if there are too
    /// many inodes, and [`Error::Cancelled`] if reading was cancelled.
    pub fn read(mut self) -> Result<Tree> {
        #[cfg(feature = "decoders")]
        self.check_index()?;
        let observer = &self.conduct.observer();
        observer.scan_bytes()?;
        let total = self.input.len().unwrap_or_default();
        observer.watch(&Threads::Caller, total, |report| {
            let input = self.input.watched(Watch { stop: observer, report });
            build(input, self.options, self.host_file)
        })
    }
}

/// Builds a tree from the archive in `input`.
fn build(mut input: Input<'_>, options: Options<'_>, host_file: Option<FileId>) -> Result<Tree> {
    let Options { hard_links, xattrs, strip_case_hack, converts_aufs, .. } = options;
    let Options { empties_spool, index, keep, .. } = options;
    input.keep_contents(index);
    let mut assembly = Assembly::new();
    assembly.hard_links = hard_links;
    assembly.strip_case_hack = strip_case_hack;
    assembly.converts_aufs = converts_aufs;
    let mut members = Members::new(input, xattrs);
    while let Some(member) = members.next()? {
        let offset = member.offset;
        assembly.put(member).map_err(|refusal| match refusal {
            Refusal::Member(kind) => members.error(offset, kind),
            Refusal::Tree(error) => error,
        })?;
    }
    let (device, spools) = members.finish()?;
    let mut tree = assembly.finish();
    tree.devices.extend(device);
    if empties_spool {
        tree.spools = spools;
    }
    if let Some(keep) = keep {
        tree.retain(|entry| keep(Candidate::new(&entry.path()[1..], entry.is_dir())));
    }
    tree.host.files.extend(host_file.map(|file| (file, None)));
    Ok(tree)
}
