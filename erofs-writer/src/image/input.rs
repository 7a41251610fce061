//! The files that an image consists of: the image itself, and its further devices.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::fault::{Fault, Found};
use super::window::{WINDOW_LEN, Windows};
use crate::error::ImageErrorKind;
use crate::format::{to_u64, to_usize};
use crate::tree::ReadAt;

/// One of these files.
pub(crate) enum Input {
    /// Contents that stand plain in it can be copied by the kernel.
    File(Arc<File>),
    /// A part of a file.
    Part(Part),
    Reader(Box<dyn ReadAt>),
}

/// A part of a file, of which the first bytes may stand in memory.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: Arc<File>,
    /// Where it begins in the file, and how long it is.
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Its first bytes, which the file does not have yet.
    pub(crate) head: Vec<u8>,
}

impl ReadAt for Part {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let in_head = usize::try_from(offset).ok().and_then(|start| self.head.get(start..));
        if let Some(head) = in_head.filter(|head| !head.is_empty()) {
            let len = head.len().min(buf.len());
            buf[..len].copy_from_slice(&head[..len]);
            return Ok(len);
        }
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        ReadAt::read_at(&*self.file, &mut buf[..len], self.start.saturating_add(offset))
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::File(file) => file.fmt(f),
            Input::Part(part) => part.fmt(f),
            Input::Reader(_) => f.write_str("a reader"),
        }
    }
}

impl Input {
    fn reader(&self) -> &dyn ReadAt {
        match self {
            Input::File(file) => file,
            Input::Part(part) => part,
            Input::Reader(reader) => reader,
        }
    }

    fn read_exact(&self, mut buf: &mut [u8], mut pos: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.reader().read_at(buf, pos) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) if len <= buf.len() => {
                    buf = &mut buf[len..];
                    pos += to_u64(len);
                }
                Ok(_) => return Err(io::Error::other("a reader has read more than it could")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A device of the table, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Where it begins if all devices follow each other; 0 if it does not say.
    pub(super) start: u64,
    pub(super) len: u64,
}

/// All of them, and which addresses are where.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The image, and then its devices, if they were given.
    files: Vec<Input>,
    lens: Vec<u64>,
    slots: Vec<Slot>,
    windows: Windows,
}

impl Inputs {
    pub(super) fn new(files: Vec<Input>) -> Self {
        let lens = files.iter().map(|file| file.reader().len()).collect();
        Inputs { files, lens, slots: Vec::new(), windows: Windows::default() }
    }

    /// Sets the device table. Either all devices were given, or none: then they follow
    /// each other in the image.
    pub(super) fn set_slots(&mut self, slots: Vec<Slot>) -> Found<()> {
        let given = self.files.len() - 1;
        if given != 0 && given != slots.len() {
            let kind = ImageErrorKind::Devices { needed: slots.len(), given };
            return Err(Fault::new(0, kind));
        }
        self.slots = slots;
        Ok(())
    }

    /// Whether there are no devices, or they follow the image in its file.
    pub(super) fn is_flat(&self) -> bool {
        self.files.len() == 1
    }

    /// The input with the image, and its length.
    pub(super) fn main(&self) -> (&Input, u64) {
        (&self.files[0], self.lens[0])
    }

    /// The open file that has the image.
    pub(super) fn file(&self) -> Option<&Arc<File>> {
        match &self.files[0] {
            Input::File(file) => Some(file),
            Input::Part(_) | Input::Reader(_) => None,
        }
    }

    /// Reads `buf` from the byte `pos` of the input with the image.
    pub(super) fn read_main(&self, buf: &mut [u8], pos: u64) -> Found<()> {
        let end = pos.checked_add(to_u64(buf.len()));
        match end.is_some_and(|end| end <= self.lens[0]) {
            true => Ok(self.files[0].read_exact(buf, pos)?),
            false => Err(Fault::new(pos, ImageErrorKind::Truncated)),
        }
    }

    /// Where `len` bytes of a device are in the file of the image, if they are there.
    pub(super) fn flat_pos(&self, device: u16, pos: u64, len: u64) -> Found<u64> {
        match self.locate(device, pos, len)? {
            (0, pos) => Ok(pos),
            _ => Err(Fault::malformed(pos, "contents are on another device")),
        }
    }

