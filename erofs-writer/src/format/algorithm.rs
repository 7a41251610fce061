//! Compression algorithms (`Z_EROFS_COMPRESSION_*`), and their records after the
//! superblock.

use std::fmt;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An algorithm of the format. `Display` gives its name, such as `zstd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// `Z_EROFS_COMPRESSION_LZ4`.
    #[default]
    Lz4,
    /// `Z_EROFS_COMPRESSION_LZMA`.
    Lzma,
    /// `Z_EROFS_COMPRESSION_DEFLATE`.
    Deflate,
    /// `Z_EROFS_COMPRESSION_ZSTD`.
    Zstd,
}

impl Algorithm {
    /// Its number, as `h_algorithmtype` has it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Algorithm::Lz4 => 0,
            Algorithm::Lzma => 1,
            Algorithm::Deflate => 2,
            Algorithm::Zstd => 3,
        }
    }

    /// The algorithm with this number.
    #[cfg(feature = "image")]
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        let all = [Algorithm::Lz4, Algorithm::Lzma, Algorithm::Deflate, Algorithm::Zstd];
        all.into_iter().find(|algorithm| algorithm.number() == number)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Lz4 => "lz4",
            Algorithm::Lzma => "lzma",
            Algorithm::Deflate => "deflate",
            Algorithm::Zstd => "zstd",
        })
    }
}

/// The record of LZ4 (`struct z_erofs_lz4_cfgs` in the kernel). The length of a record
/// comes before it.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Lz4Cfgs {
    pub(crate) max_distance: U16,
    pub(crate) max_pclusterblks: U16,
    pub(crate) reserved: [u8; 10],
}

/// The record of LZMA (`struct z_erofs_lzma_cfgs`).
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LzmaCfgs {
    pub(crate) dict_size: U32,
    pub(crate) format: U16,
    pub(crate) reserved: [u8; 8],
}

/// The record of deflate (`struct z_erofs_deflate_cfgs`).
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct DeflateCfgs {
    /// The logarithm of the window.
    pub(crate) windowbits: u8,
    pub(crate) reserved: [u8; 5],
}

/// The record of Zstandard (`struct z_erofs_zstd_cfgs`).
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ZstdCfgs {
    pub(crate) format: u8,
    /// The logarithm of the window, less 10.
    pub(crate) windowlog: u8,
    pub(crate) reserved: [u8; 4],
}

const _: () = assert!(size_of::<Lz4Cfgs>() == 14 && size_of::<LzmaCfgs>() == 14);
const _: () = assert!(size_of::<DeflateCfgs>() == 6 && size_of::<ZstdCfgs>() == 6);

/// The greatest distance of an LZ4 match.
pub(crate) const LZ4_MAX_DISTANCE: u16 = 65_535;
