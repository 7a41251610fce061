//! Writes images of [EROFS], a read-only file system that Linux can mount since 5.4,
//! for root file systems, containers and stores.
//!
//! A [`Tree`] says what is stored, [`Options`] say how, and an [`ImageWriter`] writes
//! the image to an output. The crate is pure Rust without `unsafe`, uses all
//! processors, and gives the same bytes everywhere.
//!
//! # A directory
//!
//! ```no_run
//! use erofs_writer::{ImageWriter, Options, Tree};
//!
//! let tree = Tree::from_dir("rootfs")?;
//! ImageWriter::new(Options::new()).write_path(&tree, "rootfs.erofs")?;
//! # Ok::<(), erofs_writer::Error>(())
//! ```
//!
//! # Store paths
//!
//! A Nix closure becomes a store disk without a copy of its files on the host. Each
//! path becomes `/<basename>` in the image. Owners, times, xattrs and hard links of the
//! host are left out, and the root has the mode 0755, so that the image is the same on
//! every host.
//!
//! ```no_run
//! use erofs_writer::source::{StorePaths, parse_store_paths};
//! use erofs_writer::{ImageWriter, Options};
//! # use std::{error::Error, fs::File, io::BufReader};
//! # fn main() -> Result<(), Box<dyn Error>> {
//!
//! let list = BufReader::new(File::open("store-paths")?);
//! let tree = StorePaths::new(parse_store_paths(list)?).read()?;
//! ImageWriter::new(Options::store_image()).write_path(&tree, "store.erofs")?;
//! # Ok(())
//! # }
//! ```
//!
//! # A tar archive
//!
//! An archive in a file is read in place. Contents of a stream are spooled to a file
//! without a name. [`Tar::open_compressed`](source::Tar::open_compressed) also reads
//! archives that are compressed by gzip, bzip2, xz, lzma, lzip or zstd. Attributes that
//! only other systems have, as many archives from macOS do, are refused unless
//! [`Tree::drop_foreign_xattrs`] removes them.
//!
//! ```no_run
//! use erofs_writer::source::Tar;
//! use erofs_writer::{ImageWriter, Options};
//!
//! let layer = Tar::stream("layer", std::io::stdin(), "/var/tmp").convert_aufs(true);
//! let mut tree = layer.read()?;
//! tree.drop_foreign_xattrs();
//! ImageWriter::new(Options::new()).write_path(&tree, "layer.erofs")?;
//! # Ok::<(), erofs_writer::Error>(())
//! ```
//!
//! An archive that is kept can also get an [index](source::Tar::index): an image
//! without contents that is mounted together with the archive.
//!
//! # In memory
//!
//! Trees can be made and changed by hand, and images written to anything that seeks.
//!
//! ```
//! use erofs_writer::{ImageWriter, Metadata, Node, Options, SeekWriter, Tree};
//! use std::io::Cursor;
//!
//! let mut tree = Tree::new(Metadata::new(0o755));
//! tree.insert("bin", Metadata::new(0o755), Node::Directory)?;
//! let script = "#!/bin/sh\necho hello\n";
//! tree.insert("bin/hello", Metadata::new(0o755), Node::file(script))?;
//! tree.insert("bin/hi", Metadata::new(0o777), Node::symlink("hello"))?;
//!
//! let output = SeekWriter::new(Cursor::new(Vec::new()));
//! ImageWriter::new(Options::new()).write(&tree, &output)?;
//! let image = output.into_inner().into_inner();
//! assert_eq!(image.len(), 4096);
//! assert_eq!(image[1024..1028], [0xe2, 0xe1, 0xf5, 0xe0]);
//! # Ok::<(), erofs_writer::Error>(())
//! ```
//!
//! # Changes, progress, cancelling
//!
//! ```no_run
//! use erofs_writer::source::Directory;
//! use erofs_writer::{Event, HardLinks, ImageWriter, Options, Timestamp};
//! use std::ops::ControlFlow;
//! # fn enough() -> bool { false }
//!
//! let mut tree = Directory::new("build")
//!     .keep(|found| !found.path().ends_with(b".o"))
//!     .hard_links(HardLinks::Ignore)
//!     .read()?;
//! tree.update_metadata(|metadata| {
//!     (metadata.uid, metadata.gid) = (0, 0);
//!     metadata.mtime = Timestamp::from_sec(1);
//! });
//! let summary = ImageWriter::new(Options::new())
//!     .on_event(|event| {
//!         if let Event::Progress { done, total } = event {
//!             println!("{done} of {total} bytes");
//!         }
//!         if enough() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
//!     })
//!     .write_path(&tree, "build.erofs")?;
//! println!("{} bytes shared", summary.shared_bytes);
//! # Ok::<(), erofs_writer::Error>(())
//! ```
//!
//! # Guarantees
//!
//! - **The same bytes** for the same tree and options, whatever the number of threads,
//!   the host, its page size, the order in which it lists directories, its umask, time
//!   zone or locale. A file with zeros gives the same image whether they are holes on
//!   the host or not. The crate does not read the environment, and reads the clock only
//!   to time its phases, and to tell which files have changed since. The bytes that default options give change only with a line in
//!   the change log.
//! - **No half image.** Every error in a tree or an option is found before the first
//!   byte is written. The superblock is the last write of all, and
//!   [`write_path`](ImageWriter::write_path) gives the file its name only when it is
//!   complete. The first write to an output makes an older image in it invalid.
//! - **What was written can be verified.** With `ImageWriter::verify` an image is read back
//!   and compared with the tree before it gets its superblock.
//! - **Changes are noticed.** If a file is longer, shorter or gone when it is read, the
//!   error is [`Error::Changed`] or [`Error::Read`], with its path.
//! - **Bounded memory.** A tree takes some 350 bytes for each inode. Contents are not
//!   held: a worker has two buffers of about 1 MiB, or some 20 MiB if it compresses, and
//!   with LZMA up to 60 MiB more. Parts of the packed
//!   inode have up to 8 MiB, and with pclusters of 1 MiB up to 32 MiB, so that a worker
//!   has up to 100 MiB. With
//!   [`Tails::Inline`] the ends of files, less than a block each, are kept until their
//!   inodes are written. With [`Options::dedupe`] some 25 bytes are kept for each KiB of
//!   files. With fragments, 32 MiB in all are kept to find those that are alike.
//! - **Kernels.** Images that the default options give need Linux 5.4, or 5.15 if a file
//!   has holes. [`Options::pcluster_size`] over a block needs 5.13,
//!   [`Options::chunk_size`] 5.15, [`Tails::Inline`] 5.17, [`Tails::Fragments`] 6.1, and
//!   [`Options::dedupe`] 6.1, or 5.15 if files are not compressed. LZMA needs 5.16,
//!   deflate 6.6 and zstd 6.10. [`Options::xattr_prefixes`] needs 6.4. Blocks below the
//!   page size, and so [`source::Tar::index`], need 6.4, and 6.8 if files are
//!   compressed. [`Options::wide_addresses`] needs 6.15. [`Options::target_kernel`]
//!   refuses options that are too new for a kernel, and [`Summary::oldest_kernel`] says
//!   which version an image needs.
//!
//! # Features of the format
//!
//! The crate writes every kind of inode, hard links, xattrs and ACLs (inline, shared,
//! with long prefixes and name filters), inline tails, files that share their blocks,
//! chunk-based files, holes, extra devices with the contents of archives, block sizes
//! from 512 to 65,536 bytes, labels and UUIDs. Files can be compressed by LZ4, zstd,
//! deflate or LZMA, at levels from fast to near-optimal ([`Options::codec`], and [`codec`]
//! for the encoders themselves), all in the same way or by rules for their paths. The ends of compressed
//! files go to blocks, after inodes, or together to a packed inode. Bytes that are
//! repeated in different files can be stored once ([`Options::dedupe`]). SELinux labels
//! come from the files of a policy ([`FileContexts`]).
//!
//! # Cargo features
//!
//! | feature | default | |
//! | --- | --- | --- |
//! | `lz4`, `zstd`, `deflate`, `lzma` | yes | the algorithms of [`Codec`] |
//! | `tar` | yes | [`source::Tar`]: trees of tar archives, and indexes of them |
//! | `nar` | yes | [`source::Nar`], [`source::BinaryCache`]: trees of what Nix stores |
//! | `decoders` | yes | [`source::Decoder`]: archives that are compressed |
//! | `image` | yes | [`source::Image`]: trees and lists of images, and images merged of images; [`Extractor`]: trees as files of the host; [`Base`]; `ImageWriter::verify` |
//! | `selinux` | yes | [`FileContexts`]: labels of SELinux policies |
//! | `verity` | yes | [`Options::verity`]: dm-verity hash trees; `ImageWriter::fsverity_digests` |
//! | `serde` | no | [`Summary`] is `Serialize`, for a report in JSON |
//!
//! Without any of them, the crate has trees from directories, store paths and memory,
//! and all of the format. The bytes of an image do not depend on features. The crate
//! needs a 64-bit Unix host.
//!
//! [EROFS]: https://erofs.docs.kernel.org

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!("erofs-writer needs a 64-bit Unix host");

