//! Any algorithm.

#[cfg(feature = "deflate")]
use super::deflate;
#[cfg(feature = "lz4")]
use super::lz4;
#[cfg(feature = "lzma")]
use super::lzma;
use super::segment::Encode;
#[cfg(feature = "zstd")]
use super::zstd;
use crate::format::algorithm::Algorithm;

/// An algorithm that compresses files, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// LZ4 (Linux 5.4). It decodes the fastest.
    #[cfg(feature = "lz4")]
    Lz4(lz4::Level),
    /// LZMA (Linux 5.16). Its images are the smallest, and the slowest to read.
    #[cfg(feature = "lzma")]
    Lzma(lzma::Settings),
    /// Deflate (Linux 6.6).
    #[cfg(feature = "deflate")]
    Deflate(deflate::Settings),
    /// Zstandard (Linux 6.10).
    #[cfg(feature = "zstd")]
    Zstd(zstd::Settings),
}

impl Codec {
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4(_) => Algorithm::Lz4,
            #[cfg(feature = "lzma")]
            Codec::Lzma(_) => Algorithm::Lzma,
            #[cfg(feature = "deflate")]
            Codec::Deflate(_) => Algorithm::Deflate,
            #[cfg(feature = "zstd")]
            Codec::Zstd(_) => Algorithm::Zstd,
        }
    }

    /// The quickest codec of the same algorithm. It estimates whether something can be
    /// compressed, and how much fits into a block.
    pub(crate) fn quickest(self) -> Codec {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4(_) => Codec::Lz4(lz4::Level::FAST),
            #[cfg(feature = "lzma")]
            Codec::Lzma(settings) => Codec::Lzma(settings.with_level(lzma::Level::MIN)),
            #[cfg(feature = "deflate")]
            Codec::Deflate(settings) => Codec::Deflate(settings.with_level(deflate::Level::MIN)),
            #[cfg(feature = "zstd")]
            Codec::Zstd(settings) => Codec::Zstd(settings.with_level(zstd::Level::MIN)),
        }
    }

    /// How far back a match may begin in outputs of up to `output_len` bytes.
    #[cfg_attr(
        not(any(feature = "lzma", feature = "zstd")),
        expect(unused_variables, reason = "others have one window for all lengths")
    )]
    pub(crate) fn window(self, output_len: usize) -> u64 {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4(_) => 1 << 16,
            #[cfg(feature = "lzma")]
            Codec::Lzma(settings) => settings.dict_size(output_len).into(),
            #[cfg(feature = "deflate")]
            Codec::Deflate(settings) => 1 << settings.window_log(),
            #[cfg(feature = "zstd")]
            Codec::Zstd(settings) => 1 << settings.window_log(output_len),
        }
    }

    /// An encoder for outputs of up to `output_len` bytes.
    #[cfg_attr(
        not(any(feature = "deflate", feature = "lzma", feature = "zstd")),
        expect(unused_variables, reason = "LZ4 has one window for all lengths")
    )]
    pub(crate) fn encoder(self, output_len: usize) -> Box<dyn Encode> {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4(level) => Box::new(lz4::Encoder::new(level)),
            #[cfg(feature = "lzma")]
            Codec::Lzma(settings) => Box::new(lzma::Encoder::new(settings, output_len)),
            #[cfg(feature = "deflate")]
            Codec::Deflate(settings) => Box::new(deflate::Encoder::new(settings, output_len)),
            #[cfg(feature = "zstd")]
            Codec::Zstd(settings) => Box::new(zstd::Encoder::new(settings, output_len)),
        }
    }
}
