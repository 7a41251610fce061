//! Compression algorithms (`Z_EROFS_COMPRESSION_*`), and their entries after the
//! superblock.

use zerocopy::little_endian::U16;
use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

/// An algorithm of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Algorithm {
    /// `Z_EROFS_COMPRESSION_LZ4`.
    #[default]
    Lz4,
}

impl Algorithm {
    /// Its number, as `h_algorithmtype` has it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Algorithm::Lz4 => 0,
        }
    }
}

/// The entry of LZ4 (`struct z_erofs_lz4_cfgs` in the kernel), after its length.
#[derive(Debug, Clone, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Lz4Cfgs {
    /// How many bytes follow.
    pub(crate) len: U16,
    pub(crate) max_distance: U16,
    pub(crate) max_pclusterblks: U16,
    pub(crate) reserved: [u8; 10],
}

const _: () = assert!(size_of::<Lz4Cfgs>() == 16);

/// The greatest distance of an LZ4 match.
pub(crate) const LZ4_MAX_DISTANCE: u16 = 65_535;
