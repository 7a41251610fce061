//! Streams of gzip.

use std::io::{self, BufRead};

use flate2::bufread::GzDecoder;

use super::stream::{Decode, Next, Stream, invalid, next_byte};

/// Streams may have zeros after them, as on tapes.
impl<'a> Decode<'a> for GzDecoder<Stream<'a>> {
    fn start(mut stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>> {
        let Some(next) = next_byte(&mut stream)? else { return Ok(Next::End(stream)) };
        if is_first || next != 0 {
            return Ok(Next::Decoder(GzDecoder::new(stream)));
        }
        while next_byte(&mut stream)?.is_some() {
            let zeros = stream.buffer().iter().take_while(|byte| **byte == 0).count();
            if zeros == 0 {
                return Err(invalid("has data after its end that is not gzip"));
            }
            stream.consume(zeros);
        }
        Ok(Next::End(stream))
    }

    fn into_rest(self) -> io::Result<Stream<'a>> {
        Ok(self.into_inner())
    }
}
