//! What is measured: the ways to make an image, in the order in which a person should
//! consider them.

use serde::{Deserialize, Serialize};

/// A program that makes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// The command of this project.
    #[serde(rename = "mkfs-erofs")]
    Ours,
    /// `mkfs.erofs` of erofs-utils.
    #[serde(rename = "mkfs.erofs")]
    Erofs,
    /// `mksquashfs` of squashfs-tools.
    #[serde(rename = "mksquashfs")]
    Squashfs,
    /// `mke2fs` of e2fsprogs.
    #[serde(rename = "mke2fs")]
    Ext4,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Erofs, Self::Squashfs, Self::Ext4];

    /// The name of its command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "mkfs-erofs",
            Self::Erofs => "mkfs.erofs",
            Self::Squashfs => "mksquashfs",
            Self::Ext4 => "mke2fs",
        }
    }
}

/// A way to make an image.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// What makes it.
    pub program: Program,
    /// What a person calls it.
    pub name: &'static str,
    /// The same in the picture, which has little room.
    pub label: &'static str,
    /// The flags that matter.
    pub flags: &'static str,
    /// The oldest Linux that can mount it. Ours is what the build reports.
    pub linux: Option<&'static str>,
}

const fn ours(name: &'static str, label: &'static str, flags: &'static str) -> Mode {
    Mode { program: Program::Ours, name, label, flags, linux: None }
}

const fn peer(
    program: Program,
    [name, label, flags]: [&'static str; 3],
    linux: &'static str,
) -> Mode {
    Mode { program, name, label, flags, linux: Some(linux) }
}

const ERO: Program = Program::Erofs;
const SQU: Program = Program::Squashfs;
const RECOMMENDED: &str = "-zlz4hc -C65536 -Eztailpacking,fragments";
const ZSTD: &str = "-zzstd,3 -C65536";
const SHARED: &str = "-zzstd,9 -C65536 -Eall-fragments,dedupe";

/// All of them. The first one is what to copy.
///
/// Since when Linux reads the images of the peers:
/// - mkfs.erofs: by the features that `dump.erofs -s` shows of them, as in
///   `erofs-writer/src/options/kernel.rs`;
/// - squashfs: the first release with the compressor's file in `fs/squashfs`
///   (`xz_wrapper.c`, `lz4_wrapper.c`, `zstd_wrapper.c`);
/// - ext4: the newest feature that Debian's mke2fs turns on, metadata_csum, by the section
///   on kernels of the manual page ext4(5).
pub const MODES: &[Mode] = &[
    ours("the one to copy", "lz4hc 64K, fragments", RECOMMENDED),
    ours("quick to build", "lz4", "-zlz4"),
    ours("plain", "plain", ""),
    ours("zstd, quick to build", "zstd 3", ZSTD),
    ours("zstd, small", "zstd 9, dedupe", SHARED),
    ours("smallest for Linux 6.12", "--small, for 6.12", "--small --target-kernel=6.12"),
    ours("smallest", "--small", "--small"),
    peer(ERO, ["plain", "plain", ""], "5.4"),
    peer(ERO, ["lz4", "lz4", "-zlz4"], "5.4"),
    peer(ERO, ["lz4hc with fragments", "lz4hc 64K, fragments", RECOMMENDED], "6.1"),
    peer(ERO, ["zstd", "zstd 3", ZSTD], "6.10"),
    peer(ERO, ["zstd, small", "zstd 9, dedupe", SHARED], "6.10"),
    peer(SQU, ["zstd, as it is by default", "zstd", "-comp zstd"], "4.14"),
    peer(
        SQU,
        ["zstd, as in Nixpkgs", "zstd 19 1M", "-comp zstd -Xcompression-level 19 -b 1M"],
        "4.14",
    ),
    peer(SQU, ["xz", "xz 1M", "-comp xz -b 1M"], "2.6.38"),
    peer(SQU, ["lz4", "lz4hc", "-comp lz4 -Xhc"], "3.19"),
    peer(Program::Ext4, ["ext4, as in Nixpkgs", "ext4", "-t ext4 -d"], "3.18"),
];
