//! The settings of the algorithms in an image (`compr_cfgs`).

use zerocopy::{FromZeros, IntoBytes};

use crate::format::algorithm::{Algorithm, LZ4_MAX_DISTANCE, Lz4Cfgs};
use crate::format::to_u64;

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
    /// The settings of an image with these algorithms, and with pclusters of up to
    /// `pcluster_blocks` blocks.
    pub(crate) fn new(algorithms: &[Algorithm], pcluster_blocks: u16) -> Self {
        let mut config = CompressionConfig::default();
        match algorithms {
            [] => {}
            [Algorithm::Lz4] if pcluster_blocks <= 1 => config.u1 = LZ4_MAX_DISTANCE,
            _ => {
                for algorithm in algorithms {
                    config.u1 |= 1 << algorithm.number();
                    config.records.extend(record(*algorithm, pcluster_blocks));
                }
            }
        }
        config
    }

    /// How many bytes the records have.
    pub(crate) fn records_len(&self) -> u64 {
        to_u64(self.records.len())
    }
}

/// The record of one algorithm.
fn record(algorithm: Algorithm, pcluster_blocks: u16) -> Vec<u8> {
    match algorithm {
        Algorithm::Lz4 => {
            let mut record = Lz4Cfgs::new_zeroed();
            let len = size_of::<Lz4Cfgs>() - size_of_val(&record.len);
            record.len = u16::try_from(len).expect("14 bytes").into();
            record.max_distance = LZ4_MAX_DISTANCE.into();
            record.max_pclusterblks = pcluster_blocks.into();
            record.as_bytes().to_vec()
        }
    }
}
