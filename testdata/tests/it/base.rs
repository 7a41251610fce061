//! Building again with an earlier image.

use std::path::{Path, PathBuf};

use erofs_writer::codec::{deflate, lzma, zstd};
use erofs_writer::{Base, BlockSize, Codec, ImageWriter, Metadata, Node, Options, Tails, Tree};
use tempfile::TempDir;
use testdata::raw::Rule;
use testdata::trees::{mixed, noise, text};
use testdata::verify;

use crate::compressed::{lz4, pclusters};
use crate::support::{fixed, image, verify};

/// What changes from one build to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    /// Bytes in the middle of a long file.
    Bytes,
    /// A file becomes longer, and comes before others of its kind.
    Longer,
    /// A file that others repeat is gone.
    Removed,
    /// A file comes that repeats one.
    Added,
    /// All paths are others.
    Moved,
}

/// The modes, as places among [`modes`], for which all changes are tried.
const MODES_OF_ALL_CHANGES: [usize; 4] = [0, 2, 4, 7];

const CHANGES: [Change; 6] =
    [Change::Nothing, Change::Bytes, Change::Longer, Change::Removed, Change::Added, Change::Moved];

/// Files that repeat each other and themselves, long and short ones, some that cannot be
/// compressed, and many that are no longer than a pcluster.
fn tree(change: Change) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let dir = if change == Change::Moved { "other" } else { "dir" };
    tree.insert(dir, Metadata::new(0o755), Node::Directory).unwrap();
    let mut put = |name: &str, bytes: Vec<u8>| {
        let path = format!("{dir}/{name}");
        tree.insert(path, Metadata::new(0o644), Node::file(bytes)).unwrap();
    };
    let long = text(1, 5 << 20);
    let mut changed = long.clone();
    if change == Change::Bytes {
        changed[3_000_000..3_000_010].fill(b'!');
    }
    let inner = &long[700_000..1_000_000];
    put("a-long.txt", changed);
    if change != Change::Removed {
        put("b-original.c", [noise(2, 3000), inner.to_vec(), text(3, 90_000)].concat());
    }
    put("c-repeats.c", [text(4, 5000), inner.to_vec()].concat());
    put("d-itself.c", [text(5, 60_000), noise(6, 100), text(5, 60_000)].concat());
    if change == Change::Added {
        put("e-added.c", [text(7, 3333), text(3, 90_000), inner[1..].to_vec()].concat());
    }
    put("f-noise.bin", noise(8, 700_000));
    put("g-mixed.bin", mixed(9, 300_000));
    put("h-sevens.bin", vec![7; 9 << 20]);
    let longer = usize::from(change == Change::Longer) * 777;
    for seed in 20_u8..200 {
        let len = usize::from(seed) * 97 + if seed == 40 { longer } else { 0 };
        put(&format!("many-{seed}.h"), text(seed.into(), len));
    }
    tree
}

fn modes() -> Vec<Options> {
    let zstd =
        |level| Codec::Zstd(zstd::Settings::default().with_level(zstd::Level::new(level).unwrap()));
    let with = |codec| fixed().codec(codec);
    let lzma = Codec::Lzma(lzma::Settings::default().with_level(lzma::Level::MIN));
    let deflate =
        Codec::Deflate(deflate::Settings::default().with_level(deflate::Level::new(6).unwrap()));
    let all = |options: Options| options.tails(Tails::AllFragments);
    vec![
        lz4(9),
        lz4(0).dedupe(true),
        lz4(9).tails(Tails::Inline).dedupe(true),
        lz4(9).tails(Tails::Inline).full_indexes(true).block_size(BlockSize::new(1024).unwrap()),
        lz4(9).tails(Tails::Fragments).dedupe(true).pcluster_size(pclusters(16_384)),
        all(lz4(5).dedupe(true).pcluster_size(pclusters(65_536))),
        with(zstd(5)).pcluster_size(pclusters(65_536)).tails(Tails::Fragments),
        all(with(zstd(3)).pcluster_size(pclusters(65_536)).dedupe(true)),
        with(zstd(1)).dedupe(true).wide_addresses(true),
        with(deflate).pcluster_size(pclusters(32_768)).tails(Tails::Inline),
        with(lzma).pcluster_size(pclusters(65_536)).tails(Tails::Fragments).dedupe(true),
    ]
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn put(&self, image: &[u8]) -> PathBuf {
        let path = self.0.path().join("base.erofs");
        std::fs::write(&path, image).unwrap();
        path
    }
}

/// The image of a tree with a base, and how many bytes were taken from that.
fn based(tree: &Tree, options: Options, base: &Path) -> (Vec<u8>, u64) {
    let base = Base::open(base).unwrap();
    let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let summary = ImageWriter::new(options).base(&base).write(tree, &output).unwrap();
    (output.into_inner().into_inner(), summary.taken_bytes)
}

