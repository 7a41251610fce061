//! What an image has, and what each file takes of it.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::error::{Error, ImageErrorKind, Result, TreeErrorKind};
use crate::event::{EntrySize, InodeCounts};
use crate::format::algorithm::Algorithm;
use crate::image::{DirEntry, Dirs, Fault, FileType, Form, Found, Image as Reader, Inode, Usage};
use crate::source::image::{Image, error, metadata, open, rdev};
use crate::tree::{Metadata, Rdev, components};

/// How the data of a file of an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataLayout {
    /// There is no data.
    None,
    /// It is all zeros, which are not stored.
    Zeros,
    /// In consecutive blocks.
    Flat,
    /// In consecutive blocks, but for the last part, which follows the inode.
    Inline,
    /// In chunks, of which some may be holes or belong to other files, too.
    Chunks,
    /// Compressed. The end may be in the packed inode.
    Compressed,
    /// All of it is in the packed inode.
    Packed,
}

/// One word in small letters.
impl std::fmt::Display for DataLayout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DataLayout::None => "none",
            DataLayout::Zeros => "zeros",
            DataLayout::Flat => "flat",
            DataLayout::Inline => "inline",
            DataLayout::Chunks => "chunks",
            DataLayout::Compressed => "compressed",
            DataLayout::Packed => "packed",
        })
    }
}

/// The kind of a file of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListedKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symlink to this path.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(Rdev),
    /// A block device.
    BlockDevice(Rdev),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A name in an image, and what its inode takes. See [`Image::list`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listed {
    /// The absolute path. The root has the path `/`.
    pub path: Vec<u8>,
    /// Mode, owner, time and attributes.
    pub metadata: Metadata,
    /// The kind.
    pub kind: ListedKind,
    /// The length in bytes: of a file, of the entries of a directory, of a target.
    pub size: u64,
    /// How many names the inode says that it has.
    pub links: u32,
    /// The number of the inode.
    pub nid: u64,
    /// Whether the inode was listed before, by another name. Then all numbers of bytes
    /// below are 0.
    pub is_further_name: bool,
    /// How its data is stored.
    pub layout: DataLayout,
    /// The algorithms that compress its data, in the order in which they come.
    pub algorithms: Vec<Algorithm>,
    /// Bytes that the data takes: of blocks that no inode before it has, and after the
    /// inode. What is in the packed inode counts with its part of the bytes of that.
    pub stored_bytes: u64,
    /// Bytes of the data that are in the packed inode, as they are decoded.
    pub packed_bytes: u64,
    /// Bytes of the inode, its attributes and its index. Attributes that inodes share
    /// are in none.
    pub metadata_bytes: u64,
}

/// What fills an image. See [`Image::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageUsage {
    /// The length of the image, with its devices, in bytes.
    pub bytes: u64,
    /// The inodes that were listed, by kind.
    pub inodes: InodeCounts,
    /// The lengths of their regular files added up, in bytes.
    pub bytes_in: u64,
    /// What each entry of the root takes, in the order of names.
    pub entries: Vec<EntrySize>,
    /// Bytes of the packed inode, as they are decoded.
    pub packed_bytes: u64,
    /// Bytes of the blocks of the packed inode. The entries have them by their parts.
    pub packed_stored_bytes: u64,
}

