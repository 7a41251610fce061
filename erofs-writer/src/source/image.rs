//! A tree from an EROFS image.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cancel::Stop;
use crate::error::{Error, ImageErrorKind, Result, TreeErrorKind};
use crate::event::Phase;
use crate::image::{self, DirEntry, Dirs, Fault, FileReader, FileType, Found, Inode, Input};
use crate::observer::{Conduct, Observer};
use crate::pool::Threads;
use crate::source::candidate::{Candidate, Keep};
use crate::source::hard_links::HardLinks;
use crate::source::setters;
use crate::tree::device::{Device, Scattered};
use crate::tree::{
    Content, FileId, InodeId, Kind, Metadata, Rdev, ReadAt, Tree, without_case_hack,
};

/// Reads an EROFS image into a [`Tree`], whoever has written it: every layout of data
/// and of metadata, and every algorithm, that Linux 6.18 reads. Only metadata are read.
/// Contents stay in the image until the tree is written, and are decoded then. Those
/// that stand plain in a file are copied by the kernel.
///
/// A link count is not read: an inode has as many links as it has names. Extended
/// attributes in namespaces that EROFS does not define are left out, as Linux does. Of
/// the metadata, only the bytes that a tree is made of are checked. A wrong pcluster is
/// an error when contents are read.
///
/// **Bounds.** Directories have as many bytes as the image at most, and 64 times as many if
/// they are compressed. A pcluster has
/// up to 1 MiB and decodes to 12 MiB at most, and 48 MiB of decoded bytes are kept.
pub struct Image<'a> {
    name: PathBuf,
    inputs: Vec<Input>,
    /// The identities of those that are files of the host.
    host_files: Vec<FileId>,
    options: Options<'a>,
    conduct: Conduct<'a>,
}

/// What becomes of the contents of an image that is a source of another one. See
/// [`Image::data`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ImageData {
    /// They are decoded when they are needed, and written as those of any other source.
    #[default]
    Decode,
    /// They are taken over as they are stored. Pclusters and chunks are copied, by the
    /// kernel where it can, and what was shared is shared again.
    Take,
    /// They stay in the image, which becomes a further device of the new one.
    Leave,
}

struct Options<'a> {
    data: ImageData,
    hard_links: HardLinks,
    xattrs: bool,
    strip_case_hack: bool,
    keep: Option<Box<Keep<'a>>>,
}

