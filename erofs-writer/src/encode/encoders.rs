//! The encoders of a worker.

use crate::codec::Encode;
use crate::format::to_usize;
use crate::options::FileCodec;

/// Encoders by codec, each made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Encoders(Vec<(FileCodec, EncoderPair)>);

/// The encoder of a codec, and that of the quickest codec of the same algorithm.
#[derive(Debug)]
pub(super) struct EncoderPair {
    pub(super) encoder: Box<dyn Encode>,
    pub(super) quickest: Box<dyn Encode>,
}

impl Encoders {
    pub(super) fn of(&mut self, codec: FileCodec) -> &mut EncoderPair {
        let known = self.0.iter().position(|(known, _)| *known == codec);
        let index = known.unwrap_or_else(|| {
            let len = to_usize(codec.pcluster_len);
            let encoder = codec.codec.encoder(len);
            let pair = EncoderPair { encoder, quickest: codec.codec.quickest().encoder(len) };
            self.0.push((codec, pair));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}
