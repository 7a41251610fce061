//! Sizes of files and symlinks, and runs of zeros.

use std::collections::BTreeSet;

use erofs_writer::Tree;

use super::{BLOCK_SIZES, Builder, noise};
use crate::num::wide;

/// Sizes at which a layout changes for some block size: around nothing, one slot, the
/// largest tails after inodes of both forms, one and two blocks.
fn edge_sizes() -> BTreeSet<usize> {
    let mut sizes: BTreeSet<usize> = [0, 1, 31, 32, 33].into();
    for block in BLOCK_SIZES {
        for edge in [block - 64, block - 32, block, 2 * block] {
            sizes.extend(edge - 1..=edge + 1);
        }
        // A block, and the largest tails.
        sizes.extend([2 * block - 64, 2 * block - 63, 2 * block - 32, 2 * block - 31]);
    }
    sizes
}

/// Files of every edge size.
#[must_use]
pub fn file_sizes() -> Tree {
    let mut tree = Builder::new();
    let mib = 1 << 20;
    for size in edge_sizes().into_iter().chain([mib - 1, mib, mib + 1]) {
        tree.file(format!("{size:07}"), noise(wide(size), size));
    }
    tree.done()
}

/// Symlinks of every edge size up to the longest.
#[must_use]
pub fn symlink_sizes() -> Tree {
    let mut tree = Builder::new();
    let sizes = edge_sizes().into_iter().chain([4094, 4095]);
    for size in sizes.filter(|size| (1..=4095).contains(size)).collect::<BTreeSet<_>>() {
        let target: Vec<u8> = b"target/".iter().copied().cycle().take(size).collect();
        tree.symlink(format!("{size:04}"), target);
    }
    tree.symlink("bytes", b"\x01 \xff/\x80..".to_vec());
    tree.done()
}

/// Files with zeros at the start, in the middle, at the end and everywhere.
#[must_use]
pub fn zero_runs() -> Tree {
    const KIB: usize = 1024;
    let mut tree = Builder::new();
    let mut add = |name: &str, len: usize, zeros: &[(usize, usize)]| {
        let mut bytes = noise(wide(len), len);
        for &(start, end) in zeros {
            bytes[start..end].fill(0);
        }
        tree.file(name, bytes);
    };
    let len = 2048 * KIB + 77;
    add("start", len, &[(0, 900 * KIB)]);
    add("middle", len, &[(500 * KIB, 1500 * KIB)]);
    add("end", len, &[(700 * KIB, len)]);
    add("all", len, &[(0, len)]);
    let granules = (0..len / (128 * KIB)).map(|n| (n * 128 * KIB, (n * 128 + 64) * KIB));
    add("alternating", len, &granules.collect::<Vec<_>>());
    add("one granule", len, &[(64 * KIB, 128 * KIB)]);
    add("too short", len, &[(65 * KIB, 128 * KIB)]);
    add("not aligned", len, &[(60 * KIB, 128 * KIB - 1)]);
    for (name, len) in
        [("mib", KIB * KIB), ("mib less", KIB * KIB - 1), ("mib more", KIB * KIB + 1)]
    {
        add(&format!("all of {name}"), len, &[(0, len)]);
        add(&format!("half of {name}"), len, &[(0, len / 2)]);
    }
    // The last byte of a granule decides.
    add("last byte", len, &[(0, 128 * KIB - 1)]);
    add("small", 20 * KIB, &[(0, 20 * KIB)]);
    // The same as another with holes, and of another length.
    add("start again", len, &[(0, 900 * KIB)]);
    add("longer", len + 4096, &[(0, 900 * KIB)]);
    tree.done()
}
