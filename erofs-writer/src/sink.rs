//! Outputs, and the sink through which the pipeline writes.

mod digest;
#[cfg(feature = "verity")]
mod hashed;
mod host;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::cancel::Stop;
use crate::format::superblock::{SUPER_LEN, SUPER_OFFSET};
use crate::format::{to_u64, to_usize};
use crate::options::Options;
use digest::BlockDigest;
#[cfg(feature = "verity")]
pub(crate) use hashed::BlockHashes;

/// Something that can be written at any position, from several threads.
///
/// A [`File`] is one, as are references, boxes and [`Arc`]s of one;
/// [`SeekWriter`] makes one of everything that writes and seeks.
pub trait WriteAt: Send + Sync {
    /// Writes all of `buf` at `pos`.
    ///
    /// # Errors
    /// Whatever keeps `buf` from being written.
    fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()>;

    /// The file that this writes to, if positions in the two are the same. The kernel
    /// can then copy into it, or share blocks with it.
    fn as_file(&self) -> Option<&File> {
        None
    }
}

impl WriteAt for File {
    fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        FileExt::write_all_at(self, buf, pos)
    }

    fn as_file(&self) -> Option<&File> {
        Some(self)
    }
}

/// References, boxes and `Arc`s of a [`WriteAt`] are one.
macro_rules! forward_write_at {
    ($($pointer:ty),+) => {$(
        impl<W: WriteAt + ?Sized> WriteAt for $pointer {
            fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()> {
                (**self).write_all_at(buf, pos)
            }

            fn as_file(&self) -> Option<&File> {
                (**self).as_file()
            }
        }
    )+};
}

forward_write_at!(&W, &mut W, Box<W>, Arc<W>);

/// Makes a [`WriteAt`] of a writer that seeks, by letting one thread write at
/// a time.
#[derive(Debug, Default)]
pub struct SeekWriter<W>(Mutex<W>);

impl<W> SeekWriter<W> {
    /// Writes through `writer`, whose start is the start of the output.
    pub fn new(writer: W) -> Self {
        SeekWriter(Mutex::new(writer))
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Seek + Send> WriteAt for SeekWriter<W> {
    fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.seek(SeekFrom::Start(pos))?;
        writer.write_all(buf)
    }
}

/// The file of its own that a hash tree goes to.
#[cfg_attr(not(feature = "verity"), expect(dead_code, reason = "there are no hash trees"))]
#[derive(Clone, Copy)]
pub(crate) struct Hashes<'a> {
    /// Open for reading and writing.
    pub(crate) file: &'a File,
    /// The path as the caller names it.
    pub(crate) path: &'a Path,
    /// How many bytes there is room for, where that is known.
    pub(crate) capacity: Option<u64>,
    /// Called when the tree is written, with its end.
    pub(crate) settle: &'a Settle<'a>,
}

/// The output of an image, and what is known about it.
pub(crate) struct Output<'a> {
    pub(crate) to: &'a dyn WriteAt,
    /// How many bytes there is room for, where that is known.
    pub(crate) capacity: Option<u64>,
    /// Whether nobody can see it before it is complete. Otherwise an older image in it
    /// has to be invalidated before the first write.
    pub(crate) is_hidden: bool,
    /// Called when everything except the superblock is written, with the end of the
    /// image. It may return early when it is told to stop.
    pub(crate) settle: &'a Settle<'a>,
    /// Where a hash tree goes, if not behind the image.
    #[cfg_attr(not(feature = "verity"), expect(dead_code, reason = "there are no hash trees"))]
    pub(crate) hashes: Option<Hashes<'a>>,
}

pub(crate) type Settle<'a> = dyn Fn(u64, &dyn Stop) -> io::Result<()> + Sync + 'a;

/// Where an image goes: positions in it are shifted by its offset.
pub(crate) struct Sink<'a> {
    output: &'a dyn WriteAt,
    offset: u64,
    /// Whether an older image may be in the output.
    may_hold_image: AtomicBool,
    /// Whether a copy of whole blocks shares them.
    shares: bool,
    /// Whether the kernel may copy files into the output.
    kernel_copies: AtomicBool,
    /// From this length on it is worth asking the kernel.
    pub(crate) kernel_copy_min: u64,
    pub(crate) kernel_copied: AtomicU64,
    /// How many bytes have been written, in whichever way.
    written: AtomicU64,
    /// A hash of what is written, if it is asked for.
    digest: Option<BlockDigest>,
    /// The digests of a hash tree, if they can be made now.
    #[cfg(feature = "verity")]
    hashes: Option<BlockHashes>,
}

/// Below this, reading into a buffer that gathers many files costs less.
const COPY_MIN: u64 = 256 * 1024;

impl<'a> Sink<'a> {
    /// A sink for an image in `output`. If bytes are hashed as they are written, for the UUID
    /// or for a hash tree, the kernel must not copy any.
    pub(crate) fn new(output: &Output<'a>, options: &Options) -> Self {
        let may_hold_image = AtomicBool::new(!output.is_hidden);
        let output = output.to;
        let (offset, block_len) = (options.offset, options.block_size.len());
        #[cfg(feature = "verity")]
        let hashes = BlockHashes::new(options);
        #[cfg(feature = "verity")]
        let is_hashed = hashes.is_some() || options.derives_uuid();
        #[cfg(not(feature = "verity"))]
        let is_hashed = options.derives_uuid();
        let shares = output.as_file().is_some_and(host::copies_share);
        Sink {
            output,
            offset,
            may_hold_image,
            shares,
            kernel_copies: AtomicBool::new(output.as_file().is_some() && !is_hashed),
            kernel_copy_min: if shares && offset % 4096 == 0 { block_len } else { COPY_MIN },
            kernel_copied: AtomicU64::new(0),
            written: AtomicU64::new(0),
            digest: options.derives_uuid().then(|| BlockDigest::new(block_len)),
            #[cfg(feature = "verity")]
            hashes,
        }
    }

