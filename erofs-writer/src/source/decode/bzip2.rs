//! Streams of bzip2.

use std::io;

use bzip2::bufread::BzDecoder;

use super::stream::{Decode, Next, Stream, next_byte};

/// Bytes after the first stream that do not begin another one are ignored, as bzip2
/// does.
impl<'a> Decode<'a> for BzDecoder<Stream<'a>> {
    fn start(mut stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>> {
        match next_byte(&mut stream)? {
            Some(next) if is_first || next == b'B' => Ok(Next::Decoder(BzDecoder::new(stream))),
            _ => Ok(Next::End(stream)),
        }
    }

    fn into_rest(self) -> io::Result<Stream<'a>> {
        Ok(self.into_inner())
    }
}