mod alike;
#[cfg(feature = "image")]
mod base;
mod bounded;
mod build;
mod cancel;
#[cfg_attr(
    not(any(feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd")),
    allow(unused, reason = "without an algorithm nothing is compressed")
)]
pub mod codec;
#[cfg(feature = "selinux")]
mod contexts;
#[cfg_attr(
    not(any(feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd")),
    allow(unreachable_code, unused, reason = "without an algorithm nothing is compressed")
)]
mod encode;
pub mod ere;
mod error;
mod event;
#[cfg(feature = "image")]
mod extract;
mod facts;
mod format;
mod hints;
#[cfg(feature = "image")]
mod image;
mod index;
mod meta;
mod observer;
mod options;
mod output;
mod plan;
mod pool;
mod ranges;
mod recipes;
mod shape;
mod shown;
mod sink;
pub mod source;
mod table;
mod time;
mod tree;
#[cfg(feature = "image")]
mod verify;
#[cfg(feature = "verity")]
mod verity;
mod write;
#[cfg(any(feature = "decoders", feature = "image"))]
mod zstd_header;

#[cfg(feature = "image")]
pub use base::Base;
pub use build::ImageWriter;
pub use cancel::Canceller;
pub use codec::Codec;
#[cfg(feature = "selinux")]
pub use contexts::FileContexts;
pub use error::{
    BinaryCacheErrorKind, Change, CompressHintsErrorKind, Error, FileContextsErrorKind,
    ImageErrorKind, Limit, ManifestErrorKind, NarErrorKind, OutputErrorKind, ReaderErrorKind,
    Result, StorePathsError, TarErrorKind, TreeErrorKind, VerifyErrorKind,
};
pub use event::{EntrySize, Event, InodeCounts, Phase, Summary};
#[cfg(feature = "verity")]
pub use event::{FsVerityDigest, VeritySummary};
#[cfg(feature = "image")]
pub use extract::{Extracted, Extractor, LeftOut, LeftOutKind};
pub use hints::{CompressHints, PassedOverHint};
pub use options::{
    BlockSize, ChunkSize, CompressRule, ImageUuid, InodeForm, KernelVersion, Label, Options,
    OptionsError, PclusterSize, Tails, XattrPrefix,
};
#[cfg(feature = "verity")]
pub use options::{Verity, VerityHash, VeritySalt};
pub use rayon::{ThreadPool, ThreadPoolBuilder};
pub use shown::Shown;
pub use sink::{SeekWriter, WriteAt};
pub use source::HardLinks;
pub use time::Timestamp;
pub use tree::{
    Content, DroppedXattrs, Entry, EntryMut, Metadata, Node, Rdev, ReadAt, Tree,
    TreeInodeId as InodeId, Walk, Whiteouts, Xattrs,
};
pub use uuid::Uuid;