    /// Makes sure that an older image in the output is invalid while it is overwritten.
    /// True if something was written for that and has to be synced.
    pub(crate) fn invalidate(&self) -> io::Result<bool> {
        if !self.may_hold_image.swap(false, Ordering::Relaxed) || self.is_too_short()? {
            return Ok(false);
        }
        self.output.write_all_at(&[0; to_usize(SUPER_LEN)], self.offset + SUPER_OFFSET)?;
        Ok(true)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.output.as_file().map_or(Ok(()), File::sync_data)
    }

    /// Whether the output is a device, or a file that is written in place, and has old
    /// content that is not overwritten yet.
    pub(crate) fn holds_something(&self) -> io::Result<bool> {
        let Some(file) = self.output.as_file() else { return Ok(false) };
        let may_hold = self.may_hold_image.load(Ordering::Relaxed);
        let found = file.metadata()?;
        Ok(may_hold && (!found.is_file() || found.len() > self.offset))
    }

    /// Whether the output is a file in which no superblock can be.
    fn is_too_short(&self) -> io::Result<bool> {
        let Some(file) = self.output.as_file() else { return Ok(false) };
        let found = file.metadata()?;
        Ok(found.is_file() && found.len() <= self.offset + SUPER_OFFSET)
    }

    /// Gives a new file the blocks of `len` bytes from `pos` on. A full disk is
    /// then known before the work is done, and the file system need not find a
    /// place for every block that is written.
    ///
    /// Where blocks are shared it would only be in the way.
    pub(crate) fn reserve(&self, pos: u64, len: u64) -> io::Result<()> {
        let Some(file) = self.output.as_file().filter(|_| !self.shares && len > 0) else {
            return Ok(());
        };
        loop {
            match fallocate(file, FallocateFlags::empty(), self.offset + pos, len) {
                Err(Errno::INTR) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::IO)) => {
                    return Err(error.into());
                }
                // Any other error does not matter: writing works without reserving.
                Ok(()) | Err(_) => return Ok(()),
            }
        }
    }

    /// Writes `buf` at the byte `pos` of the image. All that is written goes
    /// through here, once, but for what [`Sink::copy`] copies and the head.
    pub(crate) fn write(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        if let Some(digest) = &self.digest {
            digest.add(buf, pos);
        }
        #[cfg(feature = "verity")]
        if let Some(hashes) = &self.hashes {
            hashes.add(buf, pos);
        }
        self.written.fetch_add(to_u64(buf.len()), Ordering::Relaxed);
        self.output.write_all_at(buf, self.offset + pos)
    }

    /// Writes `buf` after the image, at the byte `pos`. It is no part of the image.
    pub(crate) fn append(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        match buf.is_empty() {
            true => Ok(()),
            false => self.output.write_all_at(buf, self.offset + pos),
        }
    }

    /// A hash of all that has been written and of `head`, which has not been, if
    /// it was asked for.
    pub(crate) fn digest(&self, head: &[u8]) -> Option<[u8; 16]> {
        self.digest.as_ref().map(|digest| digest.finish(head))
    }

    /// The digests of what has been written, if they were made.
    #[cfg(feature = "verity")]
    pub(crate) fn hashes(&self) -> Option<&BlockHashes> {
        self.hashes.as_ref()
    }

    /// Writes `head`, the start of the image and the last of its `len` bytes.
    pub(crate) fn finish(&self, head: &[u8], len: u64) -> io::Result<()> {
        let written = self.written.load(Ordering::Relaxed) + to_u64(head.len());
        assert!(written == len, "an image of {len} bytes got {written}");
        self.output.write_all_at(head, self.offset)
    }

    /// Takes the superblock away again.
    #[cfg(feature = "image")]
    pub(crate) fn unfinish(&self) -> io::Result<()> {
        self.output.write_all_at(&[0; to_usize(SUPER_LEN)], self.offset + SUPER_OFFSET)
    }

    /// Lets the kernel copy up to `len` bytes of `source` and returns how many
    /// it did copy: fewer where the source ends or the kernel cannot.
    pub(crate) fn copy(&self, source: &File, from: u64, pos: u64, len: u64) -> io::Result<u64> {
        let Some(output) = self.output.as_file() else {
            return Ok(0);
        };
        if !self.kernel_copies.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let mut done = 0;
        while done < len {
            let (off_in, off_out) = (from + done, self.offset + pos + done);
            match host::copy(source, off_in, output, off_out, to_usize(len - done)) {
                Ok(0) => break,
                Ok(copied) => done += to_u64(copied),
                Err(Errno::INTR) => {}
                // Between these two files it is impossible; between others it
                // may be possible, so that only the first kind ends trying.
                Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    self.kernel_copies.store(false, Ordering::Relaxed);
                    break;
                }
                Err(Errno::XDEV | Errno::INVAL) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.kernel_copied.fetch_add(done, Ordering::Relaxed);
        self.written.fetch_add(done, Ordering::Relaxed);
        Ok(done)
    }
}
