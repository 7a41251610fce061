//! The encoders of a worker.

use crate::codec::Encode;
use crate::format::to_usize;
use crate::options::FileCodec;

/// Encoders by codec, each made when it is first needed.
#[derive(Debug)]
pub(super) struct Encoders {
    block_len: usize,
    pairs: Vec<(FileCodec, EncoderPair)>,
}

/// The encoder of a codec, and one that tells how much fits into a block.
#[derive(Debug)]
pub(super) struct EncoderPair {
    pub(super) encoder: Box<dyn Encode>,
    pub(super) estimator: Box<dyn Encode>,
}

impl Encoders {
    pub(super) fn new(block_len: usize) -> Self {
        Encoders { block_len, pairs: Vec::new() }
    }

    pub(super) fn of(&mut self, codec: FileCodec) -> &mut EncoderPair {
        let known = self.pairs.iter().position(|(known, _)| *known == codec);
        let index = known.unwrap_or_else(|| {
            let encoder = codec.codec.encoder(to_usize(codec.pcluster_len));
            // Windows for a block are short, so that this takes little memory.
            let estimator = codec.codec.quickest().encoder(self.block_len);
            self.pairs.push((codec, EncoderPair { encoder, estimator }));
            self.pairs.len() - 1
        });
        &mut self.pairs[index].1
    }
}
