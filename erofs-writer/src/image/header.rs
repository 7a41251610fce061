//! The header before an index.

use super::place::Place;
use crate::format::compression::{
    ADVISE_BIG_PCLUSTER_1, ADVISE_BIG_PCLUSTER_2, ADVISE_FRAGMENT_PCLUSTER, ADVISE_INLINE_PCLUSTER,
    ADVISE_INTERLACED_PCLUSTER, MapHeader,
};

/// What it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Where it is.
    pub(super) place: Place,
    pub(super) compact: bool,
    advise: u16,
    /// The first four bytes.
    pub(super) word: u32,
    pub(super) algorithms: u8,
    cluster_bits: u8,
}

impl Header {
    pub(super) fn new(place: Place, compact: bool, found: &MapHeader) -> Self {
        Header {
            place,
            compact,
            advise: found.h_advise.get(),
            word: found.h_fragmentoff.get(),
            algorithms: found.h_algorithmtype,
            cluster_bits: found.h_clusterbits,
        }
    }

    pub(super) fn has(&self, advise: u16) -> bool {
        self.advise & advise != 0
    }

    /// The logarithm of the length of an lcluster.
    pub(super) fn lcluster_bits(&self, block_bits: u32) -> u32 {
        block_bits + u32::from(self.cluster_bits & 15)
    }

    /// The logarithm of the length of a record of encoded extents.
    pub(super) fn record_bits(&self) -> u32 {
        2 + u32::from(self.advise >> 1 & 3)
    }

    /// The number of encoded extents, where the header has it.
    pub(super) fn records(&self) -> u64 {
        let high = u16::from_le_bytes([self.algorithms, self.cluster_bits]);
        u64::from(high) << 32 | u64::from(self.word)
    }

    pub(super) fn interlaced(&self) -> bool {
        self.has(ADVISE_INTERLACED_PCLUSTER)
    }

    pub(super) fn fragment(&self) -> bool {
        self.has(ADVISE_FRAGMENT_PCLUSTER)
    }

    pub(super) fn big(&self, second: bool) -> bool {
        self.has(if second { ADVISE_BIG_PCLUSTER_2 } else { ADVISE_BIG_PCLUSTER_1 })
    }

    /// The length of the pcluster after the inode, 0 if there is none.
    pub(super) fn inline_len(&self) -> u16 {
        let high = u16::try_from(self.word >> 16).expect("16 bits");
        if self.has(ADVISE_INLINE_PCLUSTER) { high } else { 0 }
    }
}
