//! The encoders of a worker.

use crate::codec::{Codec, Encoder};

/// Encoders by codec, each made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Encoders(Vec<(Codec, EncoderPair)>);

/// The encoder of a codec, and that of the quickest codec of the same algorithm.
#[derive(Debug)]
pub(super) struct EncoderPair {
    pub(super) encoder: Encoder,
    pub(super) quickest: Encoder,
}

impl Encoders {
    pub(super) fn of(&mut self, codec: Codec) -> &mut EncoderPair {
        let known = self.0.iter().position(|(known, _)| *known == codec);
        let index = known.unwrap_or_else(|| {
            let quickest = Encoder::new(codec.quickest());
            self.0.push((codec, EncoderPair { encoder: Encoder::new(codec), quickest }));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}
