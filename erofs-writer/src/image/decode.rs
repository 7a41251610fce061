//! Decoding of pclusters.

use std::cell::RefCell;
use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress};
use lzma_rust2::LzmaReader;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::lz4;
use super::superblock::Super;
use crate::format::algorithm::Algorithm;
use crate::format::to_u64;
use crate::zstd_header::{Header, MAGIC};

thread_local! {
    /// The decoder of a worker. Making its tables takes longer than to decode a block.
    static ZSTD: RefCell<Option<Box<FrameDecoder>>> = const { RefCell::new(None) };
}

impl Super {
    /// Fills `out` with the first bytes that a pcluster decodes to.
    pub(super) fn decode(
        &self,
        algorithm: Algorithm,
        pcluster: &[u8],
        out: &mut [u8],
    ) -> io::Result<()> {
        match algorithm {
            Algorithm::Lz4 => match lz4::decode(pcluster, out) {
                true => Ok(()),
                false => Err(io::ErrorKind::InvalidData.into()),
            },
            Algorithm::Lzma => self.decode_lzma(pcluster, out),
            Algorithm::Deflate => inflate(pcluster, out),
            Algorithm::Zstd => self.decode_zstd(pcluster, out),
        }
    }

    fn decode_lzma(&self, pcluster: &[u8], out: &mut [u8]) -> io::Result<()> {
        let (first, rest) = pcluster.split_first().ok_or(io::ErrorKind::InvalidData)?;
        // An LZMA stream begins with a zero, in place of which are its properties,
        // inverted.
        let stream = [0].chain(rest);
        let len = to_u64(out.len());
        // No distance is longer than what is decoded.
        let dict = self.lzma_dict.min(u32::try_from(len).unwrap_or(u32::MAX)).max(4096);
        // With a length, it would have to end there, and not within a match.
        LzmaReader::new_with_props(stream, u64::MAX, !first, dict, None)?.read_exact(out)
    }

    fn decode_zstd(&self, pcluster: &[u8], out: &mut [u8]) -> io::Result<()> {
        let (magic, mut blocks) = pcluster.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        if u32::from_le_bytes(*magic) != MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let header = Header::read(&mut blocks)?;
        let len = to_u64(out.len());
        // The decoder reserves the window. That of a frame of one segment is its length.
        let is_valid = header.window <= self.zstd_window.max(len)
            && header.dictionary == 0
            && header.len.is_none_or(|all| all >= len);
        if !is_valid {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut decoder = ZSTD.take().unwrap_or_else(|| Box::new(FrameDecoder::new()));
        let frame = header.bytes.chain(blocks);
        let decoded = StreamingDecoder::new_with_decoder(frame, &mut *decoder)
            .map_err(io::Error::other)
            .and_then(|mut frame| frame.read_exact(out));
        ZSTD.set(Some(decoder));
        decoded
    }
}

fn inflate(pcluster: &[u8], out: &mut [u8]) -> io::Result<()> {
    let mut decoder = Decompress::new(false);
    decoder.decompress(pcluster, out, FlushDecompress::Finish)?;
    match decoder.total_out() == to_u64(out.len()) {
        true => Ok(()),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}
