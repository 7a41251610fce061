//! Compressed images through all readers: parts of long files, pclusters of every size,
//! and files that are better stored as they are.

use erofs_writer::codec::lz4::Level;
use erofs_writer::{BlockSize, Codec, Options, PclusterSize, Tree};
use testdata::raw::model::Data;
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::verify;

use crate::support::{assert_same, decoded, fixed, image, incompat, verify};

pub(crate) fn lz4(level: u8) -> Options {
    fixed().codec(Codec::Lz4(Level::new(level).unwrap()))
}

pub(crate) fn pclusters(bytes: u32) -> PclusterSize {
    PclusterSize::new(bytes).unwrap()
}

/// Files of lengths around those of blocks, pclusters and parts.
fn lengths() -> Tree {
    let mut tree = Builder::new();
    let parts = 4 << 20;
    for len in [
        1,
        4095,
        4096,
        4097,
        5000,
        8191,
        8192,
        8193,
        65_535,
        65_536,
        65_537,
        300_000,
        parts - 1,
        parts,
        parts + 1,
        parts + 4097,
        2 * parts + 100_000,
    ] {
        tree.file(format!("text-{len}"), text(1, len));
        tree.file(format!("mixed-{len}"), mixed(2, len));
        tree.file(format!("zeros-{len}"), vec![0; len]);
    }
    tree.done()
}

/// Files of up to `max` bytes with ends of many lengths, some of which do not
/// shrink.
pub(crate) fn ends(max: usize) -> Tree {
    let mut tree = Builder::new();
    let short = [1, 60, 100, 129, 500, 2000, 4000, 4095, 4096, 4097, 4200, 6000, 8192];
    let long = [12_000, 30_000, 65_536, 65_537, 100_000, 300_001, 4 << 20, (4 << 20) + 100];
    for len in short.into_iter().chain(long).filter(|len| *len <= max) {
        tree.file(format!("text-{len}.txt"), text(1, len));
        tree.file(format!("mixed-{len}.so"), mixed(2, len));
        tree.file(format!("zeros-{len}"), vec![0; len]);
        tree.file(format!("noise-{len}"), noise(5, len));
        tree.file(format!("noise-at-end-{len}"), [text(3, len), noise(3, len % 5000)].concat());
    }
    tree.done()
}

/// Lets all readers judge images of such files in blocks of every size, with
/// pclusters of one block and of several.
pub(crate) fn come_back_in_blocks_of_every_size(options: &Options) {
    let tree = ends(100_000);
    for bytes in [512, 1024, 2048, 8192, 16_384, 65_536] {
        let options = options.clone().block_size(BlockSize::new(bytes).unwrap());
        for options in [options.clone(), options.pcluster_size(pclusters(65_536))] {
            verify(&image(&tree, options), &tree, &verify::Options::default());
        }
    }
}

#[test]
fn files_of_any_length_come_back() {
    let tree = lengths();
    let check = verify::Options { random_reads: 16, ..verify::Options::default() };
    for (level, size) in [(0, 4096), (9, 4096), (0, 65_536), (12, 65_536), (9, 1 << 20)] {
        for full in [false, true] {
            let options = lz4(level).pcluster_size(pclusters(size)).full_indexes(full);
            verify(&image(&tree, options), &tree, &check);
        }
    }
}

#[test]
fn all_boundary_trees_come_back_compressed() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    for options in [lz4(0), lz4(9).pcluster_size(pclusters(16_384))] {
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

#[test]
fn blocks_of_every_size_come_back() {
    let tree = lengths();
    for bytes in [512, 1024, 2048, 8192, 16_384, 32_768, 65_536] {
        let block = BlockSize::new(bytes).unwrap();
        for size in [bytes, (4 * bytes).min(1 << 20)] {
            let options = lz4(1).block_size(block).pcluster_size(pclusters(size));
            verify(&image(&tree, options), &tree, &verify::Options::default());
        }
    }
}

#[test]
fn what_does_not_become_smaller_is_stored_as_it_is() {
    let mut tree = Builder::new();
    for len in [100, 4096, 5000, 70_000, 5 << 20] {
        tree.file(format!("{len}"), noise(3, len));
    }
    // One block less, but not with its index.
    tree.file("hardly", [noise(4, 4090), vec![0; 20]].concat());
    let tree = tree.done();
    let compressed = image(&tree, lz4(9));
    assert_same(&image(&tree, fixed()), &compressed, "nothing was compressed");
    assert_eq!(incompat(&compressed), 0, "so no feature is needed");
}

#[test]
fn features_are_those_that_are_used() {
    let mut tree = Builder::new();
    tree.file("a", text(1, 9000));
    let tree = tree.done();
    assert_eq!(incompat(&image(&tree, lz4(0))), 1);
    // All of it fits into a block.
    assert_eq!(incompat(&image(&tree, lz4(9).pcluster_size(pclusters(65_536)))), 1);
    let mut tree = Builder::new();
    tree.file("a", mixed(1, 90_000));
    let tree = tree.done();
    assert_eq!(incompat(&image(&tree, lz4(9).pcluster_size(pclusters(65_536)))), 3);
}

#[test]
fn copies_of_compressed_files_lie_in_the_same_pclusters() {
    let mut tree = Builder::new();
    for name in ["a", "b", "c"] {
        tree.file(name, mixed(1, 200_000));
    }
    tree.file("d", mixed(9, 200_000));
    let tree = tree.done();
    for inline_data in [true, false] {
        let image = image(&tree, lz4(9).inline_data(inline_data));
        let model = decoded(&image);
        let files = model.inodes.values().filter(|node| node.path != b"/");
        let extents = |data: &Data| match data {
            Data::Compressed(map) => format!("{:?}", map.extents),
            other => panic!("{other:?}"),
        };
        let data: Vec<String> = files.map(|node| extents(&node.data)).collect();
        assert_eq!(data[0], data[1]);
        assert_eq!(data[0], data[2]);
        assert_ne!(data[0], data[3]);
        verify(&image, &tree, &verify::Options::default());
    }
}

/// More inodes than fit after the superblock, so that metadata lies on both sides of
/// the pclusters; and no inode but the root.
#[test]
fn metadata_may_lie_on_one_or_both_sides_of_the_pclusters() {
    for count in [0, 1, 20, 3000] {
        let mut tree = Builder::new();
        for number in 0..count {
            tree.file(
                format!("{number}"),
                text(number, 3000 + 5 * usize::try_from(number).unwrap()),
            );
        }
        let tree = tree.done();
        for options in [lz4(0), lz4(0).block_size(BlockSize::new(512).unwrap())] {
            verify(&image(&tree, options), &tree, &verify::Options::default());
        }
    }
}