impl Image<'_> {
    /// Lists what the image has, in the order of paths, as it is read: `each` is called
    /// with each name. If it returns `Break`, the listing ends there. Of the options, only
    /// [`xattrs`](Image::xattrs) matters.
    ///
    /// With `paths`, only these are listed, with all that is in them.
    ///
    /// **Bounds.** Not the image is held but the entries of directories on the way, a
    /// number for each inode, and a bit for each block of what lies within 128 MiB of data:
    /// up to 512 MiB, or it is an error. So are more than 2^30 extents. Directories are
    /// bounded as in [`Image::read`].
    ///
    /// # Errors
    /// As [`Image::read`]. [`Error::Tree`] if one of `paths` is not in the image, after
    /// all others have been listed.
    pub fn list(
        mut self,
        paths: &[impl AsRef<[u8]>],
        mut each: impl FnMut(&Listed) -> ControlFlow<()>,
    ) -> Result<ImageUsage> {
        let (name, inputs) = self.take_inputs();
        let image = open(name, inputs)?;
        let at_root = |fault| error(image.name(), b"/", fault);
        let usage = Usage::new(&image).map_err(at_root)?;
        let (packed_stored_bytes, packed_bytes) = usage.packed();
        let wanted = paths.iter().map(|path| Wanted::new(path.as_ref())).collect();
        let totals = ImageUsage {
            bytes: image.total_len(),
            inodes: InodeCounts::default(),
            bytes_in: 0,
            entries: Vec::new(),
            packed_bytes,
            packed_stored_bytes,
        };
        let mut listing = Listing {
            source: &self,
            image: &image,
            dirs: Dirs::new(&image),
            usage,
            seen: HashSet::new(),
            wanted,
            totals,
        };
        match listing.walk(&mut each)? {
            ControlFlow::Break(()) => {}
            ControlFlow::Continue(()) => listing.check_found()?,
        }
        Ok(listing.totals)
    }
}

/// A path that is asked for.
struct Wanted {
    path: Vec<u8>,
    found: bool,
}

impl Wanted {
    fn new(path: &[u8]) -> Self {
        let names: Vec<&[u8]> = components(path).collect();
        Wanted { path: [b"/", &names.join(&b'/')[..]].concat(), found: false }
    }
}

/// Whether `path` is `dir` or in it. Both are absolute.
fn is_in(path: &[u8], dir: &[u8]) -> bool {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// A directory whose entries are being listed.
struct Open {
    /// The length of its path.
    path_len: usize,
    entries: std::vec::IntoIter<DirEntry>,
}

/// The longest path that is listed: each name has its path, so that longer ones would take
/// time and room for nothing.
const PATH_MAX: usize = 1 << 16;

struct Listing<'i> {
    source: &'i Image<'i>,
    image: &'i Reader,
    dirs: Dirs<'i>,
    usage: Usage<'i>,
    seen: HashSet<u64>,
    wanted: Vec<Wanted>,
    totals: ImageUsage,
}

