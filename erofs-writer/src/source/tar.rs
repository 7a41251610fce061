//! A tree from a tar archive: ustar, GNU or pax.

mod ahead;
mod assemble;
#[cfg(feature = "decoders")]
mod compressed;
mod header;
mod input;
mod members;
mod pax;
mod sparse;
mod spool;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::event::Phase;
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
/// Long names, links, extended attributes, times below a second, sparse files
/// and large numbers are read in the forms of POSIX, GNU tar, bsdtar and star.
/// Of several members with one name the last one counts; members may come in
/// any order, but a hard link only behind what it links to. Directories that
/// are in no member of their own have the mode 0755, and owner and time of the
/// directory that they are in; a root like that has owner 0 and the time 0.
///
/// An archive ends at a block of zeros, or where its bytes end between two
/// members; one that ends within a member is an error.
///
/// Bodies: files have as many bytes as their headers say, and so have GNU's lists
/// of names. Symlinks, devices, fifos and directories have none, whatever their
/// headers say. Some programs write the size of the file for a hard link, and
/// no body, and others write both: it has one if neither a header nor the end of
/// the archive follows at once. Directories of old archives, which are files
/// whose names end in a slash, are read in the same way.
///
/// Bounds: a path has up to 64 KiB, 2,048 directories and 4,096 names with those
/// of symlinks that it leads through; paths lead through 65,536 names in targets of
/// symlinks together, and 64 more for each member; what is said before a member has up to
/// 16 MiB; up to 128 records, or 256 KiB, hold for all members that follow.
/// Members with the same extended attributes share them. So memory is in
/// proportion to the archive.
pub struct Tar<'a> {
    input: Input<'a>,
    options: Options<'a>,
    /// What the archive is on the host, if it is a file there.
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
    /// The archive in the file `path`, which is not compressed. Contents stay there
    /// until the image is written, and must not change before.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        Tar::in_file(path, file)
    }

    /// The archive in `file` from its position on, as for [`open`](Tar::open).
    /// `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Read`] if it is nothing that has positions.
    pub fn in_file(name: impl Into<PathBuf>, mut file: File) -> Result<Self> {
        let name = name.into();
        let start = file.stream_position().map_err(|error| Error::read(&name, error))?;
        let stat = file.metadata().map_err(|error| Error::read(&name, error))?;
        let mut tar = Tar::new(Input::file(name, file, start)?);
        tar.host_file = Some(FileId::of_metadata(&stat));
        Ok(tar)
    }

    /// The archive that comes from `reader`, not compressed. Contents are kept in a file
    /// without a name in `spool_dir`, and take as much there as in the archive;
    /// but not those of an [`index`](Tar::index).
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

    /// What becomes of hard links. Default: [`HardLinks::Keep`].
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

    /// Whether members that stand for something to be hidden, as layers of
    /// containers have them, become what overlayfs takes for that: `.wh.NAME`
    /// a whiteout of NAME, and `.wh..wh..opq` an opaque directory. Default: no.
    #[must_use]
    pub fn convert_aufs(mut self, on: bool) -> Self {
        self.options.converts_aufs = on;
        self
    }

    /// Whether what has been spooled of a stream is given up as soon as it has
    /// been written to an image that is not compressed, so that it need not go
    /// to the disk. The tree can be written once then. Default: no.
    #[must_use]
    pub fn empty_spool(mut self, on: bool) -> Self {
        self.options.empties_spool = on;
        self
    }

    /// Whether contents stay in the archive, so that an image of the tree is an
    /// index of it (Linux 6.4). Default: no.
    ///
    /// The archive is then an extra device of the image: either it is given to
    /// the mount, `-o device=ARCHIVE`, where both are block devices or, since
    /// 6.12, may be files; or it is appended to the image, and the two are one.
    /// It must not be compressed, and blocks must have 512 bytes
    /// ([`Options::block_size`](crate::Options::block_size)), since files begin
    /// at any multiple of that. Contents are passed over, and not read where
    /// the archive is a file: those of a stream are gone when its tree is there,
    /// and do not change the image, nor the UUID that is derived from it.
    /// Sparse files must have their runs of data at multiples of 512 bytes.
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

    /// Keeps only what `keep` wants. What is in a directory that it does not
    /// want goes as well. Default: everything.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    setters::events!('a);

    /// Reads the archive to its end, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be read, [`Error::Tar`] if it is none or
    /// was cut off, [`Error::Tree`] if an image cannot hold a member,
    /// [`Error::Write`] if contents cannot be spooled, [`Error::Full`] if there
    /// are too many inodes, and [`Error::Cancelled`] if it was to end early.
    pub fn read(mut self) -> Result<Tree> {
        #[cfg(feature = "decoders")]
        self.check_index()?;
        let observer = &self.conduct.observer();
        observer.phase(Phase::Scan)?;
        let total = self.input.len().unwrap_or_default();
        observer.watch(&Threads::Caller, total, |report| {
            let input = self.input.watched(Watch { stop: observer, report });
            build(input, self.options, self.host_file)
        })
    }
}

/// Makes a tree of the archive in `input`.
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
