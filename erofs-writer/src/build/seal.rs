//! The dm-verity tree over what was written.
//!
//! If the salt is known before, blocks are hashed as they are written (`sink/hashed.rs`). It
//! may depend on the UUID, and so on all bytes: then they are read back and hashed when
//! everything but the superblock is written. The first bytes, which have it, come from memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use uuid::Uuid;

use crate::build::superblock::Sealed;
use crate::build::whole::Whole;
use crate::error::{Error, OutputErrorKind, Result};
use crate::event::{Phase, VeritySummary};
use crate::format::{checked_u32, to_u64, to_usize};
use crate::observer::Observer;
use crate::options::{OptionsError, Verity};
use crate::pool::Threads;
use crate::sink::{BlockHashes, Hashes, Output};
use crate::verity::{self, Hasher, Layout, Storage};

/// The tree that an image is to get.
pub(super) struct Seal<'a> {
    verity: &'a Verity,
    layout: Layout,
    /// The bytes that are written and hashed. What is hashed after them are zeros.
    len: u64,
    image: Place<'a>,
    hashes: Place<'a>,
    /// The digests that were made as the image was written, and how many of its bytes that
    /// were.
    known: Option<&'a BlockHashes>,
    image_len: u64,
    /// The file of the tree, if it has its own.
    apart: Option<Hashes<'a>>,
}

/// A file, and where in it positions begin.
struct Place<'a> {
    file: &'a File,
    start: u64,
    /// The path that errors name, if it is not that of the image.
    path: Option<&'a Path>,
}

impl Place<'_> {
    fn read(&self, buf: &mut [u8], pos: u64) -> Result<()> {
        self.named(self.file.read_exact_at(buf, self.start + pos))
    }

    fn write(&self, buf: &[u8], pos: u64) -> Result<()> {
        self.named(self.file.write_all_at(buf, self.start + pos))
    }

    fn named<T>(&self, result: std::io::Result<T>) -> Result<T> {
        let path = self.path.map(Path::to_path_buf);
        result.map_err(|source| Error::Write { path, source })
    }
}

impl<'a> Seal<'a> {
    /// The tree over the first `len` bytes of an image and what follows it, if one is asked
    /// for.
    pub(super) fn new(whole: &Whole<'a>, output: &Output<'a>, len: u64) -> Result<Option<Self>> {
        let options = whole.job.options;
        let Some(verity) = &options.verity else { return Ok(None) };
        let apart = output.hashes;
        let layout = Layout::new(verity, options.block_size, len, apart.is_some());
        let layout = layout.ok_or(OptionsError::Offset)?;
        let file = output.to.as_file().expect("checked before the build");
        let image = |path| Place { file, start: options.offset, path };
        let hashes =
            apart.map(|Hashes { file, path, .. }| Place { file, start: 0, path: Some(path) });
        if let Some(Hashes { path, capacity: Some(available), .. }) = apart {
            if available < layout.end() {
                let kind = OutputErrorKind::TooSmall { needed: layout.end(), available };
                return Err(Error::Output { path: path.into(), kind });
            }
        }
        let hashes = hashes.unwrap_or_else(|| image(None));
        let (known, image_len) = (whole.job.sink.hashes(), whole.len());
        let image = image(None);
        Ok(Some(Seal { verity, layout, len, image, hashes, known, image_len, apart }))
    }

    /// Where the image ends, with its padding and with the tree if this comes after it.
    pub(super) fn end(&self) -> u64 {
        if self.apart.is_some() { self.layout.data_len() } else { self.layout.end() }
    }

    /// Writes the tree of an image that gets the head `sealed`.
    pub(super) fn write(
        &self,
        sealed: &Sealed,
        observer: &Observer<'_>,
        threads: &Threads,
    ) -> Result<VeritySummary> {
        observer.phase(Phase::Seal)?;
        let layout = &self.layout;
        self.pad()?;
        let salt = verity::salt(self.verity, sealed.uuid);
        let (hash, uuid) = (self.verity.hash, self.verity.superblock.then(|| of_tree(sealed.uuid)));
        if let Some(uuid) = uuid {
            let mut header = verity::superblock(layout, hash, &salt, uuid.as_bytes());
            header.resize(to_usize(layout.tree - layout.start), 0);
            self.hashes.write(&header, layout.start)?;
        }
        let (hasher, blocks) =
            (Hasher::new(hash, &salt), Blocks { seal: self, head: &sealed.head });
        let root_hash = observer.watch(threads, layout.work(), |report| {
            verity::build(layout, &hasher, &blocks, observer, report)
        })?;
        if let Some(Hashes { settle, .. }) = self.apart {
            observer.watch(threads, 0, |_| self.hashes.named(settle(layout.end(), observer)))?;
        }
        Ok(VeritySummary {
            root_hash,
            hash,
            salt,
            uuid,
            data_block_size: checked_u32(layout.data_block_len),
            hash_block_size: checked_u32(layout.hash_block_len),
            data_blocks: layout.data_blocks,
            hash_offset: layout.start,
            hash_start_block: layout.tree / layout.hash_block_len,
            hash_end: layout.end(),
        })
    }

    /// Writes zeros up to the tree, or to the end of the data.
    fn pad(&self) -> Result<()> {
        let end = if self.apart.is_some() { self.layout.data_len() } else { self.layout.start };
        // Less than a data block and a hash block.
        self.image.write(&vec![0; to_usize(end - self.len)], self.len)
    }
}

/// The UUID of the tree of an image with this UUID.
fn of_tree(uuid: Uuid) -> Uuid {
    let derived = verity::derived("UUID of dm-verity", uuid.as_bytes());
    Uuid::new_v8(*derived.first_chunk().expect("32 bytes"))
}

/// The data with the head that is not written yet, and the hashes.
struct Blocks<'a> {
    seal: &'a Seal<'a>,
    head: &'a [u8],
}

impl Storage for Blocks<'_> {
    fn known(&self, first: u64, count: u64, digests: &mut Vec<u8>) -> u64 {
        let block_len = self.seal.layout.data_block_len;
        let is_written = first >= to_u64(self.head.len()).div_ceil(block_len);
        let left = (self.seal.image_len / block_len).saturating_sub(first);
        match self.seal.known.filter(|_| is_written) {
            Some(known) => known.get(first, count.min(left), digests),
            None => 0,
        }
    }

    fn read_data(&self, buf: &mut [u8], pos: u64) -> Result<()> {
        let end = pos + to_u64(buf.len());
        // The places in `buf` where the head ends, and where the padding begins.
        let within = |at: u64| to_usize(at.clamp(pos, end) - pos);
        let head = within(to_u64(self.head.len()));
        let data = within(self.seal.len);
        if head > 0 {
            buf[..head].copy_from_slice(&self.head[to_usize(pos)..][..head]);
        }
        if head < data {
            self.seal.image.read(&mut buf[head..data], pos + to_u64(head))?;
        }
        buf[data..].fill(0);
        Ok(())
    }

    fn read_hashes(&self, buf: &mut [u8], pos: u64) -> Result<()> {
        self.seal.hashes.read(buf, pos)
    }

    fn write_hashes(&self, buf: &[u8], pos: u64) -> Result<()> {
        self.seal.hashes.write(buf, pos)
    }
}
