//! The settings of the algorithms in an image (`compr_cfgs`).

use zerocopy::{FromZeros, Immutable, IntoBytes};

use super::any::Codec;
use crate::format::algorithm::{
    Algorithm, DeflateCfgs, LZ4_MAX_DISTANCE, Lz4Cfgs, LzmaCfgs, ZstdCfgs,
};
use crate::format::to_u64;

/// The most that anything in an image needs of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CodecLimits {
    /// How many blocks a pcluster has.
    pub(crate) pcluster_blocks: u16,
    /// The bytes of the dictionary of LZMA, 0 if nothing is compressed by it.
    pub(crate) lzma_dict_size: u32,
    /// The logarithms of the windows of deflate and zstd, 0 if nothing is compressed by
    /// them.
    pub(crate) deflate_window_log: u8,
    pub(crate) zstd_window_log: u8,
}

impl CodecLimits {
    /// Takes in a codec, for pclusters of up to so many bytes.
    #[cfg_attr(
        not(any(feature = "lzma", feature = "zstd")),
        expect(unused_variables, reason = "others have one window for all lengths")
    )]
    pub(crate) fn add(&mut self, codec: Codec, pcluster_len: usize) {
        match codec {
            #[cfg(feature = "lz4")]
            Codec::Lz4(_) => {}
            #[cfg(feature = "lzma")]
            Codec::Lzma(settings) => {
                let bytes = settings.dict_size(pcluster_len);
                self.lzma_dict_size = self.lzma_dict_size.max(bytes);
            }
            #[cfg(feature = "deflate")]
            Codec::Deflate(settings) => {
                self.deflate_window_log = self.deflate_window_log.max(settings.window_log());
            }
            #[cfg(feature = "zstd")]
            Codec::Zstd(settings) => {
                let log = settings.window_log(pcluster_len);
                self.zstd_window_log = self.zstd_window_log.max(log);
            }
        }
    }
}

impl CodecLimits {
    /// What is needed by two of them.
    pub(crate) fn max(self, other: Self) -> Self {
        CodecLimits {
            pcluster_blocks: self.pcluster_blocks.max(other.pcluster_blocks),
            lzma_dict_size: self.lzma_dict_size.max(other.lzma_dict_size),
            deflate_window_log: self.deflate_window_log.max(other.deflate_window_log),
            zstd_window_log: self.zstd_window_log.max(other.zstd_window_log),
        }
    }
}

/// The field `u1` of the superblock, and the records after the superblock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CompressionConfig {
    /// `available_compr_algs` if there are records, else `lz4_max_distance`.
    pub(crate) u1: u16,
    /// One for each algorithm, in the order of their numbers. None if the distance of LZ4
    /// is the only setting.
    pub(crate) records: Vec<u8>,
}

impl CompressionConfig {
    /// The settings of an image with these algorithms.
    pub(crate) fn new(algorithms: &[Algorithm], limits: CodecLimits) -> Self {
        let mut config = CompressionConfig::default();
        match algorithms {
            [] => {}
            [Algorithm::Lz4] if limits.pcluster_blocks <= 1 => config.u1 = LZ4_MAX_DISTANCE,
            _ => {
                for algorithm in algorithms {
                    config.u1 |= 1 << algorithm.number();
                    config.push(*algorithm, limits);
                }
            }
        }
        config
    }

    /// How many bytes the records have.
    pub(crate) fn records_len(&self) -> u64 {
        to_u64(self.records.len())
    }

    /// Appends the record of one algorithm.
    fn push(&mut self, algorithm: Algorithm, limits: CodecLimits) {
        match algorithm {
            Algorithm::Lz4 => {
                let mut record = Lz4Cfgs::new_zeroed();
                record.max_distance = LZ4_MAX_DISTANCE.into();
                record.max_pclusterblks = limits.pcluster_blocks.into();
                self.push_bytes(&record);
            }
            Algorithm::Lzma => {
                let mut record = LzmaCfgs::new_zeroed();
                record.dict_size = limits.lzma_dict_size.into();
                self.push_bytes(&record);
            }
            Algorithm::Deflate => {
                let mut record = DeflateCfgs::new_zeroed();
                record.windowbits = limits.deflate_window_log;
                self.push_bytes(&record);
            }
            Algorithm::Zstd => {
                let mut record = ZstdCfgs::new_zeroed();
                record.windowlog = limits.zstd_window_log.saturating_sub(10);
                self.push_bytes(&record);
            }
        }
    }

    /// Appends a record, after its length.
    fn push_bytes(&mut self, record: &(impl IntoBytes + Immutable)) {
        let len = u16::try_from(record.as_bytes().len()).expect("records are short");
        self.records.extend(len.to_le_bytes());
        self.records.extend(record.as_bytes());
    }
}
