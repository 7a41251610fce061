//! An own strict decoder of images, written from the format description and
//! not from any writer. [`check`] finds what kernels and `fsck.erofs` let pass;
//! [`crate::dump`] prints what was decoded.
//!
//! Decoding and checking are one pass: [`model::read`] walks the tree from the
//! root, notes every structure in a [`model::Model`], every byte range it
//! occupies in a [`space::Space`], and every broken [`Rule`] in [`Findings`].
//! Compressed data is mapped but not decompressed, but for the metabox and directories.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use crate::num::{index, wide};

pub mod chunk;
mod compact;
pub mod decode;
pub mod dir;
pub mod extents;
pub mod inode;
pub mod model;
pub mod space;
pub mod superblock;
pub mod xattr;
pub mod zmap;

/// An image that can be read at any place.
#[derive(Debug)]
pub struct Image {
    source: Source,
    len: u64,
    /// The decoded metabox, once it is read.
    metabox: OnceLock<Vec<u8>>,
    /// The decoded packed inode, once it is needed.
    packed: OnceLock<Vec<u8>>,
}

#[derive(Debug)]
enum Source {
    Bytes(Vec<u8>),
    File(File),
}

impl Image {
    /// The image in a file.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self::of(Source::File(file), len))
    }

    /// An image in memory.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let len = wide(bytes.len());
        Self::of(Source::Bytes(bytes), len)
    }

    fn of(source: Source, len: u64) -> Self {
        Self { source, len, metabox: OnceLock::new(), packed: OnceLock::new() }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `len` bytes from `at`, which may also be a place in [`decode::METABOX`] or
    /// [`decode::PACKED`]; None if the image ends before.
    ///
    /// # Panics
    ///
    /// If the file cannot be read.
    #[must_use]
    pub fn bytes(&self, at: u64, len: u64) -> Option<Vec<u8>> {
        for (base, decoded) in [(decode::METABOX, &self.metabox), (decode::PACKED, &self.packed)] {
            if at >= base {
                let start = index(at - base);
                return decoded
                    .get()?
                    .get(start..start.checked_add(index(len))?)
                    .map(<[u8]>::to_vec);
            }
        }
        if at.checked_add(len)? > self.len {
            return None;
        }
        Some(match &self.source {
            Source::Bytes(bytes) => bytes[index(at)..index(at + len)].to_vec(),
            Source::File(file) => {
                let mut bytes = vec![0; index(len)];
                file.read_exact_at(&mut bytes, at).expect("an image file can be read");
                bytes
            }
        })
    }
}

/// A rule of the format. Its name says what is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// An address or length beyond the end of the image.
    OutOfImage,
    /// Superblock: magic, block size, extension slots or dirblkbits.
    Superblock,
    /// Superblock checksum does not match.
    Checksum,
    /// A reserved field is not zero.
    Reserved,
    /// A feature bit that the format does not know.
    UnknownFeature,
    /// Something is used whose feature bit is not set.
    MissingFeature,
    /// A feature bit is set and nothing uses it.
    UnneededFeature,
    /// Number of blocks is not that of the image, or a partial last block.
    BlockCount,
    /// Number of inodes is not that of the tree.
    InodeCount,
    /// Number of inodes reads as a minix magic, and blkid is fooled.
    MinixMagic,
    /// Label without NUL, or bytes after it.
    Label,
    /// Configuration blob of a compression algorithm.
    CompressionConfig,
    /// Device table.
    DeviceTable,
    /// Long xattr name prefixes.
    XattrPrefix,
    /// i_format, or the type bits of i_mode.
    InodeFormat,
    /// A value that the inode's kind does not allow.
    InodeField,
    /// Address bits of an inode that needs none.
    InodeNb,
    /// Time of a compact inode, which old kernels ignore; or nanoseconds.
    InodeTime,
    /// Serial number used twice.
    InodeSerial,
    /// Link count is not the number of names.
    Nlink,
    /// Inline data crosses a block boundary or is a whole block.
    InlineTail,
    /// nameoff chain of a directory block.
    DirNameOffset,
    /// Name that is empty, too long, or holds NUL or slash.
    DirName,
    /// Names not in ascending order inside a block.
    DirOrder,
    /// Names not in ascending order from one block to the next.
    DirBlockOrder,
    /// Bytes after the last name of a directory block.
    DirSlack,
    /// `.` or `..` missing, twice or wrong.
    DirDots,
    /// File type in a directory entry is not the inode's.
    DirType,
    /// Directory size is not the bytes that its blocks use.
    DirSize,
    /// A directory reached by two names, or by its own child.
    DirCycle,
    /// Xattr body: length, entries, padding.
    XattrBody,
    /// Xattr name index, or a name that it does not allow.
    XattrName,
    /// Attribute there twice.
    XattrDuplicate,
    /// Name filter is not that of the attributes.
    XattrFilter,
    /// Chunk format or map.
    ChunkMap,
    /// Header of compressed data.
    ZHeader,
    /// Cluster index of compressed data.
    ZIndex,
    /// Encoded extents of compressed data.
    ZExtents,
    /// Physical cluster: size, padding or place.
    ZCluster,
    /// Two structures at one place.
    Overlap,
    /// Bytes that belong to nothing and are not zero.
    Padding,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Byte of the image where it shows.
    pub at: u64,
    /// The complaint.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:#x}: {}", self.rule, self.at, self.what)
    }
}

/// The broken rules of an image, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Broken rules, at most 30 of each kind.
    pub list: Vec<Finding>,
    /// Parts that this decoder does not understand.
    pub not_checked: Vec<String>,
}

impl Findings {
    /// Notes a broken rule.
    pub fn add(&mut self, rule: Rule, at: u64, what: impl fmt::Display) {
        let same = self.list.iter().filter(|finding| finding.rule == rule);
        if same.count() < 30 {
            let what = what.to_string();
            self.list.push(Finding { rule, at, what });
        }
    }

    /// Notes a broken rule if `good` is false.
    pub fn expect(&mut self, good: bool, rule: Rule, at: u64, what: impl fmt::Display) {
        if !good {
            self.add(rule, at, what);
        }
    }

    /// Whether the rule is broken.
    #[must_use]
    pub fn has(&self, rule: Rule) -> bool {
        self.list.iter().any(|finding| finding.rule == rule)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// Counts of a good image, from [`check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Inodes reached from the superblock.
    pub inodes: usize,
    /// Parts that were not checked, because the decoder does not know them.
    pub not_checked: Vec<String>,
}

/// Checks every rule of the format that a writer can break.
///
/// # Errors
///
/// All broken rules.
pub fn check(image: &Image) -> Result<Report, Findings> {
    let mut found = Findings::default();
    let model = model::read(image, &mut found);
    if !found.list.is_empty() {
        return Err(found);
    }
    Ok(Report {
        inodes: model.map_or(0, |model| model.inodes.len()),
        not_checked: found.not_checked,
    })
}
