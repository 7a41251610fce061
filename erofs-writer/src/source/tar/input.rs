//! Reading of the bytes of an archive, from its start to its end.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cancel::Stop;
use crate::error::{Error, Result, TarErrorKind, Unreadable};
use crate::format::{to_u64, to_usize};
use crate::source::ahead::{Ahead, pass};
use crate::source::spool::{Spool, unspooled};
use crate::source::tar::header::{BLOCK_LEN, Block};
use crate::tree::device::Device;

/// Members of an archive begin at multiples of this many bytes.
const UNIT: u32 = 512;

/// The bytes of a stream that are read at a time.
const BUFFER_LEN: usize = 1 << 20;
/// The most bytes after the end of an archive that are read. There may be no end to
/// them.
const BEHIND_MAX: u64 = 1 << 30;
/// The bytes that are read at once around a header of an archive in a file.
const AROUND_LEN: usize = 16 * 1024;
/// The most bytes of metadata of a member. No member needs more.
pub(super) const METADATA_MAX: u64 = 16 << 20;

/// An archive that is being read.
pub(super) struct Input<'a> {
    archive: Archive<'a>,
    /// The path or name of the archive, for messages.
    path: PathBuf,
    /// The position in the archive, in bytes.
    pub(super) pos: u64,
    /// The archive as a device, if contents stay in it.
    device: Option<Arc<Device>>,
    watch: Option<Watch<'a>>,
}

enum Archive<'a> {
    /// A file whose contents stay in place.
    File { file: Arc<File>, start: u64, len: u64, around: Around },
    /// A stream whose contents are spooled.
    Stream { reader: Ahead<Watched<'a>>, spool: Spool },
}

/// A function for the progress of reading, and a token that can stop it.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) stop: &'a dyn Stop,
    pub(super) report: &'a (dyn Fn(u64) + Sync),
}

/// A stream that reports each read, and fails if reading should stop.
struct Watched<'a> {
    inner: Box<dyn Read + Send + 'a>,
    watch: Option<Watch<'a>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_some_and(|watch| watch.stop.is_set()) {
            return Err(Unreadable::Stopped.into());
        }
        let len = self.inner.read(buf)?;
        if let Some(watch) = self.watch {
            (watch.report)(to_u64(len));
        }
        Ok(len)
    }
}

/// The archive as a device, if contents stay in it, and the files to which contents
/// were spooled.
pub(super) type Left = (Option<Arc<Device>>, Vec<Arc<File>>);

/// The place of contents.
pub(super) enum Stored {
    /// In a file, from this position on.
    InFile(Arc<File>, u64),
    /// On a device, which is the archive, from this position on.
    OnDevice(Arc<Device>, u64),
}

/// Some bytes of a file, and their position in it.
#[derive(Default)]
struct Around {
    at: u64,
    bytes: Vec<u8>,
}

impl<'a> Input<'a> {
    pub(super) fn file(path: PathBuf, file: File, start: u64) -> Result<Self> {
        let end = file.metadata().map_err(|error| Error::read(&path, error))?.len();
        let len = end.saturating_sub(start);
        let archive = Archive::File { file: Arc::new(file), start, len, around: Around::default() };
        Ok(Input { archive, path, pos: 0, device: None, watch: None })
    }

    pub(super) fn stream(
        path: PathBuf,
        reader: Box<dyn Read + Send + 'a>,
        spool_dir: &Path,
    ) -> Self {
        let reader = Ahead::new(Watched { inner: reader, watch: None }, BUFFER_LEN);
        let archive = Archive::Stream { reader, spool: Spool::new(spool_dir) };
        Input { archive, path, pos: 0, device: None, watch: None }
    }

    /// The length of the archive in bytes. None for a stream.
    pub(super) fn len(&self) -> Option<u64> {
        match &self.archive {
            Archive::File { len, .. } => Some(*len),
            Archive::Stream { .. } => None,
        }
    }

