//! Images that are merged: contents are taken over as they are stored, or stay where they
//! are. What comes out is compared with an overlay of the layers.

use std::fs;
use std::path::{Path, PathBuf};

use erofs_writer::source::{Image, ImageData};
use erofs_writer::{
    BlockSize, Codec, Error, ImageWriter, Metadata, Node, Options, Rdev, ReadAt, Summary, Tails,
    Tree, TreeErrorKind, Whiteouts,
};
use tempfile::TempDir;
use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::{KernelMount, Overlay};
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, mixed, noise, text};
use testdata::{expected, host, tools, verify};

use crate::support::{decoded, fixed, image, try_image, verify_path};

/// The layers, the lowest first, each with contents for every layout.
pub(crate) fn layers() -> Vec<Tree> {
    let layer = |name: &str, seed: u64| {
        let mut tree = Builder::new();
        tree.dir("d");
        tree.dir("d/opaque");
        let lens = [1, 100, 3000, 4095, 4096, 4097, 9001, 50_000, 300_001];
        for (seed, len) in (seed..).zip(lens) {
            tree.file(format!("d/{name}-{len}"), text(seed, len));
        }
        for len in (0..20).map(|number| 150 + 211 * number) {
            tree.file(format!("d/short-{name}-{len}"), text(seed, len));
        }
        tree.file(format!("d/{name}-noise"), noise(seed, 70_000));
        tree.file(format!("d/{name}-mixed"), mixed(seed, 150_000));
        tree.file(format!("d/{name}-twice"), text(seed + 8, 300_001));
        tree.file(
            format!("d/{name}-shifted"),
            [noise(seed, 777), text(seed + 8, 200_000)].concat(),
        );
        tree.file(format!("{name}-sparse"), [vec![7; 5000], vec![0; 1 << 20], vec![7]].concat());
        tree.file("d/both", text(seed + 50, 20_000));
        let id = tree.file(format!("{name}-link"), text(seed + 60, 10_000));
        tree.link(format!("d/{name}-linked"), id);
        tree.symlink(format!("d/{name}-symlink"), "both");
        tree
    };
    let mut lower = layer("lower", 100);
    lower.file("d/opaque/old", "old");
    lower.file("d/gone", "gone");
    lower.dir("tree");
    lower.file("tree/file", "gone");
    let mut upper = layer("upper", 200).done();
    for path in ["d/gone", "tree"] {
        let whiteout = Node::CharDevice(Rdev { major: 0, minor: 0 });
        upper.insert(path, Metadata::new(0), whiteout).unwrap();
    }
    let opaque = &mut upper.metadata_mut("d/opaque").unwrap().xattrs;
    opaque.set("trusted.overlay.opaque", "y");
    upper.insert("d/opaque/new", Metadata::new(0o644), Node::file("new")).unwrap();
    vec![lower.done(), upper]
}

pub(crate) fn write(folder: &Path, name: &str, tree: &Tree, options: Options) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, image(tree, options)).unwrap();
    path
}

/// The tree of the layers in these images.
pub(crate) fn merged(
    paths: &[PathBuf],
    data: ImageData,
    whiteouts: Whiteouts,
) -> Result<Tree, Error> {
    let mut tree = Tree::new(Metadata::new(0o755));
    for path in paths {
        tree.overlay_with(Image::open(path)?.data(data).read()?, whiteouts)?;
    }
    Ok(tree)
}

pub(crate) fn blocks_of(tree: &Tree) -> BlockSize {
    BlockSize::new(tree.image_block_size().unwrap()).unwrap()
}

pub(crate) fn write_merged(
    paths: &[PathBuf],
    data: ImageData,
    to: &Path,
) -> Result<Summary, Error> {
    let tree = merged(paths, data, Whiteouts::Apply)?;
    let options = fixed().block_size(blocks_of(&tree));
    ImageWriter::new(options).write_path(&tree, to)
}

/// What an overlay shows of these images.
pub(crate) fn overlaid(paths: &[PathBuf]) -> Snapshot {
    let mounts: Vec<_> = paths.iter().map(|path| KernelMount::new(path).unwrap()).collect();
    let lower: Vec<_> = mounts.iter().rev().map(KernelMount::path).collect();
    let overlay = Overlay::new(&lower).unwrap();
    host::snapshot(overlay.path()).unwrap()
}

#[track_caller]
pub(crate) fn as_overlaid(overlay: &Snapshot, found: &Snapshot, why: &str) {
    // The root of an overlay is its writable folder.
    // Inodes of its layers may have the same numbers.
    let compare = Compare { root: false, dir_nlink: false, hard_links: false, ..Compare::ALL };
    diff(overlay, found, compare).unwrap_or_else(|error| panic!("{why}:\n{error}"));
}

