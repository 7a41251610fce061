//! Indexes of compressed files (`struct z_erofs_map_header` and what follows).

/// The length of the map header.
pub(crate) const HEADER_LEN: u64 = 8;

/// `h_advise`: there are packs of 16 entries in 32 bytes.
pub(crate) const ADVISE_COMPACTED_2B: u16 = 0x01;
/// `h_advise`: pclusters of the first algorithm may have several blocks.
pub(crate) const ADVISE_BIG_PCLUSTER_1: u16 = 0x02;
/// `h_advise`: those of the second, too; compact indexes demand both or none.
pub(crate) const ADVISE_BIG_PCLUSTER_2: u16 = 0x04;

/// `h_advise`: the last pcluster lies behind the index (Linux 5.17).
pub(crate) const ADVISE_INLINE_PCLUSTER: u16 = 0x08;

/// `h_advise`: plain blocks are rings, in which bytes lie where they lie in a
/// block of the file (Linux 6.1).
pub(crate) const ADVISE_INTERLACED_PCLUSTER: u16 = 0x10;
/// `h_advise`: the last extent is a fragment (Linux 6.1).
pub(crate) const ADVISE_FRAGMENT_PCLUSTER: u16 = 0x20;

/// An lcluster in which an extent of uncompressed bytes begins.
pub(crate) const TYPE_PLAIN: u32 = 0;
/// One in which an extent begins that the first algorithm has compressed.
pub(crate) const TYPE_HEAD1: u32 = 1;
/// One in which no extent begins.
pub(crate) const TYPE_NONHEAD: u32 = 2;

/// Of the entry of a full index: of what the pcluster holds, the file has only
/// what comes first (Linux 6.1).
pub(crate) const PARTIAL_REF: u16 = 1 << 15;

/// In place of the distance to the head: what is left are blocks.
pub(crate) const DELTA0_CBLKCNT: u16 = 0x800;
/// The farthest that a distance goes.
pub(crate) const DELTA_MAX: u16 = 0x7ff;

/// The most bytes that an extent has when decoded.
pub(crate) const DECODED_MAX: usize = 12 << 20;