impl Listing<'_> {
    fn walk(
        &mut self,
        each: &mut dyn FnMut(&Listed) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let mut open: Vec<Open> = Vec::new();
        let mut path = b"/".to_vec();
        let mut next = Some(self.image.root());
        while let Some(nid) = next.take() {
            if self.source.is_stopped() {
                return Err(Error::Cancelled);
            }
            let is_listed = self.is_wanted(&path);
            let image = self.image;
            let inode = self.visit(&path, nid, is_listed, each);
            let inode = inode.map_err(|fault| error(image.name(), &path, fault))?;
            let Some(inode) = inode else { return Ok(ControlFlow::Break(())) };
            let is_dir = inode.file_type == FileType::Directory;
            if is_dir && (is_listed || self.is_on_the_way(&path)) {
                let entries = self.dirs.entries(&inode);
                let entries = entries.map_err(|fault| error(image.name(), &path, fault))?;
                open.push(Open { path_len: path.len(), entries: entries.into_iter() });
            }
            next = self.next(&mut open, &mut path);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the inode at `path`, and lists it if it is to be listed. None if the listing
    /// ends here.
    fn visit(
        &mut self,
        path: &[u8],
        nid: u64,
        is_listed: bool,
        each: &mut dyn FnMut(&Listed) -> ControlFlow<()>,
    ) -> Found<Option<Inode>> {
        let inode = self.image.inode(nid)?;
        let is_dir = inode.file_type == FileType::Directory;
        if path == b"/" && !is_dir {
            return Err(Fault::malformed(inode.pos(), "the root is not a directory"));
        }
        if path.len() > PATH_MAX {
            return Err(Fault::malformed(inode.pos(), "a path has more than 65536 bytes"));
        }
        // Of others, another name may be listed.
        let is_new = if is_listed || is_dir { self.seen.insert(nid) } else { true };
        if is_dir && !is_new {
            return Err(Fault::new(inode.pos(), ImageErrorKind::Loop));
        }
        if is_listed {
            let listed = self.listed(path, &inode, is_new)?;
            self.count(&listed);
            if each(&listed).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(inode))
    }

    /// Goes to the next name that is listed, or that others are in.
    fn next(&self, open: &mut Vec<Open>, path: &mut Vec<u8>) -> Option<u64> {
        while let Some(dir) = open.last_mut() {
            path.truncate(dir.path_len);
            let Some(entry) = dir.entries.next() else {
                open.pop();
                continue;
            };
            if !path.ends_with(b"/") {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            if self.is_wanted_now(path) || self.is_on_the_way(path) {
                return Some(entry.nid);
            }
        }
        None
    }

    fn is_wanted_now(&self, path: &[u8]) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| is_in(path, &wanted.path))
    }

    /// The same, and notes that it is there.
    fn is_wanted(&mut self, path: &[u8]) -> bool {
        for wanted in &mut self.wanted {
            wanted.found |= wanted.path == path;
        }
        self.is_wanted_now(path)
    }

    fn is_on_the_way(&self, path: &[u8]) -> bool {
        self.wanted.iter().any(|wanted| is_in(&wanted.path, path))
    }

    fn check_found(&self) -> Result<()> {
        match self.wanted.iter().find(|wanted| !wanted.found) {
            Some(wanted) => Err(Error::tree(&wanted.path[..], TreeErrorKind::NotFound)),
            None => Ok(()),
        }
    }

    fn listed(&mut self, path: &[u8], inode: &Inode, is_new: bool) -> Found<Listed> {
        let taken = match is_new {
            true => Some(self.usage.take(inode)?),
            false => None,
        };
        let form = taken.as_ref().map_or(Form::None, |taken| taken.form);
        Ok(Listed {
            path: path.to_vec(),
            metadata: metadata(self.image, inode, self.source.reads_xattrs())?,
            kind: self.kind(inode)?,
            size: inode.size,
            links: inode.links,
            nid: inode.nid,
            is_further_name: !is_new,
            layout: match form {
                Form::None => DataLayout::None,
                Form::Zeros => DataLayout::Zeros,
                Form::Flat => DataLayout::Flat,
                Form::Inline => DataLayout::Inline,
                Form::Chunks => DataLayout::Chunks,
                Form::Compressed => DataLayout::Compressed,
                Form::Packed => DataLayout::Packed,
            },
            stored_bytes: taken.as_ref().map_or(0, |taken| taken.stored),
            packed_bytes: taken.as_ref().map_or(0, |taken| taken.fragment),
            metadata_bytes: taken.as_ref().map_or(0, |taken| taken.meta),
            algorithms: taken.map_or(Vec::new(), |taken| taken.algorithms),
        })
    }

    fn kind(&self, inode: &Inode) -> Found<ListedKind> {
        Ok(match inode.file_type {
            FileType::Directory => ListedKind::Directory,
            FileType::Regular => ListedKind::File,
            FileType::Symlink => ListedKind::Symlink(self.image.symlink(inode)?),
            FileType::CharDevice => ListedKind::CharDevice(rdev(inode)),
            FileType::BlockDevice => ListedKind::BlockDevice(rdev(inode)),
            FileType::Fifo => ListedKind::Fifo,
            FileType::Socket => ListedKind::Socket,
        })
    }

    fn count(&mut self, listed: &Listed) {
        let totals = &mut self.totals;
        let first = components(&listed.path).next();
        if let Some(name) = first {
            let is_new = totals.entries.last().is_none_or(|entry| entry.name != name);
            if is_new {
                let name = name.to_vec();
                totals.entries.push(EntrySize { name, bytes_in: 0, bytes_out: 0 });
            }
        }
        if listed.is_further_name {
            return;
        }
        let bytes_in = if listed.kind == ListedKind::File { listed.size } else { 0 };
        match listed.kind {
            ListedKind::Directory => totals.inodes.directories += 1,
            ListedKind::File => totals.inodes.files += 1,
            ListedKind::Symlink(_) => totals.inodes.symlinks += 1,
            _ => totals.inodes.others += 1,
        }
        totals.bytes_in = totals.bytes_in.saturating_add(bytes_in);
        if let (Some(_), Some(entry)) = (first, totals.entries.last_mut()) {
            let out = listed.stored_bytes.saturating_add(listed.metadata_bytes);
            entry.bytes_in = entry.bytes_in.saturating_add(bytes_in);
            entry.bytes_out = entry.bytes_out.saturating_add(out);
        }
    }
}