/// Merges the images in both ways and compares each result with their overlay.
#[track_caller]
pub(crate) fn check(paths: &[PathBuf], ways: &[ImageData], why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("merged");
    let overlay = overlaid(paths);
    for data in ways {
        write_merged(paths, *data, &to).unwrap_or_else(|error| panic!("{why}: {error}"));
        let devices: Vec<&Path> = paths.iter().map(|path| &**path).collect();
        let devices = if *data == ImageData::Leave { &devices[..] } else { &[] };
        let mount = KernelMount::with_devices(&to, devices).unwrap();
        as_overlaid(&overlay, &host::snapshot(mount.path()).unwrap(), why);
        drop(mount);
        let tree = merged(paths, ImageData::Decode, Whiteouts::Apply).unwrap();
        // Blocks of other sizes than pages, and what only peers' images have, are not for
        // all oracles.
        let options = verify::Options { devices, ..verify::Options::default() };
        verify_path(&to, &tree, &options);
        fs::remove_file(&to).unwrap();
    }
}

pub(crate) fn ours() -> Vec<(&'static str, Options)> {
    let codec = |text: &str| fixed().codec(text.parse::<Codec>().unwrap());
    let big = |text: &str| codec(text).pcluster_size("65536".parse().unwrap());
    vec![
        ("lz4", codec("lz4")),
        ("full", codec("lz4").full_indexes(true)),
        ("lz4 64K", big("lz4")),
        ("small blocks", codec("lz4").block_size(BlockSize::new(1024).unwrap())),
        ("inline", codec("lz4hc,3").tails(Tails::Inline)),
        ("inline 64K", big("zstd,1").tails(Tails::Inline).dedupe(true)),
        ("fragments", big("deflate,1").tails(Tails::Fragments)),
        ("all fragments", big("zstd,1").tails(Tails::AllFragments).dedupe(true)),
        ("dedupe", codec("lz4").tails(Tails::Fragments).dedupe(true)),
        ("lzma", big("lzma,0").tails(Tails::AllFragments).wide_addresses(true)),
        ("wide", big("zstd,1").wide_addresses(true)),
        ("chunks", fixed().chunk_size("4096".parse().unwrap())),
        ("chunks beside", codec("zstd,1").chunk_size("65536".parse().unwrap())),
        ("plain", fixed()),
    ]
}

#[test]
fn layers_are_taken_over_as_an_overlay_shows_them() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trees = layers();
    for (name, options) in ours() {
        let paths: Vec<_> = trees
            .iter()
            .enumerate()
            .map(|(number, tree)| write(folder.path(), &number.to_string(), tree, options.clone()))
            .collect();
        check(&paths, &[ImageData::Take], name);
    }
}

#[test]
fn layers_of_different_kinds_become_one_image() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trees = layers();
    let codec = |text: &str| fixed().codec(text.parse::<Codec>().unwrap());
    let packed = |text: &str| codec(text).tails(Tails::Fragments);
    for (name, lower, upper) in [
        ("two algorithms", packed("lz4"), packed("zstd,1")),
        ("inline and packed", codec("lz4").tails(Tails::Inline), packed("lz4")),
        ("one packed inode", fixed(), packed("deflate,1").dedupe(true)),
        ("chunks and pclusters", fixed().chunk_size("8192".parse().unwrap()), codec("lzma,0")),
        ("indexes and extents", codec("lz4"), packed("lz4").wide_addresses(true)),
    ] {
        let paths = [lower, upper].into_iter().zip(&trees).enumerate();
        let paths: Vec<_> = paths
            .map(|(number, (options, tree))| {
                write(folder.path(), &number.to_string(), tree, options)
            })
            .collect();
        check(&paths, &[ImageData::Take], name);
    }
}

#[test]
fn contents_stay_in_the_images_of_layers() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trees = layers();
    let plain = || fixed().inline_data(false);
    for (name, options) in [
        ("blocks", plain()),
        ("inline", fixed()),
        ("chunks", plain().chunk_size("4096".parse().unwrap())),
        ("small blocks", plain().block_size(BlockSize::new(512).unwrap())),
    ] {
        let paths: Vec<_> = trees
            .iter()
            .enumerate()
            .map(|(number, tree)| write(folder.path(), &number.to_string(), tree, options.clone()))
            .collect();
        check(&paths, &[ImageData::Leave], name);
        let to = folder.path().join("merged");
        let summary = write_merged(&paths, ImageData::Leave, &to).unwrap();
        if name != "inline" {
            assert_eq!(summary.device_bytes + summary.hole_bytes, summary.bytes_in, "{name}");
            assert!(summary.bytes_out < 100_000, "{name}: {}", summary.bytes_out);
        }
    }
}

