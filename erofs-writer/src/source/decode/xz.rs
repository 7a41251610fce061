//! Streams of xz, which may have padding between them.

use std::io::{self, BufRead, Read};

use lzma_rust2::{Action, Status, XzStream};

use super::stream::{DICTIONARY_MAX, Stream, check_memory, next_byte};

/// The most memory that the decoder may need, in KiB: a dictionary of the greatest length,
/// and some 100 KiB beside it.
const MEMORY_MAX_KIB: u32 = 257 << 10;
const _: () = assert!(DICTIONARY_MAX == 256 << 20);

/// Decodes all streams.
pub(super) struct XzStreams<'a> {
    stream: Stream<'a>,
    decoder: XzStream,
}

impl<'a> XzStreams<'a> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
        XzStreams { stream, decoder: XzStream::new_mem_limit(true, MEMORY_MAX_KIB) }
    }

    /// The error of the decoder, or a better one if it has asked for too much memory.
    fn better(&self, error: io::Error) -> io::Error {
        let needed = u64::from(self.decoder.memory_usage().unwrap_or(0)) << 10;
        let whole = needed >> 20 << 20;
        check_memory("dictionary", whole, DICTIONARY_MAX).err().unwrap_or(error)
    }
}

impl Read for XzStreams<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let action = match next_byte(&mut self.stream)? {
                Some(_) => Action::Run,
                None => Action::Finish,
            };
            let result = match self.decoder.process(self.stream.buffer(), buf, action) {
                Ok(result) => result,
                Err(error) => return Err(self.better(error)),
            };
            self.stream.consume(result.bytes_consumed);
            let is_stuck = result.bytes_consumed == 0 && matches!(action, Action::Finish);
            match result.status {
                _ if result.bytes_produced > 0 || buf.is_empty() => {
                    return Ok(result.bytes_produced);
                }
                Status::StreamEnd => return Ok(0),
                Status::Ok if is_stuck => return Err(io::ErrorKind::UnexpectedEof.into()),
                Status::Ok => {}
            }
        }
    }
}
