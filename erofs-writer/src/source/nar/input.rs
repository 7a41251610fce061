//! Reading of the bytes of a NAR, from its start to its end.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::cancel::Stop;
use crate::error::{Error, NarErrorKind, Result, Unreadable};
use crate::format::{to_u64, to_usize};
use crate::source::ahead::{Ahead, pass};
use crate::source::spool::{Spool, unspooled};
use crate::tree::{Content, HostFile};

/// The bytes that are read at a time.
const BUFFER_LEN: usize = 256 << 10;
/// Strings are padded to a multiple of this many bytes.
const UNIT: u64 = 8;

/// A NAR that is being read, or an export, which has several of them.
pub(crate) struct Input<'a> {
    bytes: Ahead<Bytes<'a>>,
    /// The path or name, for messages.
    path: PathBuf,
    /// The position in bytes.
    pos: u64,
    place: Place<'a>,
}

/// Where contents stay.
pub(crate) enum Place<'a> {
    /// In the file that is read, which has so many bytes, from this position on.
    File { file: Arc<File>, start: u64, len: u64 },
    /// In a file that is opened again when they are read. It has so many bytes.
    Part { file: Arc<HostFile>, len: u64 },
    /// In a spool.
    Spool(&'a mut Spool),
}

/// A function for the progress of reading, and a token that can stop it.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'a> {
    pub(crate) stop: &'a dyn Stop,
    pub(crate) report: &'a (dyn Fn(u64) + Sync),
}

/// The bytes, which are hashed if that is asked for.
pub(crate) struct Bytes<'a> {
    from: From<'a>,
    hash: Option<Sha256>,
    /// How many bytes have been read, and how many may be.
    count: u64,
    limit: u64,
    watch: Option<Watch<'a>>,
}

enum From<'a> {
    /// A file, from this position on.
    File(Arc<File>, u64),
    Stream(Box<dyn Read + Send + 'a>),
}

impl<'a> Bytes<'a> {
    pub(crate) fn file(file: Arc<File>, start: u64) -> Self {
        Bytes::new(From::File(file, start))
    }

    pub(crate) fn stream(reader: Box<dyn Read + Send + 'a>) -> Self {
        Bytes::new(From::Stream(reader))
    }

    fn new(from: From<'a>) -> Self {
        Bytes { from, hash: None, count: 0, limit: u64::MAX, watch: None }
    }

    /// The first `limit` of these bytes.
    pub(crate) fn limited(self, limit: u64) -> Self {
        Bytes { limit, ..self }
    }

    /// These bytes, all of which are read and hashed.
    pub(crate) fn hashed(self) -> Self {
        Bytes { hash: Some(Sha256::new()), ..self }
    }

    /// These bytes, read under `watch`.
    pub(crate) fn watched(self, watch: Watch<'a>) -> Self {
        Bytes { watch: Some(watch), ..self }
    }
}

impl Read for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_some_and(|watch| watch.stop.is_set()) {
            return Err(Unreadable::Stopped.into());
        }
        let left = usize::try_from(self.limit - self.count).unwrap_or(usize::MAX);
        let room = buf.len().min(left);
        let buf = &mut buf[..room];
        let len = match &mut self.from {
            From::File(file, pos) => {
                let len = file.read_at(buf, *pos)?;
                *pos += to_u64(len);
                len
            }
            From::Stream(reader) => reader.read(buf)?,
        };
        self.count += to_u64(len);
        if let Some(hash) = &mut self.hash {
            hash.update(&buf[..len]);
        }
        if let Some(watch) = self.watch {
            (watch.report)(to_u64(len));
        }
        Ok(len)
    }
}

impl<'a> Input<'a> {
    pub(crate) fn new(path: &Path, bytes: Bytes<'a>, place: Place<'a>) -> Self {
        Input { bytes: Ahead::new(bytes, BUFFER_LEN), path: path.to_owned(), pos: 0, place }
    }

    /// The error at `offset`.
    pub(crate) fn error(&self, offset: u64, kind: NarErrorKind) -> Error {
        Error::Nar { path: self.path.clone(), offset, kind }
    }

    pub(crate) fn pos(&self) -> u64 {
        self.pos
    }

