//! The stream of lzma, the predecessor of xz.

use std::io::{self, Read};

use lzma_rust2::LzmaReader;

use super::stream::{DICTIONARY_MAX, Decode, Next, Stream, check_memory};

/// There is only one stream.
impl<'a> Decode<'a> for LzmaReader<Stream<'a>> {
    fn start(mut stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>> {
        if !is_first {
            return Ok(Next::End(stream));
        }
        let mut header = [0; 13];
        stream.read_exact(&mut header)?;
        let [props, a, b, c, d, len @ ..] = header;
        let (dictionary, len) = (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(len));
        check_memory("dictionary", u64::from(dictionary).min(len), DICTIONARY_MAX)?;
        LzmaReader::new_with_props(stream, len, props, dictionary, None).map(Next::Decoder)
    }

    fn into_rest(self) -> io::Result<Stream<'a>> {
        let (mut stream, unused) = self.into_parts();
        stream.give_back(unused);
        Ok(stream)
    }
}