    /// This input with `watch`, which is told of the progress and can stop it.
    pub(super) fn watched<'w>(self, watch: Watch<'w>) -> Input<'w>
    where
        'a: 'w,
    {
        let mut input: Input<'w> = self;
        if let Archive::Stream { reader, .. } = &mut input.archive {
            reader.get_mut().watch = Some(watch);
        }
        input.watch = Some(watch);
        input
    }

    /// Reports the progress in a file since `before`, and stops if it should. A stream
    /// does this when it is read.
    fn go_on(&self, before: u64) -> Result<()> {
        let (Some(watch), Archive::File { .. }) = (self.watch, &self.archive) else {
            return Ok(());
        };
        (watch.report)(self.pos - before);
        if watch.stop.is_set() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Sets whether contents stay in the archive.
    pub(super) fn keep_contents(&mut self, on: bool) {
        let place = match &self.archive {
            Archive::File { file, start, .. } => Some((file.clone(), *start)),
            Archive::Stream { .. } => None,
        };
        self.device = on.then(|| Arc::new(Device::new(place, UNIT)));
    }

    /// The error for an archive that cannot be read in the way that was asked for.
    #[cfg(feature = "decoders")]
    pub(super) fn unreadable(&self, source: io::Error) -> Error {
        Error::read(&self.path, source)
    }

    /// The error at `offset`.
    pub(super) fn error(&self, offset: u64, kind: TarErrorKind) -> Error {
        Error::Tar { path: self.path.clone(), offset, kind }
    }

    fn truncated(&self) -> Error {
        self.error(self.pos, TarErrorKind::Truncated)
    }

    /// The next block. None at the end.
    pub(super) fn block(&mut self) -> Result<Option<Block>> {
        let (block, len) = self.shown()?;
        match len {
            0 => return Ok(None),
            BLOCK_LEN => {}
            _ => return Err(self.truncated()),
        }
        if let Archive::Stream { reader, .. } = &mut self.archive {
            reader.consume(BLOCK_LEN);
        }
        self.pos += to_u64(BLOCK_LEN);
        self.go_on(self.pos - to_u64(BLOCK_LEN))?;
        Ok(Some(block))
    }

    /// The next block, which is not consumed. None if less than a block is left.
    pub(super) fn peek(&mut self) -> Result<Option<Block>> {
        let (block, len) = self.shown()?;
        Ok((len == BLOCK_LEN).then_some(block))
    }

    /// The bytes of the next block, and how many of them there are.
    fn shown(&mut self) -> Result<(Block, usize)> {
        let mut block = [0; BLOCK_LEN];
        let len = match &mut self.archive {
            Archive::File { file, start, len, around } => {
                let left = len.saturating_sub(self.pos).min(to_u64(BLOCK_LEN));
                around.read(file, *start + self.pos, &mut block[..to_usize(left)])
            }
            Archive::Stream { reader, .. } => reader.peek(BLOCK_LEN).map(|bytes| {
                block[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            }),
        };
        let len = len.map_err(|error| Error::read(&self.path, error))?;
        Ok((block, len))
    }

    /// The next `len` bytes, which are metadata. The padding of their last block is
    /// consumed, too.
    pub(super) fn metadata(&mut self, len: u64) -> Result<Vec<u8>> {
        if len > METADATA_MAX {
            return Err(self.error(self.pos, TarErrorKind::Metadata { len }));
        }
        let mut bytes = Vec::new();
        while to_u64(bytes.len()) < len {
            let block = self.block()?.ok_or_else(|| self.truncated())?;
            bytes.extend_from_slice(&block);
        }
        bytes.truncate(to_usize(len));
        Ok(bytes)
    }

    /// Consumes `len` bytes of contents, and returns their place.
    pub(super) fn contents(&mut self, len: u64) -> Result<Stored> {
        if let Some(device) = self.device.clone() {
            let pos = self.pos;
            self.skip(len)?;
            return Ok(Stored::OnDevice(device, pos));
        }
        let end = self.pos.checked_add(len).ok_or_else(|| self.truncated())?;
        let place = match &mut self.archive {
            Archive::File { file, start, len, .. } => {
                let begin = *start + self.pos;
                if end > *len {
                    return Err(self.truncated());
                }
                Stored::InFile(file.clone(), begin)
            }
            Archive::Stream { reader, spool } => {
                let place = spool.next().map_err(|source| unspooled(&spool.dir, source))?;
                let passed = pass(reader, len, &self.path, |bytes| {
                    spool.append(bytes).map_err(|source| unspooled(&spool.dir, source))
                })?;
                if passed < len {
                    return Err(self.truncated());
                }
                Stored::InFile(place.0, place.1)
            }
        };
        let before = mem::replace(&mut self.pos, end);
        self.go_on(before)?;
        self.pad()?;
        Ok(place)
    }

    /// Skips `len` bytes and the padding of their last block.
    pub(super) fn skip(&mut self, len: u64) -> Result<()> {
        let end = self.pos.checked_add(len).ok_or_else(|| self.truncated())?;
        let passed = match &mut self.archive {
            Archive::File { len, .. } => end <= *len,
            Archive::Stream { reader, .. } => pass(reader, len, &self.path, |_| Ok(()))? == len,
        };
        if !passed {
            return Err(self.truncated());
        }
        let before = mem::replace(&mut self.pos, end);
        self.go_on(before)?;
        self.pad()
    }

    /// Skips the padding of a member's last block.
    fn pad(&mut self) -> Result<()> {
        match self.pos.next_multiple_of(to_u64(BLOCK_LEN)) - self.pos {
            0 => Ok(()),
            rest => self.skip(rest),
        }
    }

    /// Reads the bytes after the end of a stream, so that the program that writes it
    /// does not fail, and a decoder can check it. Returns the archive as a device,
    /// which ends at the end of the archive, if contents stay in it, and the files to
    /// which contents were spooled.
    pub(super) fn finish(self) -> Result<Left> {
        if let Some(device) = &self.device {
            device.set_len(self.pos);
        }
        let Archive::Stream { mut reader, spool } = self.archive else {
            return Ok((self.device, Vec::new()));
        };
        pass(&mut reader, BEHIND_MAX, &self.path, |_| Ok(()))?;
        let dir = spool.dir.clone();
        let spools = spool.finish().map_err(|source| unspooled(&dir, source))?;
        Ok((self.device, spools))
    }
}

impl Around {
    /// Reads bytes of `file` from `at` on, until `buf` is full or the file ends.
    fn read(&mut self, file: &File, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.read_some(file, at + to_u64(filled), &mut buf[filled..]) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read_some(&mut self, file: &File, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        let has = |around: &Around| {
            let within = usize::try_from(at.checked_sub(around.at)?).ok()?;
            around.bytes.get(within..).filter(|rest| !rest.is_empty()).map(|_| within)
        };
        if has(self).is_none() && !buf.is_empty() {
            self.bytes.resize(AROUND_LEN, 0);
            let len = match file.read_at(&mut self.bytes, at) {
                Ok(len) => len,
                Err(error) => {
                    self.bytes.clear();
                    return Err(error);
                }
            };
            self.bytes.truncate(len);
            self.at = at;
        }
        let rest = has(self).map_or(&[][..], |within| &self.bytes[within..]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}