impl std::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Image<'a> {
    /// A source that reads the image in the file or block device `path`. It must not
    /// change before the tree has been written.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut image = Image::new(path.into());
        image.add_file(path)?;
        Ok(image)
    }

    /// A source that reads the image that `reader` reads. Messages call it `name`.
    pub fn from_reader(name: impl Into<PathBuf>, reader: impl ReadAt + 'static) -> Self {
        let mut image = Image::new(name.into());
        image.inputs.push(Input::Reader(Box::new(reader)));
        image
    }

    fn new(name: PathBuf) -> Self {
        Image {
            name,
            inputs: Vec::new(),
            host_files: Vec::new(),
            options: Options {
                data: ImageData::default(),
                hard_links: HardLinks::default(),
                xattrs: true,
                strip_case_hack: false,
                keep: None,
            },
            conduct: Conduct::default(),
        }
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let failed = |error| Error::read(path, error);
        // Opening a pipe would wait for a writer.
        let stat = fs::metadata(path).map_err(failed)?;
        if !stat.is_file() && !stat.file_type().is_block_device() {
            let why = "is not a file or a block device";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let file = File::open(path).map_err(failed)?;
        let stat = file.metadata().map_err(failed)?;
        self.host_files.push(FileId::of_metadata(&stat));
        self.inputs.push(Input::File(Arc::new(file)));
        Ok(())
    }

    /// Adds the file `path` as the next device of the image. Either all of its devices
    /// are given, in the order of its device table, or none, if they follow the image in
    /// its file.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be opened.
    pub fn device(mut self, path: impl AsRef<Path>) -> Result<Self> {
        self.add_file(path.as_ref())?;
        Ok(self)
    }

    /// What becomes of contents. Default: [`ImageData::Decode`].
    ///
    /// Otherwise the new image must have [blocks](crate::Options::block_size) of the same
    /// size, which [`Tree::image_block_size`] tells, and the tree can be merged with
    /// [others](Tree::overlay_with) of that kind:
    ///
    /// ```no_run
    /// use erofs_writer::source::{Image, ImageData};
    /// use erofs_writer::{BlockSize, ImageWriter, Metadata, Options, Tree, Whiteouts};
    ///
    /// let mut tree = Tree::new(Metadata::new(0o755));
    /// // The lowest layer comes first.
    /// for layer in ["base.erofs", "app.erofs"] {
    ///     let layer = Image::open(layer)?.data(ImageData::Take).read()?;
    ///     tree.overlay_with(layer, Whiteouts::Apply)?;
    /// }
    /// let block = BlockSize::new(tree.image_block_size().unwrap_or(4096))?;
    /// ImageWriter::new(Options::new().block_size(block)).write_path(&tree, "merged.erofs")?;
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    ///
    /// [`Take`](ImageData::Take): if the new image is compressed, all contents are encoded
    /// anew. All other contents are stored as [`Options`](crate::Options) say. An image
    /// has one packed inode, so those of all layers become one, with two algorithms at
    /// most. What cannot be taken over is an
    /// [`Error::Tree`](crate::Error::Tree) with
    /// [`NotAsStored`](crate::TreeErrorKind::NotAsStored) when the image is written.
    ///
    /// [`Leave`](ImageData::Leave): the image in its file, with the devices that follow it
    /// there, is the next device of the new one. A mount names all of them, in the order
    /// of the layers. Bytes that are not in blocks of their own, such as ends of files
    /// after inodes, are copied. Files may be compressed, if the new image compresses neither
    /// files nor inodes; the same that can be taken over can stay.
    #[must_use]
    pub fn data(mut self, data: ImageData) -> Self {
        self.options.data = data;
        self
    }

    /// How files with several names are handled. Default: [`HardLinks::Keep`].
    #[must_use]
    pub fn hard_links(mut self, policy: HardLinks) -> Self {
        self.options.hard_links = policy;
        self
    }

    /// Whether extended attributes and ACLs are read. Default: yes.
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

    /// Reads only entries for which `keep` returns `true`. Other directories are not
    /// entered. Default: everything is read.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    setters::events!('a);

    /// Reads the image.
    ///
    /// # Errors
    /// [`Error::Read`] if the image cannot be read, [`Error::Image`] if it is wrong,
    /// [`Error::Full`] if there are too many inodes, and [`Error::Cancelled`] if reading
    /// was cancelled.
    pub fn read(mut self) -> Result<Tree> {
        let (name, inputs) = self.take_inputs();
        let observer = &self.conduct.observer();
        observer.phase(Phase::Scan)?;
        let image = Arc::new(open(name.clone(), inputs)?);
        let options = &self.options;
        let mut tree = observer.watch(&Threads::Caller, 0, |report| {
            let reading = Reading::new(&image, options);
            reading.map_err(|fault| error(&name, b"/", fault))?.tree(observer, report)
        })?;
        if options.data != ImageData::Decode {
            tree.image_block_size = Some(image.block_bytes());
        }
        tree.host.is_filtered |= options.keep.is_some();
        tree.host.files.extend(self.host_files.iter().map(|file| (*file, None)));
        Ok(tree)
    }
}

impl Image<'_> {
    /// What [`open`] needs. This is done once.
    pub(super) fn take_inputs(&mut self) -> (PathBuf, Vec<Input>) {
        (self.name.clone(), std::mem::take(&mut self.inputs))
    }

    pub(super) fn reads_xattrs(&self) -> bool {
        self.options.xattrs
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.conduct.canceller.is_cancelled()
    }
}

pub(super) fn open(name: PathBuf, inputs: Vec<Input>) -> Result<image::Image> {
    let opened = image::Image::open(name.clone(), inputs);
    opened.map_err(|fault| error(&name, b"/", fault))
}

/// The error of a fault at a path of the image `name`.
pub(super) fn error(name: &Path, inside: &[u8], fault: Fault) -> Error {
    match fault {
        Fault::Io(error) => Error::read(name, error),
        Fault::Image { offset, kind } => {
            Error::Image { path: name.into(), inside: inside.into(), offset, kind }
        }
    }
}

