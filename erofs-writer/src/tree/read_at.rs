//! The trait of readers of contents, and its implementations for types of std.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, retry_on_intr};

use crate::format::to_u64;

/// Bytes that can be read at any position, from several threads at a time.
///
/// [`File`], `Vec<u8>` and slices of bytes are readers, and so is every pointer to a
/// reader: `Box<dyn ReadAt>`, `Arc<dyn ReadAt>`, references. For contents that are a
/// part of a file, or a whole file that others share,
/// [`Content::from_file_range`](crate::Content::from_file_range) is better, since the
/// kernel can copy those.
pub trait ReadAt: Send + Sync {
    /// The length in bytes. It must not change.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads bytes from `offset` on into `buf` and returns how many were read: 0 only
    /// at the end or if `buf` is empty. A read that fails with
    /// [`io::ErrorKind::Interrupted`] is repeated.
    ///
    /// # Errors
    /// Any error that keeps the bytes from being read.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Returns the first range at or after `offset` whose bytes may be other than zero.
    /// All bytes between `offset` and that range are zeros, and are not read. So a
    /// reader that knows its holes takes time for its data only, however long it is. An
    /// empty range says that there is no more data.
    ///
    /// The answer never changes the image, only how long it takes to write. By default,
    /// all bytes may be other than zero.
    ///
    /// # Errors
    /// Any error that keeps the data from being found.
    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        Ok(offset..self.len().max(offset))
    }
}

/// A regular file or a block device. Other files have no length.
impl ReadAt for File {
    fn len(&self) -> u64 {
        match self.metadata() {
            Ok(found) if found.is_file() => found.len(),
            // A file without an end counts as empty. If it has bytes all the same, it
            // is longer than it says, and that is an error.
            _ => retry_on_intr(|| seek(self, SeekFrom::End(0))).unwrap_or_default(),
        }
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        host_data(self, 0, offset, ReadAt::len(self))
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        to_u64(self.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let len = buf.len().min(self.len() - start);
        buf[..len].copy_from_slice(&self[start..start + len]);
        Ok(len)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        to_u64(self.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self[..].read_at(buf, offset)
    }
}

/// Implements [`ReadAt`] for pointers to a [`ReadAt`].
macro_rules! forward_read_at {
    ($($pointer:ty),+) => {$(
        impl<R: ReadAt + ?Sized> ReadAt for $pointer {
            fn len(&self) -> u64 {
                (**self).len()
            }

            fn is_empty(&self) -> bool {
                (**self).is_empty()
            }

            fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
                (**self).read_at(buf, offset)
            }

            fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
                (**self).next_data(offset)
            }
        }
    )+};
}

forward_read_at!(&R, Box<R>, Arc<R>);

/// The next range of data of `file` at or after `offset`. All positions count from
/// `base`. If the file system does not know, all bytes up to `len` are data.
pub(super) fn host_data(file: &File, base: u64, offset: u64, len: u64) -> io::Result<Range<u64>> {
    let find = |from| match retry_on_intr(|| seek(file, from)) {
        Ok(pos) => Ok(Some(pos)),
        Err(Errno::NXIO) => Ok(None),
        // A file system that does not know its holes may have data everywhere.
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::OVERFLOW | Errno::SPIPE) => Err(None),
        Err(error) => Err(Some(error)),
    };
    let from = base.saturating_add(offset);
    let found = find(SeekFrom::Data(from)).and_then(|start| match start {
        Some(start) => Ok(start..find(SeekFrom::Hole(start))?.unwrap_or(u64::MAX)),
        None => Ok(u64::MAX..u64::MAX),
    });
    match found {
        Ok(found) => Ok(found.start.saturating_sub(base)..found.end.saturating_sub(base)),
        Err(None) => Ok(offset..len),
        Err(Some(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a part of `reader` through the trait.
    fn part(reader: impl ReadAt, offset: u64) -> (u64, Vec<u8>) {
        let mut buf = [0; 4];
        let len = reader.read_at(&mut buf, offset).expect("can be read");
        (reader.len(), buf[..len].to_vec())
    }

    #[test]
    fn memory_is_read_to_its_end() {
        let bytes = b"0123456789";
        for (offset, expected) in [(0, &b"0123"[..]), (8, b"89"), (10, b""), (u64::MAX, b"")] {
            let expected = (10, expected.to_vec());
            assert_eq!(part(&bytes[..], offset), expected);
            assert_eq!(part(bytes.to_vec(), offset), expected);
            assert_eq!(part(Box::<[u8]>::from(&bytes[..]), offset), expected);
            assert_eq!(part(Arc::<[u8]>::from(&bytes[..]), offset), expected);
            let shared: Arc<dyn ReadAt> = Arc::new(bytes.to_vec());
            assert_eq!(part(shared, offset), expected);
        }
    }

    #[test]
    fn of_a_file_data_and_holes_are_told() {
        let file = tempfile::tempfile().expect("there is room");
        file.set_len(1 << 20).expect("there is room");
        file.write_all_at(b"end", (1 << 20) - 3).expect("there is room");
        assert_eq!(part(&file, (1 << 20) - 2), (1 << 20, b"nd".to_vec()));
        let found = file.next_data(0).expect("is a file");
        assert!(found.end == 1 << 20 && found.start <= (1 << 20) - 3, "{found:?}");
        assert_eq!(part(Arc::new(file), 1 << 20), (1 << 20, Vec::new()));
    }
}