#[test]
fn a_base_changes_no_byte() {
    let place = Place::new();
    let trees = CHANGES.map(tree);
    for (mode, options) in modes().into_iter().enumerate() {
        let options = options.rebuildable(true);
        // The others take longer, and are cut in the same ways.
        let changes = if MODES_OF_ALL_CHANGES.contains(&mode) { 6 } else { 2 };
        let images: Vec<_> =
            trees[..changes].iter().map(|tree| image(tree, options.clone())).collect();
        let path = place.put(&images[0]);
        for (change, (tree, expected)) in CHANGES.iter().zip(trees.iter().zip(&images)) {
            let (found, taken) = based(tree, options.clone(), &path);
            assert!(found == *expected, "mode {mode}, {change:?}");
            // Of the parts of a packed inode, some 4 MiB long, nearly all may change.
            let least = if *change == Change::Nothing { 5 << 20 } else { 1 << 20 };
            assert!(taken >= least, "mode {mode}, {change:?}: only {taken} bytes are taken");
        }
        // And from what was made with a base, again.
        let last = changes - 1;
        let path = place.put(&based(&trees[1], options.clone(), &path).0);
        assert!(based(&trees[last], options, &path).0 == images[last], "mode {mode}");
    }
}

#[test]
fn the_table_is_no_part_of_the_image() {
    let tree = tree(Change::Nothing);
    for options in modes() {
        let plain = image(&tree, options.clone());
        let with_table = image(&tree, options.rebuildable(true));
        assert!(with_table.len() > plain.len() && with_table[..plain.len()] == plain);
        assert!(with_table.len() - plain.len() < 8000, "{}", with_table.len() - plain.len());
    }
    let options = modes()[4].clone().rebuildable(true);
    // Only the checker of rules knows how long the file is.
    let check =
        verify::Options { allow: &[Rule::BlockCount, Rule::Padding], ..verify::Options::default() };
    verify(&image(&tree, options.clone()), &tree, &check);
    let derived = options.uuid(erofs_writer::ImageUuid::FromContent);
    let place = Place::new();
    let path = place.put(&image(&tree, derived.clone()));
    assert!(based(&tree, derived.clone(), &path).0 == image(&tree, derived));
}

#[test]
fn of_other_settings_nothing_is_taken() {
    let tree = tree(Change::Nothing);
    let place = Place::new();
    let path = place.put(&image(&tree, lz4(9).rebuildable(true)));
    for options in [
        lz4(8),
        lz4(9).pcluster_size(pclusters(16_384)),
        lz4(9).block_size(BlockSize::new(1024).unwrap()),
        lz4(9).max_extent_len(20_000).unwrap(),
        fixed().codec(Codec::Zstd(zstd::Settings::default())),
    ] {
        let (found, taken) = based(&tree, options.clone(), &path);
        assert_eq!(taken, 0);
        assert!(found == image(&tree, options));
    }
    // Metadata are made anew in any case.
    let options = lz4(9).label("other".parse().unwrap());
    let (found, taken) = based(&tree, options.clone(), &path);
    assert!(taken > 5 << 20);
    assert!(found == image(&tree, options));
}

#[test]
fn a_base_that_is_none_changes_no_byte_either() {
    let (tree, options) = (tree(Change::Nothing), modes()[4].clone());
    let place = Place::new();
    let expected = image(&tree, options.clone());
    let good = image(&tree, options.clone().rebuildable(true));
    for bad in [&[][..], b"no image", &expected, &good[..good.len() - 1], &good[..9000]] {
        let path = place.put(bad);
        assert!(Base::open(&path).unwrap().why_not().is_some());
        let (found, taken) = based(&tree, options.clone(), &path);
        assert!(found == expected && taken == 0);
    }
    assert!(Base::open(place.0.path().join("missing")).is_err());
    assert!(Base::open(place.0.path()).is_err(), "it is a directory");
}

/// Where an image ends and its table begins.
fn table_of(image: &[u8]) -> usize {
    let at = image.windows(8).rposition(|bytes| bytes == b"erofsRCP");
    at.unwrap()
}

#[test]
fn a_damaged_base_changes_no_byte() {
    let tree = tree(Change::Nothing);
    let place = Place::new();
    for options in [&modes()[4], &modes()[2]] {
        let expected = image(&tree, options.clone());
        let good = image(&tree, options.clone().rebuildable(true));
        let end = table_of(&good);
        // The superblock, metadata, pclusters, and the table.
        let places = (1024..1100).step_by(16);
        let places = places.chain((4096..end).step_by(end / 20));
        let places = places.chain((end..good.len()).step_by((good.len() - end) / 10));
        for (count, at) in places.enumerate() {
            let mut bad = good.clone();
            for byte in bad[at..].iter_mut().take(1 + count % 7) {
                *byte ^= 0x5a;
            }
            let (found, _) = based(&tree, options.clone(), &place.put(&bad));
            assert!(found == expected, "changed at {at}");
        }
    }
}