#[test]
fn layers_of_mkfs_are_merged() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mounts: Vec<_> = layers()
        .iter()
        .enumerate()
        .map(|(number, tree)| {
            let path = write(folder.path(), &format!("source-{number}"), tree, fixed());
            KernelMount::new(&path).unwrap()
        })
        .collect();
    for flags in PEER_FLAGS {
        let paths: Vec<_> =
            (0..mounts.len()).map(|number| folder.path().join(format!("peer-{number}"))).collect();
        for (mount, path) in mounts.iter().zip(&paths) {
            let args = flags.split_whitespace().map(Into::into);
            let args = ["--quiet".into(), "-T1".into()].into_iter().chain(args);
            let files = [path.as_os_str().to_owned(), mount.path().as_os_str().to_owned()];
            tools::mkfs(args.chain(files)).unwrap_or_else(|error| panic!("{flags}: {error}"));
        }
        check(&paths, &[ImageData::Take, ImageData::Leave], flags);
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

const PEER_FLAGS: &[&str] = &[
    "",
    "-Enoinline_data",
    "--chunksize=4096",
    "-zlz4 -Elegacy-compress",
    "-zlz4 -Eztailpacking",
    "-zzstd,1 -C65536 -Eztailpacking",
    "-zlz4hc -C65536 -Efragments",
    "-zzstd,1 -C65536 -Eall-fragments,dedupe",
    "-zlzma,1 -C16384",
    "-zdeflate,1 -C16384 -Efragments",
    "-zlz4 -C16384 -E48bit,fragments,dedupe",
    "-zlzma,0 -C32768 -E48bit,all-fragments",
];

#[test]
fn marks_that_are_kept_hide_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let trees = layers();
    let paths: Vec<_> = trees
        .iter()
        .enumerate()
        .map(|(number, tree)| write(folder.path(), &number.to_string(), tree, fixed()))
        .collect();
    let upper = merged(&paths[1..], ImageData::Take, Whiteouts::Keep).unwrap();
    assert!(upper.get("tree").is_some());
    let middle = write(folder.path(), "middle", &upper, fixed());
    let twice = [paths[0].clone(), middle];
    let twice = merged(&twice, ImageData::Decode, Whiteouts::Apply).unwrap();
    let once = merged(&paths, ImageData::Decode, Whiteouts::Apply).unwrap();
    let (twice, once) = (expected::snapshot(&twice).unwrap(), expected::snapshot(&once).unwrap());
    diff(&once, &twice, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

/// A single layer, in memory.
fn taken(bytes: Vec<u8>) -> Tree {
    Image::from_reader("layer", bytes).data(ImageData::Take).read().unwrap()
}

#[test]
fn what_is_shared_is_copied_once() {
    let codec = || fixed().codec("lz4".parse::<Codec>().unwrap());
    for options in [codec(), codec().dedupe(true), fixed().chunk_size("4096".parse().unwrap())] {
        let old = image(&layers()[0], options);
        let new = image(&taken(old.clone()), fixed());
        assert!(new.len() <= old.len() + 4096, "{} and {}", new.len(), old.len());
        // And once more, to the same bytes.
        assert!(image(&taken(new.clone()), fixed()) == new);
        // What is left out takes no room.
        let mut less = taken(old);
        less.remove("d/lower-noise").unwrap();
        let less = image(&less, fixed());
        assert!(less.len() + 69_000 < new.len(), "{} and {}", less.len(), new.len());
    }
}

#[test]
fn an_image_that_is_compressed_encodes_anew() {
    let options = || fixed().codec("deflate,1".parse::<Codec>().unwrap());
    let tree = &layers()[0];
    let old = image(tree, fixed().codec("lz4".parse::<Codec>().unwrap()));
    assert!(image(&taken(old), options()) == image(tree, options()));
}

pub(crate) fn why(result: Result<Vec<u8>, Error>) -> &'static str {
    match result {
        Err(Error::Tree { kind: TreeErrorKind::NotAsStored { why }, .. }) => why,
        Err(error) => panic!("another error was expected: {error}"),
        Ok(_) => panic!("an error was expected"),
    }
}

#[test]
fn what_cannot_be_taken_over_is_named() {
    let old = image(&layers()[0], fixed().codec("lz4".parse::<Codec>().unwrap()));
    let small = fixed().block_size(BlockSize::new(1024).unwrap());
    assert_eq!(why(try_image(&taken(old.clone()), small)), "its blocks have another size");
    // Three algorithms are one too many for a packed inode.
    let mut tree = Tree::new(Metadata::new(0o755));
    for codec in ["lz4", "zstd,1", "deflate,1"] {
        let options = fixed().codec(codec.parse::<Codec>().unwrap()).tails(Tails::AllFragments);
        let mut layer = Builder::new();
        layer.file(codec.replace(',', "-"), text(1, 9000));
        tree.overlay(taken(image(&layer.done(), options))).unwrap();
    }
    let found = why(try_image(&tree, fixed()));
    assert_eq!(found, "the packed inodes have more than two algorithms");
    // Before there were zeros before pclusters.
    let mut bytes = old.clone();
    bytes[1024 + 0x50] &= !1;
    bytes[1024 + 8] &= !1;
    let error = format!("{:?}", try_image(&taken(bytes), fixed()).unwrap_err());
    assert!(error.contains("zeros come after pclusters"), "{error}");
}

#[test]
fn an_index_with_its_archive_stays_where_it_is() {
    let archive = testdata::archive::Archive::default();
    let archive =
        archive.dir("dir").file("dir/one", &mixed(1, 20_000)).file("two", b"two").finish();
    let tree = crate::tar::stream(&archive).index(true).read().unwrap();
    let small = || fixed().block_size(BlockSize::new(512).unwrap());
    let layer = [image(&tree, small()), archive].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer");
    fs::write(&path, layer).unwrap();
    let plain = Tree::from_image(&path).unwrap();
    for data in [ImageData::Leave, ImageData::Take] {
        let tree = Image::open(&path).unwrap().data(data).read().unwrap();
        let merged = write(folder.path(), "merged", &tree, small());
        let devices: &[&Path] = if data == ImageData::Leave { &[&path] } else { &[] };
        verify_path(&merged, &plain, &verify::Options { devices, ..Default::default() });
    }
}

/// Merges an image whose bytes may be wrong. It has to end, without a panic.
fn merge_wrong(bytes: &[u8], data: ImageData) {
    let Ok(tree) = Image::from_reader("it", bytes.to_vec()).data(data).read() else { return };
    let Ok(block) = BlockSize::new(tree.image_block_size().unwrap()) else { return };
    if let Ok(new) = try_image(&tree, fixed().block_size(block)) {
        assert!(new.len() < 4 * bytes.len() + (64 << 10), "{} of {}", new.len(), bytes.len());
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    let mut tree = Builder::new();
    for (seed, len) in [(1, 5000), (2, 30_000), (3, 120_000)] {
        tree.file(format!("{len}"), text(seed, len));
        tree.file(format!("{len}-mixed"), mixed(seed, len));
    }
    let tree = tree.done();
    let codec = |text: &str| fixed().codec(text.parse::<Codec>().unwrap());
    let packed = codec("lz4").tails(Tails::Fragments).dedupe(true);
    let compressed = [
        codec("lz4"),
        packed.clone(),
        packed.wide_addresses(true),
        codec("zstd,1").tails(Tails::Inline),
    ];
    let chunks = fixed().chunk_size("4096".parse().unwrap());
    let all = compressed.into_iter().chain([chunks]);
    for (options, data) in all
        .flat_map(|options| [ImageData::Take, ImageData::Leave].map(|data| (options.clone(), data)))
    {
        let good = image(&tree, options);
        for dice in noise(1, 150 * 4).chunks_exact(4) {
            let mut bytes = good.clone();
            // Metadata is at both ends.
            let place = usize::from(dice[0]) << 8 | usize::from(dice[1]);
            let place =
                if dice[2] % 2 == 0 { place % 8192 } else { bytes.len() - 1 - place % 8192 };
            bytes[place] = dice[3];
            // The checksum would find all of these.
            bytes[1024 + 8] &= !1;
            merge_wrong(&bytes, data);
        }
    }
}

#[test]
fn the_superblock_says_what_decoders_need() {
    let old = |codec: &str, len| {
        let options = fixed().codec(codec.parse::<Codec>().unwrap());
        let options = options.pcluster_size(format!("{len}").parse().unwrap());
        let mut tree = Builder::new();
        tree.file(codec.replace(',', "-"), text(1, 300_000));
        taken(image(&tree.done(), options))
    };
    let mut tree = old("lz4", 4096);
    let summary = |tree: &Tree| {
        let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
        ImageWriter::new(fixed()).write(tree, &output).unwrap()
    };
    assert_eq!(summary(&tree).oldest_kernel.to_string(), "5.4");
    tree.overlay(old("lzma,0", 65536)).unwrap();
    assert_eq!(summary(&tree).oldest_kernel.to_string(), "5.16");
    tree.overlay(old("zstd,1", 65536)).unwrap();
    let found = summary(&tree);
    assert_eq!(found.oldest_kernel.to_string(), "6.10");
    assert_eq!(found.algorithms.len(), 3);
    let model = decoded(&image(&tree, fixed()));
    assert_eq!(model.sb.get("u1"), 0b1011, "the algorithms");
    let dir: TempDir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "all", &tree, fixed());
    verify_path(&path, &tree, &verify::Options::default());
    for entry in tree.walk() {
        if let Node::File(content) = entry.node() {
            assert_eq!(ReadAt::len(&content), 300_000);
        }
    }
}
