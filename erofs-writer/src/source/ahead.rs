//! A buffered reader that can show the next bytes without consuming them.

use std::io::{self, BufRead, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::{to_u64, to_usize};

/// Reads from `R`, and can show bytes before they are consumed.
pub(crate) struct Ahead<R> {
    inner: R,
    bytes: Vec<u8>,
    /// The bytes from `start` to `end` have been read, but not consumed.
    start: usize,
    end: usize,
}

impl<R: Read> Ahead<R> {
    pub(crate) fn new(inner: R, capacity: usize) -> Self {
        Ahead { inner, bytes: vec![0; capacity], start: 0, end: 0 }
    }

    /// The inner reader.
    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// How many bytes have been read, but not consumed.
    #[cfg(feature = "nar")]
    pub(crate) fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// The next `len` bytes, or fewer at the end. `len` is at most the capacity.
    pub(crate) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        assert!(len <= self.bytes.len(), "{len} bytes are more than are read at a time");
        if self.end - self.start < len {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < len && self.read_more()? > 0 {}
        Ok(&self.bytes[self.start..self.end.min(self.start + len)])
    }

    /// Reads into the room after the bytes that are there. Returns how many were read:
    /// 0 at the end, or if there is no room.
    fn read_more(&mut self) -> io::Result<usize> {
        loop {
            match self.inner.read(&mut self.bytes[self.end..]) {
                Ok(len) => {
                    self.end += len;
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buf)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.read_more()?;
        }
        Ok(&self.bytes[self.start..self.end])
    }

    fn consume(&mut self, len: usize) {
        self.start = self.end.min(self.start + len);
    }
}

/// Calls `put` with up to `len` bytes of `reader`, and returns how many there were.
pub(crate) fn pass(
    reader: &mut impl BufRead,
    len: u64,
    path: &Path,
    mut put: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let mut passed = 0;
    while passed < len {
        let bytes = match reader.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::read(path, error)),
        };
        let count = to_usize((len - passed).min(to_u64(bytes.len())));
        put(&bytes[..count])?;
        reader.consume(count);
        passed += to_u64(count);
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns one byte at a time, and is interrupted before each.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let len = buf.len().min(1);
            self.0.read(&mut buf[..len])
        }
    }

    #[test]
    fn what_was_shown_is_read_all_the_same() {
        let mut ahead = Ahead::new(Slow(b"0123456789", false), 4);
        assert_eq!(ahead.peek(3).expect("three"), b"012");
        assert_eq!(ahead.peek(4).expect("four"), b"0123");
        ahead.consume(3);
        assert_eq!(ahead.peek(2).expect("two"), b"34");
        let mut rest = Vec::new();
        ahead.read_to_end(&mut rest).expect("no error");
        assert_eq!(rest, b"3456789");
        assert_eq!(ahead.peek(4).expect("the end"), b"");
        let mut short = Ahead::new(&b"ab"[..], 4);
        assert_eq!(short.peek(4).expect("what there is"), b"ab");
    }
}