    fn truncated(&self) -> Error {
        self.error(self.pos, NarErrorKind::Truncated)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Result<u64> {
        let bytes = self.bytes.peek(8).map_err(|error| Error::read(&self.path, error))?;
        let Some(number) = bytes.first_chunk() else { return Err(self.truncated()) };
        let number = u64::from_le_bytes(*number);
        self.bytes.consume(8);
        self.pos += 8;
        Ok(number)
    }

    /// The next number, which is not consumed. None if less than that is left.
    pub(crate) fn peek_number(&mut self) -> Result<Option<u64>> {
        let bytes = self.bytes.peek(8).map_err(|error| Error::read(&self.path, error))?;
        Ok(bytes.first_chunk().map(|number| u64::from_le_bytes(*number)))
    }

    /// The next string, of at most `max` bytes.
    pub(crate) fn string(&mut self, max: u64) -> Result<Vec<u8>> {
        let start = self.pos;
        let len = self.number()?;
        if len > max {
            return Err(self.error(start, NarErrorKind::LongString { len, max }));
        }
        let mut string = Vec::with_capacity(to_usize(len));
        self.pass(len, |bytes| {
            string.extend_from_slice(bytes);
            Ok(())
        })?;
        self.padding(len)?;
        Ok(string)
    }

    /// Consumes a string that has to be `expected`.
    pub(crate) fn expect(&mut self, expected: &'static str) -> Result<()> {
        let start = self.pos;
        match self.word()?.as_deref() == Some(expected.as_bytes()) {
            true => Ok(()),
            false => Err(self.error(start, NarErrorKind::Expected { word: expected })),
        }
    }

    /// The next string, if it is as short as a word of the format.
    pub(crate) fn word(&mut self) -> Result<Option<Vec<u8>>> {
        const LONGEST: u64 = 16;
        match self.peek_number()? {
            Some(len) if len > LONGEST => Ok(None),
            _ => self.string(LONGEST).map(Some),
        }
    }

    /// Consumes the contents of a file.
    pub(crate) fn contents(&mut self) -> Result<Content> {
        let len = self.number()?;
        let start = self.pos;
        // Before all of them are read, a length that nothing can have is refused.
        let end = start.checked_add(len).ok_or_else(|| self.truncated())?;
        let content = match &mut self.place {
            Place::File { file, start: base, len: whole } => {
                let (file, base) = (Arc::clone(file), *base);
                if end > *whole {
                    return Err(self.truncated());
                }
                self.skip(len)?;
                Content::from_file_range(file, base + start..base + end)
            }
            Place::Part { file, len: whole } => {
                let file = Arc::clone(file);
                if end > *whole {
                    return Err(self.truncated());
                }
                self.pass(len, |_| Ok(()))?;
                Content::part_of(file, start..end)
            }
            Place::Spool(_) => self.spooled(len)?,
        };
        self.padding(len)?;
        Ok(content)
    }

    /// Copies `len` bytes to the spool.
    fn spooled(&mut self, len: u64) -> Result<Content> {
        let Place::Spool(spool) = &mut self.place else { panic!("only asked of a spool") };
        let (file, at) = spool.next().map_err(|source| unspooled(&spool.dir, source))?;
        let bytes = &mut self.bytes;
        let passed = pass(bytes, len, &self.path, |bytes| {
            spool.append(bytes).map_err(|source| unspooled(&spool.dir, source))
        })?;
        if passed < len {
            return Err(self.truncated());
        }
        self.pos += len;
        Ok(Content::from_file_range(file, at..at + len))
    }

    /// Calls `put` with the next `len` bytes.
    fn pass(&mut self, len: u64, put: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if pass(&mut self.bytes, len, &self.path, put)? < len {
            return Err(self.truncated());
        }
        self.pos += len;
        Ok(())
    }

    /// Passes over `len` bytes of a file, which has them.
    fn skip(&mut self, len: u64) -> Result<()> {
        let buffered = self.bytes.buffered().min(to_usize(len));
        self.bytes.consume(buffered);
        let rest = len - to_u64(buffered);
        let bytes = self.bytes.get_mut();
        if let (From::File(_, pos), None) = (&mut bytes.from, &bytes.hash) {
            *pos += rest;
            self.pos += len;
            return Ok(());
        }
        self.pos += to_u64(buffered);
        self.pass(rest, |_| Ok(()))
    }

    /// Consumes the zeros after a string of `len` bytes.
    fn padding(&mut self, len: u64) -> Result<()> {
        let start = self.pos;
        let mut is_zero = true;
        self.pass(len.wrapping_neg() % UNIT, |bytes| {
            is_zero &= bytes.iter().all(|byte| *byte == 0);
            Ok(())
        })?;
        if is_zero { Ok(()) } else { Err(self.error(start, NarErrorKind::Padding)) }
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&mut self) -> Result<()> {
        let next = self.bytes.peek(1).map_err(|error| Error::read(&self.path, error))?;
        match next {
            [] => Ok(()),
            _ => Err(self.error(self.pos, NarErrorKind::Trailing)),
        }
    }

    /// How many bytes have been read, and their hash, which was asked for.
    pub(crate) fn finish(mut self) -> (u64, [u8; 32]) {
        let bytes = self.bytes.get_mut();
        let hash = bytes.hash.take().expect("asked for");
        (bytes.count, hash.finalize().into())
    }
}
