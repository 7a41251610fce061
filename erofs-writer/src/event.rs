//! Reports of a build: events on the way, a summary at the end.

#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "verity")]
mod verity;

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::codec::Algorithm;
use crate::options::KernelVersion;
#[cfg(feature = "verity")]
pub use verity::{FsVerityDigest, VeritySummary};

/// A part of a build, in the order in which they come. The first ones come again
/// where an index turns out to need [wide
/// addresses](crate::Options::wide_addresses).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A source is read into a tree.
    Scan,
    /// The tree is checked against the limits of the format.
    Check,
    /// Files are looked at for equal contents and for holes.
    Plan,
    /// Files are looked at for bytes that repeat, if that is asked for.
    Dedupe,
    /// Files are compressed, and what became smaller is written.
    Encode,
    /// Fragments are compressed and written as one packed inode, if there are
    /// any.
    Pack,
    /// Every inode and every block is given its place.
    Place,
    /// Inodes are compressed and written as the metabox, if that is asked for.
    Metadata,
    /// Files are hashed as fs-verity does it, if that is asked for.
    Digest,
    /// Metadata and data are written.
    Write,
    /// The image is hashed as dm-verity does it, if that is asked for.
    Seal,
    /// The superblock is written, unless the image is verified before that.
    Finish,
    /// The image is read back and compared with the tree, if that is asked for. Then the
    /// superblock is written.
    Verify,
    /// A tree is extracted to the host, which is all of an extraction.
    Extract,
}

/// One word in small letters: `read` for [`Phase::Scan`], otherwise the name.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Scan => "read",
            Phase::Check => "check",
            Phase::Plan => "plan",
            Phase::Dedupe => "dedupe",
            Phase::Encode => "encode",
            Phase::Pack => "pack",
            Phase::Metadata => "metadata",
            Phase::Place => "place",
            Phase::Digest => "digest",
            Phase::Write => "write",
            Phase::Seal => "seal",
            Phase::Finish => "finish",
            Phase::Verify => "verify",
            Phase::Extract => "extract",
        })
    }
}

/// Something that happened while a source was read, or during a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A phase has begun.
    Phase(Phase),
    /// How much has been found of a source whose extent is unknown and that is no archive.
    /// Told some twenty times a second, also when nothing has changed.
    Found {
        /// Inodes found so far.
        inodes: u64,
    },
    /// Of `total` bytes of the running phase, `done` are dealt with. Where the total is not
    /// known, they are those that were read. Told some twenty times a second, also when
    /// nothing has changed.
    Progress {
        /// Bytes dealt with so far.
        done: u64,
        /// Bytes in all; 0 if that is not known.
        total: u64,
    },
    /// The output is a block device, or a file that is written in place. Its old
    /// content is lost from now on, whatever becomes of the build.
    Overwrites,
}

/// How many inodes of each kind an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InodeCounts {
    /// Directories, the root among them.
    pub directories: u64,
    /// Regular files, each counted once however many names it has.
    pub files: u64,
    /// Symlinks.
    pub symlinks: u64,
    /// Devices, fifos and sockets.
    pub others: u64,
}

impl InodeCounts {
    /// All inodes.
    pub fn total(&self) -> u64 {
        self.directories + self.files + self.symlinks + self.others
    }
}

/// The part of an image that an entry of the root takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntrySize {
    /// Its name.
    pub name: Vec<u8>,
    /// The lengths of all regular files in it added up, in bytes.
    pub bytes_in: u64,
    /// The bytes of its inodes, and of those blocks that hold no bytes of an earlier
    /// file. Its fragments count with their part of the packed inode.
    pub bytes_out: u64,
}

/// The results of a build. With the feature `serde` it is `Serialize`, for a report in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The UUID of the image; all zeros if it has none.
    pub uuid: Uuid,
    /// The size of a block in bytes.
    pub block_size: u32,
    /// The length of the image in blocks.
    pub blocks: u64,
    /// The inodes by kind.
    pub inodes: InodeCounts,
    /// The lengths of all regular files added up, in bytes.
    pub bytes_in: u64,
    /// The length of the image in bytes.
    pub bytes_out: u64,
    /// Bytes of superblock, inodes, xattrs, chunk maps and inline tails.
    pub metadata_bytes: u64,
    /// Bytes not stored because another file or chunk has the same.
    pub shared_bytes: u64,
    /// Bytes of compressed files not stored because other bytes are the same,
    /// of another file or of the same.
    pub repeated_bytes: u64,
    /// Bytes of files that were not encoded because a [base](crate::Base) has the result.
    pub taken_bytes: u64,
    /// Bytes of the packed inode, before they were compressed.
    pub fragment_bytes: u64,
    /// Bytes not stored because they are zeros.
    pub hole_bytes: u64,
    /// Bytes of files that stay on further devices, as in an archive of which
    /// the image is an index, or, compressed or not, in an image.
    pub device_bytes: u64,
    /// Bytes that the kernel copied from files to the output by itself. Where
    /// the file system can, it shares their blocks and copies nothing.
    pub kernel_copied_bytes: u64,
    /// The algorithms that compress something in the image, in the order of their
    /// numbers.
    pub algorithms: Vec<Algorithm>,
    /// The oldest Linux that can mount the image, where its configuration has
    /// the algorithms, on a machine with pages of [`Summary::page_size_min`]. On one
    /// with larger pages that is 6.4 at least.
    pub oldest_kernel: KernelVersion,
    /// How many bytes the pages of a machine that mounts the image have at least:
    /// Linux mounts no blocks that are larger than its pages.
    pub page_size_min: u32,
    /// Whether the image was read back and found to be what the tree is.
    pub verified: bool,
    /// The part that each entry of the root takes, if
    /// [`ImageWriter::entry_sizes`](crate::ImageWriter::entry_sizes) asks for it. The
    /// root itself, tables and padding are in none.
    pub entry_sizes: Vec<EntrySize>,
    /// The dm-verity tree, if `Options::verity` asks for it.
    #[cfg(feature = "verity")]
    pub verity: Option<VeritySummary>,
    /// The fs-verity digests of all regular files, by their paths in the order of their
    /// bytes, if `ImageWriter::fsverity_digests` asks for them. A report does not have
    /// them.
    #[cfg(feature = "verity")]
    pub fsverity_digests: Vec<FsVerityDigest>,
    /// How long each phase of the build took. That of the source is told by its
    /// events alone.
    pub times: Vec<(Phase, Duration)>,
}