/// A directory whose entries are not in the tree yet.
struct Pending {
    id: InodeId,
    inode: Inode,
    /// Its path, which only a filter needs.
    path: Vec<u8>,
}

/// What an entry leads to.
enum Target {
    /// An inode that is in the tree, and is no directory.
    Known(InodeId),
    New(Inode),
}

impl Target {
    fn is_dir(&self) -> bool {
        matches!(self, Target::New(inode) if inode.file_type == FileType::Directory)
    }
}

/// The reading of one image.
struct Reading<'i> {
    image: &'i Arc<image::Image>,
    options: &'i Options<'i>,
    dirs: Dirs<'i>,
    /// Directories that were found.
    seen: HashSet<u64>,
    /// Other inodes that were found.
    known: HashMap<u64, InodeId>,
    /// The device that the image becomes.
    device: Option<Arc<Device>>,
}

impl<'i> Reading<'i> {
    fn new(image: &'i Arc<image::Image>, options: &'i Options<'i>) -> Found<Self> {
        let dirs = Dirs::new(image);
        let device = match options.data {
            ImageData::Leave => Some(device(image)?),
            ImageData::Decode | ImageData::Take => None,
        };
        Ok(Reading { image, options, dirs, seen: HashSet::new(), known: HashMap::new(), device })
    }

    fn tree(mut self, stop: &Observer<'_>, report: &(dyn Fn(u64) + Sync)) -> Result<Tree> {
        let image = self.image;
        let at_root = |fault| error(image.name(), b"/", fault);
        let inode = image.inode(image.root()).map_err(at_root)?;
        if inode.file_type != FileType::Directory {
            let fault = Fault::malformed(inode.pos(), "the root is not a directory");
            return Err(at_root(fault));
        }
        let mut tree = Tree::new(self.metadata(&inode).map_err(at_root)?);
        self.seen.insert(inode.nid);
        let mut pending = vec![Pending { id: Tree::ROOT, inode, path: Vec::new() }];
        while let Some(dir) = pending.pop() {
            let entries = self.dirs.entries(&dir.inode);
            let at_dir = |fault| error(image.name(), &tree.path_of(dir.id), fault);
            for entry in entries.map_err(at_dir)? {
                if stop.is_set() {
                    return Err(Error::Cancelled);
                }
                pending.extend(self.put(&mut tree, &dir, &entry)?);
                report(1);
            }
        }
        tree.devices.extend(self.device);
        tree.shrink();
        Ok(tree)
    }

    /// Puts an entry into the tree, unless it is not kept. A directory is returned.
    fn put(&mut self, tree: &mut Tree, dir: &Pending, entry: &DirEntry) -> Result<Option<Pending>> {
        let name = match self.options.strip_case_hack {
            true => without_case_hack(&entry.name),
            false => &entry.name,
        };
        let at_entry = |tree: &Tree, fault| {
            error(self.image.name(), &joined(&tree.path_of(dir.id), name), fault)
        };
        let target = match self.known.get(&entry.nid) {
            Some(known) => Target::Known(*known),
            None => {
                let inode = self.image.inode(entry.nid).map_err(|fault| at_entry(tree, fault))?;
                Target::New(inode)
            }
        };
        let is_dir = target.is_dir();
        let mut path = Vec::new();
        if let Some(keep) = &self.options.keep {
            path = joined(&dir.path, name);
            if !keep(Candidate::new(&path[1..], is_dir)) {
                return Ok(None);
            }
        }
        let (id, inode) = match target {
            Target::Known(known) => (self.link(tree, known)?, None),
            Target::New(inode) => {
                let found = self.found(&inode).map_err(|fault| at_entry(tree, fault))?;
                (tree.add(found.0, found.1)?, Some(inode).filter(|_| is_dir))
            }
        };
        if !is_dir {
            self.known.entry(entry.nid).or_insert(id);
        }
        match tree.children_mut(dir.id).insert(name.into(), id) {
            None => Ok(inode.map(|inode| Pending { id, inode, path })),
            Some(_) => Err(Error::tree(joined(&tree.path_of(dir.id), name), TreeErrorKind::Exists)),
        }
    }

