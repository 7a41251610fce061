//! Images that become devices of a new one, with files that stay compressed there.

use std::fs;
use std::path::{Path, PathBuf};

use erofs_writer::source::{Image, ImageData};
use erofs_writer::{
    BlockSize, Codec, Error, ImageErrorKind, ImageWriter, Metadata, Node, Options, Tails, Tree,
    Whiteouts,
};
use testdata::entry::{Compare, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, mixed, noise, text};
use testdata::{expected, host, verify};

use crate::merge::{
    as_overlaid, blocks_of, check, layers, merge_wrong, merged, ours, overlaid, why, write,
    write_merged,
};
use crate::support::{decoded, fixed, image, image_by, try_image, verify_path};

fn codec(text: &str) -> Options {
    fixed().codec(text.parse::<Codec>().unwrap())
}

/// A file for each layer.
fn written(folder: &Path, options: &[Options]) -> Vec<PathBuf> {
    let layers = layers();
    let third = || {
        let mut tree = Builder::new();
        tree.file("third", text(300, 90_000));
        tree.file("third-mixed", mixed(301, 70_000));
        tree.file("both", text(302, 5000));
        tree.done()
    };
    let trees = layers.into_iter().chain(std::iter::once_with(third));
    let all = options.iter().zip(trees).enumerate();
    all.map(|(number, (options, tree))| write(folder, &number.to_string(), &tree, options.clone()))
        .collect()
}

/// The image in `to` with these after it, each from the start of a block on.
fn flat(to: &Path, devices: &[PathBuf], block_len: usize) -> Vec<u8> {
    let mut bytes = fs::read(to).unwrap();
    for device in devices {
        bytes.extend(fs::read(device).unwrap());
        bytes.resize(bytes.len().next_multiple_of(block_len), 0);
    }
    bytes
}

/// Leaves everything in these images, and lets all readers compare what comes out.
#[track_caller]
fn check_staying(paths: &[PathBuf], name: &str) {
    check(paths, &[ImageData::Leave], name);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("merged");
    let summary = write_merged(paths, ImageData::Leave, &to).unwrap();
    assert!(summary.bytes_out < 200_000, "{name}: {}", summary.bytes_out);
    assert!(summary.oldest_kernel.to_string() != "5.4", "{name}");
    // The same in one file.
    let tree = merged(paths, ImageData::Leave, Whiteouts::Apply).unwrap();
    let block = blocks_of(&tree);
    let block_len = usize::try_from(block.bytes()).unwrap();
    let whole = folder.path().join("whole");
    fs::write(&whole, flat(&to, paths, block_len)).unwrap();
    let overlay = overlaid(paths);
    let mount = KernelMount::new(&whole).unwrap();
    as_overlaid(&overlay, &host::snapshot(mount.path()).unwrap(), name);
    drop(mount);
    let read = Tree::from_image(&whole).unwrap();
    let plain = merged(paths, ImageData::Decode, Whiteouts::Apply).unwrap();
    let plain = expected::snapshot(&plain).unwrap();
    diff(&plain, &expected::snapshot(&read).unwrap(), Compare::ALL)
        .unwrap_or_else(|text| panic!("{name}: {text}"));
    // By any number of threads.
    let options = fixed().block_size(block);
    let bytes = fs::read(&to).unwrap();
    for threads in [1, 3] {
        assert!(image_by(threads, &tree, options.clone()) == bytes, "{name}: {threads}");
    }
}

#[test]
fn compressed_files_stay_in_the_images_of_layers() {
    if !have(Oracle::KernelMount) {
        return;
    }
    for (name, options) in ours() {
        let folder = tempfile::tempdir().unwrap();
        check_staying(&written(folder.path(), &vec![options; 2]), name);
    }
}

#[test]
fn layers_of_different_kinds_stay_beside_each_other() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let packed = |text: &str| codec(text).tails(Tails::Fragments);
    let inline = |text: &str| codec(text).tails(Tails::Inline);
    for (name, layers) in [
        ("two algorithms", [packed("lz4"), packed("zstd,1"), packed("lz4")]),
        ("inline and packed", [inline("lz4"), packed("lz4").dedupe(true), fixed()]),
        ("plain below", [fixed(), packed("deflate,1").dedupe(true), inline("lzma,0")]),
        ("chunks", [fixed().chunk_size("8192".parse().unwrap()), codec("lzma,0"), fixed()]),
        (
            "extents",
            [codec("lz4"), packed("lz4").wide_addresses(true), codec("zstd,1").full_indexes(true)],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        check_staying(&written(folder.path(), &layers), name);
    }
}
