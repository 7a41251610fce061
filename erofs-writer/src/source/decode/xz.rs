//! Streams of xz. Their decoder accepts any dictionary, so the bytes are examined before
//! it gets them: the header of each block has the length of its dictionary.

use std::io::{self, Read};

use lzma_rust2::XzReader;

use super::stream::{DICTIONARY_MAX, Stream, check_memory, invalid};
use crate::format::to_u64;

/// Decodes all streams, which may have padding between them.
pub(super) struct XzStreams<'a>(XzReader<Followed<'a>>);

impl<'a> XzStreams<'a> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
        let follower = Follower::default();
        XzStreams(XzReader::new(Followed { stream, follower }, true))
    }
}

impl Read for XzStreams<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buf)?;
        match len == 0 && !buf.is_empty() && self.0.inner().follower.padding % 4 != 0 {
            true => Err(invalid("is damaged: the zeros after an xz stream are not whole words")),
            false => Ok(len),
        }
    }
}

/// Passes bytes on, and follows the parts of the streams.
struct Followed<'a> {
    stream: Stream<'a>,
    follower: Follower,
}

impl Read for Followed<'_> {
    /// Fills `buf` completely, as the decoder does not ask for the rest of a field that
    /// comes short.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.stream.read(&mut buf[filled..]) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.follower.feed(&buf[..filled])?;
        Ok(filled)
    }
}

/// The parts of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    StreamHeader,
    /// The length of the header of a block, or the start of the index.
    BlockSize,
    BlockHeader,
    /// The kind of the next chunk of LZMA2.
    Control,
    ChunkHead,
    Chunk,
    /// The padding of a block, and its checksum.
    BlockEnd,
    /// The numbers in the index.
    Index,
    /// The padding of the index, its checksum, and the footer.
    StreamEnd,
    Padding,
}

/// Follows the parts of streams.
#[derive(Debug)]
struct Follower {
    part: Part,
    /// The bytes of this part so far. Those of long parts are not kept.
    bytes: Vec<u8>,
    /// How many bytes of this part are left.
    left: u64,
    /// The length of the checksum of a block.
    check_len: u64,
    /// How many bytes the contents of the block, or the index, have so far.
    count: u64,
    /// How many numbers are left in the index. None before it has said how many there
    /// are.
    numbers: Option<u64>,
    /// How many zeros came after the last stream.
    padding: u64,
}

impl Default for Follower {
    fn default() -> Self {
        Follower {
            part: Part::StreamHeader,
            bytes: Vec::new(),
            left: 12,
            check_len: 0,
            count: 0,
            numbers: None,
            padding: 0,
        }
    }
}

impl Follower {
    fn feed(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            match self.part {
                Part::Padding if *first == 0 => {
                    self.padding += 1;
                    bytes = rest;
                }
                Part::Padding => {
                    self.padding = 0;
                    self.begin(Part::StreamHeader, 12);
                }
                Part::Index => {
                    self.index(*first);
                    bytes = rest;
                }
                _ => {
                    let room = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let (part, behind) = bytes.split_at(bytes.len().min(room));
                    if !matches!(self.part, Part::Chunk | Part::BlockEnd | Part::StreamEnd) {
                        self.bytes.extend_from_slice(part);
                    }
                    self.left -= to_u64(part.len());
                    bytes = behind;
                    if self.left == 0 {
                        self.next()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, part: Part, len: u64) {
        self.part = part;
        self.left = len;
        self.bytes.clear();
    }

    /// Begins the part after one that is complete.
    fn next(&mut self) -> io::Result<()> {
        match self.part {
            Part::StreamHeader => {
                self.check_len = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]
                    [usize::from(self.bytes[7] & 15)];
                self.begin(Part::BlockSize, 1);
            }
            Part::BlockSize if self.bytes[0] == 0 => {
                (self.part, self.count, self.numbers) = (Part::Index, 1, None);
                self.bytes.clear();
            }
            Part::BlockSize => {
                let len = (u64::from(self.bytes[0]) + 1) * 4 - 1;
                self.begin(Part::BlockHeader, len);
            }
            Part::BlockHeader => {
                check_memory("dictionary", dictionary(&self.bytes)?, DICTIONARY_MAX)?;
                self.count = 0;
                self.begin(Part::Control, 1);
            }
            Part::Control => {
                self.count += 1;
                match self.bytes[0] {
                    0 => match self.count.next_multiple_of(4) - self.count + self.check_len {
                        0 => self.begin(Part::BlockSize, 1),
                        len => self.begin(Part::BlockEnd, len),
                    },
                    1 | 2 => self.begin(Part::ChunkHead, 2),
                    0x80..0xc0 => self.begin(Part::ChunkHead, 4),
                    0xc0.. => self.begin(Part::ChunkHead, 5),
                    _ => return Err(damaged()),
                }
            }
            Part::ChunkHead => {
                let at = if self.bytes.len() == 2 { 0 } else { 2 };
                let len = u64::from(u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])) + 1;
                self.count += to_u64(self.bytes.len()) + len;
                self.begin(Part::Chunk, len);
            }
            Part::Chunk => self.begin(Part::Control, 1),
            Part::BlockEnd => self.begin(Part::BlockSize, 1),
            Part::StreamEnd => self.begin(Part::Padding, 0),
            Part::Index | Part::Padding => unreachable!("are passed byte by byte"),
        }
        Ok(())
    }

    /// Takes a byte of the index: the number of records, and two numbers for each.
    fn index(&mut self, byte: u8) {
        self.count += 1;
        self.bytes.push(byte);
        if byte & 0x80 != 0 {
            // The decoder refuses a number that does not end.
            return;
        }
        let number = self.bytes.iter().take(9).rev();
        let number = number.fold(0_u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
        self.bytes.clear();
        let left = match self.numbers {
            None => number.saturating_mul(2),
            Some(left) => left - 1,
        };
        self.numbers = Some(left);
        if left == 0 {
            let fill = self.count.next_multiple_of(4) - self.count;
            self.begin(Part::StreamEnd, fill + 4 + 12);
        }
    }
}

/// The length of the dictionary, from the header of a block without its first byte.
fn dictionary(header: &[u8]) -> io::Result<u64> {
    let (flags, mut rest) = header.split_first().ok_or_else(damaged)?;
    for flag in [0x40, 0x80] {
        if flags & flag != 0 {
            number(&mut rest)?;
        }
    }
    let mut dictionary = None;
    for _ in 0..=flags & 3 {
        let filter = number(&mut rest)?;
        let len = usize::try_from(number(&mut rest)?).unwrap_or(usize::MAX);
        let (props, behind) = rest.split_at_checked(len).ok_or_else(damaged)?;
        rest = behind;
        // LZMA2 is the last filter.
        dictionary = match (filter, props, dictionary) {
            (0x21, [bits], None) => Some(match bits {
                0..=39 => (2 | u64::from(bits & 1)) << (bits / 2 + 11),
                _ => u64::from(u32::MAX),
            }),
            (_, _, None) if filter != 0x21 => None,
            _ => return Err(damaged()),
        };
    }
    dictionary.ok_or_else(damaged)
}

/// Takes a number off the start of `bytes`: each byte has seven bits of it, the low ones
/// first.
fn number(bytes: &mut &[u8]) -> io::Result<u64> {
    let len = 1 + bytes.iter().take(8).take_while(|byte| **byte & 0x80 != 0).count();
    let (number, rest) = bytes.split_at_checked(len).ok_or_else(damaged)?;
    *bytes = rest;
    Ok(number.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)))
}

fn damaged() -> io::Error {
    invalid("is damaged: a block of xz cannot be read")
}