    /// The length of the image and its devices together.
    pub(super) fn total_len(&self) -> u64 {
        self.lens.iter().fold(0, |sum, len| sum.saturating_add(*len))
    }

    /// Reads metadata from the image itself.
    pub(super) fn read(&self, buf: &mut [u8], pos: u64) -> Found<()> {
        let (file, mut at) = self.locate(0, pos, to_u64(buf.len()))?;
        if file != 0 || to_u64(buf.len()) >= WINDOW_LEN {
            return Ok(self.files[file].read_exact(buf, at)?);
        }
        let mut rest = buf;
        while !rest.is_empty() {
            let number = at / WINDOW_LEN;
            let window = self.windows.get(number, || self.window(number))?;
            let bytes = &window[to_usize(at % WINDOW_LEN)..];
            let len = rest.len().min(bytes.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&bytes[..len]);
            rest = later;
            at += to_u64(len);
        }
        Ok(())
    }

    /// A window of the image, which begins before its end.
    fn window(&self, number: u64) -> io::Result<Arc<[u8]>> {
        let start = number * WINDOW_LEN;
        let mut bytes = vec![0; to_usize(WINDOW_LEN.min(self.lens[0] - start))];
        self.files[0].read_exact(&mut bytes, start)?;
        Ok(bytes.into())
    }

    /// Reads `buf` from `pos` on of a device. Device 0 stands for all of them one after
    /// the other (`erofs_map_dev`).
    pub(super) fn read_from(&self, device: u16, buf: &mut [u8], pos: u64) -> Found<()> {
        let (file, pos) = self.locate(device, pos, to_u64(buf.len()))?;
        Ok(self.files[file].read_exact(buf, pos)?)
    }

    /// The open file in which `len` bytes of a device are, and the position there. None
    /// if they are not in a file.
    pub(super) fn file_of(
        &self,
        device: u16,
        pos: u64,
        len: u64,
    ) -> Found<Option<(&Arc<File>, u64)>> {
        let (file, pos) = self.locate(device, pos, len)?;
        Ok(match &self.files[file] {
            Input::File(file) => Some((file, pos)),
            Input::Part(_) | Input::Reader(_) => None,
        })
    }

    /// The input in which `len` bytes are, and the position there.
    fn locate(&self, device: u16, pos: u64, len: u64) -> Found<(usize, u64)> {
        let is_flat = self.files.len() == 1;
        let (file, at) = match usize::from(device).checked_sub(1) {
            None => self.unified(pos, is_flat),
            Some(index) => {
                let slot = self.slots.get(index).ok_or_else(|| {
                    Fault::malformed(pos, "it names a device that is not in the table")
                })?;
                match is_flat {
                    true => (0, slot.start.saturating_add(pos)),
                    false => (index + 1, pos),
                }
            }
        };
        let is_inside = at.checked_add(len).is_some_and(|end| end <= self.lens[file]);
        if is_inside {
            return Ok((file, at));
        }
        // The devices neither follow the image nor were they given.
        let is_missing = is_flat && (device > 0 || self.slot_of(pos).is_some());
        Err(Fault::new(pos, if is_missing { self.none_given() } else { ImageErrorKind::Truncated }))
    }

    fn none_given(&self) -> ImageErrorKind {
        ImageErrorKind::Devices { needed: self.slots.len(), given: 0 }
    }

    fn unified(&self, pos: u64, is_flat: bool) -> (usize, u64) {
        match self.slot_of(pos) {
            Some((index, pos)) if !is_flat => (index + 1, pos),
            _ => (0, pos),
        }
    }

    /// The device to which a byte of the image belongs, as its place in the table, and which
    /// of its bytes this is. None if it belongs to no device (`erofs_map_dev`).
    pub(super) fn slot_of(&self, pos: u64) -> Option<(usize, u64)> {
        let is_in =
            |slot: &Slot| slot.start != 0 && pos >= slot.start && pos - slot.start < slot.len;
        let index = self.slots.iter().position(is_in)?;
        Some((index, pos - self.slots[index].start))
    }

    /// The first byte and the length of each device.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        self.slots.iter().map(|slot| (slot.start, slot.len))
    }
}
