//! The contents of a file of an image.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::extent::{Extent, Stored};
use super::fault::{Fault, Found};
use super::inode::{Inode, Layout};
use super::open::Image;
use crate::shown::Shown;
use crate::tree::ReadAt;
use crate::tree::device::Device;

/// Reads a file of an image, and decodes it.
#[derive(Debug)]
pub(crate) struct FileReader {
    pub(super) image: Arc<Image>,
    pub(super) inode: Inode,
    /// The device that the image becomes, if the file stays there.
    pub(super) device: Option<Arc<Device>>,
}

/// So many chunks are looked at, at most, to see whether they follow each other.
const RUNS_MAX: usize = 1024;

impl FileReader {
    pub(crate) fn new(image: Arc<Image>, inode: Inode) -> Self {
        FileReader { image, inode, device: None }
    }

    /// The same, where the file stays in the image, which becomes `device`.
    pub(crate) fn staying_on(self, device: &Arc<Device>) -> Self {
        FileReader { device: Some(Arc::clone(device)), ..self }
    }

    /// The open file that has all bytes one after the other, and where they begin there.
    /// None if they are stored in another way.
    pub(crate) fn plain_file(&self) -> Found<Option<(Arc<File>, u64)>> {
        let size = self.inode.size;
        // Where there is an index, looking at it would cost a read for each file.
        if size == 0 || matches!(self.inode.layout, Layout::Compressed { .. }) {
            return Ok(None);
        }
        let mut map = self.image.map(&self.inode)?;
        let Stored::Plain { device, pos: first } = map.extent(0)?.stored else { return Ok(None) };
        let mut at = 0;
        for _ in 0..RUNS_MAX {
            let Extent { stored, len, .. } = map.extent(at)?;
            let goes_on = matches!(stored, Stored::Plain { device: other, pos }
                if other == device && pos.checked_sub(first) == Some(at));
            if !goes_on {
                return Ok(None);
            }
            at += len;
            if at == size {
                let found = self.image.inputs.file_of(device, first, size)?;
                return Ok(found.map(|(file, pos)| (Arc::clone(file), pos)));
            }
        }
        Ok(None)
    }

    fn data_from(&self, offset: u64) -> Found<Range<u64>> {
        let size = self.inode.size;
        let mut map = self.image.map(&self.inode)?;
        if !map.may_have_holes() {
            return Ok(offset.min(size)..size);
        }
        let mut at = offset;
        let mut data = size..size;
        let mut runs = 0;
        while at < size && runs < RUNS_MAX {
            let extent = map.extent(at)?;
            let end = extent.start + extent.len;
            match (extent.stored, runs) {
                (Stored::Hole, 0) => {}
                (Stored::Hole, _) => break,
                (_, 0) => (data, runs) = (at..end, 1),
                _ => (data.end, runs) = (end, runs + 1),
            }
            at = end;
        }
        Ok(data)
    }
}

impl Image {
    /// The error of a system call that reads from the image.
    pub(super) fn error(&self, fault: Fault) -> io::Error {
        let name = Shown::new(self.name());
        match fault {
            Fault::Io(error) => io::Error::new(error.kind(), format!("{name}: {error}")),
            Fault::Image { offset, kind } => {
                let text = format!("{name}: at byte {offset}: {kind}");
                io::Error::new(io::ErrorKind::InvalidData, text)
            }
        }
    }
}

impl ReadAt for FileReader {
    fn len(&self) -> u64 {
        self.inode.size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.inode.size.saturating_sub(offset);
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if len == 0 {
            return Ok(0);
        }
        let read = self.image.read_data(&self.inode, offset, &mut buf[..len]);
        read.map_err(|fault| self.image.error(fault))?;
        Ok(len)
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        self.data_from(offset).map_err(|fault| self.image.error(fault))
    }
}