    /// The inode for a further name of one that is in the tree.
    fn link(&self, tree: &mut Tree, known: InodeId) -> Result<InodeId> {
        if self.options.hard_links == HardLinks::Keep {
            return Ok(known);
        }
        let inode = tree.inode(known).clone();
        tree.add(inode.metadata, inode.kind)
    }

    /// What the tree has of an inode that was not found before.
    fn found(&mut self, inode: &Inode) -> Found<(Metadata, Kind)> {
        if inode.file_type == FileType::Directory && !self.seen.insert(inode.nid) {
            return Err(Fault::new(inode.pos(), ImageErrorKind::Loop));
        }
        Ok((self.metadata(inode)?, self.kind(inode)?))
    }

    fn metadata(&self, inode: &Inode) -> Found<Metadata> {
        metadata(self.image, inode, self.options.xattrs)
    }

    fn kind(&self, inode: &Inode) -> Found<Kind> {
        let rdev = rdev(inode);
        Ok(match inode.file_type {
            FileType::Directory => Kind::Directory(Default::default()),
            FileType::Regular => Kind::File(self.content(inode)?),
            FileType::Symlink => Kind::Symlink(self.image.symlink(inode)?.into()),
            FileType::CharDevice => Kind::CharDevice(rdev),
            FileType::BlockDevice => Kind::BlockDevice(rdev),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        })
    }

    fn content(&self, inode: &Inode) -> Found<Content> {
        if inode.size == 0 {
            return Ok(Content::from_bytes([]));
        }
        let reader = FileReader::new(Arc::clone(self.image), inode.clone());
        if let Some(device) = &self.device {
            return on_device(device, reader);
        }
        if self.options.data == ImageData::Take && reader.is_scattered() {
            let what = "compressed files of an image with devices in other files cannot be copied \
                        as they are stored, only decoded";
            return Err(Fault::malformed(reader.pos(), what));
        }
        if self.options.data == ImageData::Take && reader.can_be_taken_over() {
            return Ok(Content::from_image(reader));
        }
        Ok(match reader.plain_file()? {
            Some((file, pos)) => Content::from_file_range(file, pos..pos + inode.size),
            None => Content::new(reader),
        })
    }
}

pub(super) fn metadata(image: &image::Image, inode: &Inode, xattrs: bool) -> Found<Metadata> {
    let metadata =
        Metadata::new(inode.mode).with_owner(inode.uid, inode.gid).with_mtime(inode.mtime);
    match xattrs {
        true => Ok(metadata.with_xattrs(image.xattrs(inode)?)),
        false => Ok(metadata),
    }
}

/// As `new_decode_dev` in Linux.
pub(super) fn rdev(inode: &Inode) -> Rdev {
    Rdev { major: inode.rdev >> 8 & 0xfff, minor: inode.rdev & 0xff | inode.rdev >> 12 & 0xfff00 }
}

/// The device that an image becomes.
fn device(image: &image::Image) -> Found<Arc<Device>> {
    let Some((input, len)) = image.as_device() else {
        return Err(Fault::malformed(0, "it has devices in other files, and is not one itself"));
    };
    let readable = match input {
        Input::File(file) => Some((Arc::clone(file), 0)),
        Input::Part(_) | Input::Reader(_) => None,
    };
    let device = Device::new(readable, image.block_bytes());
    device.set_len(len);
    Ok(Arc::new(device))
}

/// The contents of a file that stay on the device that its image is.
fn on_device(device: &Arc<Device>, reader: FileReader) -> Found<Content> {
    if reader.is_compressed() {
        return Ok(Content::from_image(reader.staying_on(device)));
    }
    let Some(runs) = reader.runs()? else { return Ok(Content::new(reader)) };
    let len = reader.len();
    Ok(match runs[..] {
        [run] if run.len == len && device.readable().is_some() => {
            Content::on_device(Arc::clone(device), run.pos, len)
        }
        _ => {
            let reader: Box<dyn ReadAt> = Box::new(reader);
            let device = Arc::clone(device);
            Content::scattered(len, Scattered { device, runs, reader: Some(reader) })
        }
    })
}

/// The path of a name in a directory.
fn joined(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    [dir, b"/", name].concat()
}
