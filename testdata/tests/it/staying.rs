//! Images that become devices of a new one, with files that stay compressed there.

use std::fs;
use std::path::{Path, PathBuf};

use erofs_writer::source::{Image, ImageData};
use erofs_writer::{
    BlockSize, Codec, Error, ImageErrorKind, ImageWriter, Limit, Metadata, Node, Options,
    OptionsError, ReadAt, Tails, Tree, Whiteouts,
};
use testdata::entry::{Compare, diff};
use testdata::mount::KernelMount;
use testdata::raw::model::Data;
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, mixed, noise, text};
use testdata::{expected, host, raw, verify};

use crate::merge::{
    as_overlaid, blocks_of, check, layers, merged, ours, overlaid, why, write, write_merged,
};
use crate::support::{decoded, fixed, image, image_by, try_image, verify_path};

fn codec(text: &str) -> Options {
    fixed().codec(text.parse::<Codec>().unwrap())
}

/// A file for each layer. Of files that are not compressed, all bytes are in blocks.
fn written(folder: &Path, options: &[Options]) -> Vec<PathBuf> {
    let options = options.iter().map(|options| options.clone().inline_data(false));
    let layers = layers();
    let third = || {
        let mut tree = Builder::new();
        tree.file("third", text(300, 90_000));
        tree.file("third-mixed", mixed(301, 70_000));
        tree.file("both", text(302, 5000));
        tree.done()
    };
    let trees = layers.into_iter().chain(std::iter::once_with(third));
    let all = options.zip(trees).enumerate();
    all.map(|(number, (options, tree))| write(folder, &number.to_string(), &tree, options))
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
    // With other indexes: full ones, and encoded extents.
    let devices: Vec<&Path> = paths.iter().map(|path| &**path).collect();
    let options = || fixed().block_size(block);
    for other in [options().full_indexes(true), options().wide_addresses(true)] {
        let path = write(folder.path(), "other", &tree, other);
        verify_path(&path, &plain, &verify::Options { devices: &devices, ..Default::default() });
    }
    let plain = expected::snapshot(&plain).unwrap();
    diff(&plain, &expected::snapshot(&read).unwrap(), Compare::ALL)
        .unwrap_or_else(|text| panic!("{name}: {text}"));
    // By any number of threads.
    let bytes = fs::read(&to).unwrap();
    for threads in [1, 3] {
        assert!(image_by(threads, &tree, options()) == bytes, "{name}: {threads}");
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

/// A layer with compressed files, and an image that leaves them there.
fn pair(folder: &Path, options: &Options) -> (Vec<PathBuf>, PathBuf) {
    let paths = written(folder, &[options.clone(), codec("zstd,1").tails(Tails::Inline)]);
    let to = folder.join("merged");
    write_merged(&paths, ImageData::Leave, &to).unwrap();
    (paths, to)
}

#[test]
fn what_was_merged_is_a_source_again() {
    let folder = tempfile::tempdir().unwrap();
    let (layers, to) = pair(folder.path(), &codec("lz4").tails(Tails::Fragments).dedupe(true));
    let tree = merged(&layers, ImageData::Decode, Whiteouts::Apply).unwrap();
    let expected = expected::snapshot(&tree).unwrap();
    let same = |tree: &Tree, why: &str| {
        diff(&expected, &expected::snapshot(tree).unwrap(), Compare::ALL)
            .unwrap_or_else(|text| panic!("{why}: {text}"));
    };
    let apart = || {
        let image = Image::open(&to).unwrap();
        layers.iter().fold(image, |image, layer| image.device(layer).unwrap())
    };
    let read = apart().read().unwrap();
    same(&read, "with devices");
    verify_path(&write(folder.path(), "decoded", &read, fixed()), &tree, &Default::default());
    // What is elsewhere can be neither copied nor left there.
    for (data, what) in [
        (ImageData::Take, "devices in other files cannot be copied as they are stored"),
        (ImageData::Leave, "it has devices in other files, and is not one itself"),
    ] {
        let error = apart().data(data).read().unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    // Without its devices, it has no contents.
    for data in [ImageData::Decode, ImageData::Take, ImageData::Leave] {
        let alone = Image::open(&to).unwrap().data(data).read();
        alone.and_then(|tree| try_image(&tree, fixed())).unwrap_err();
    }
    // In one file, it is a layer like others.
    let whole = folder.path().join("whole");
    fs::write(&whole, flat(&to, &layers, 4096)).unwrap();
    for data in [ImageData::Decode, ImageData::Take, ImageData::Leave] {
        let again = Image::open(&whole).unwrap().data(data).read().unwrap();
        let again = write(folder.path(), "again", &again, fixed());
        let devices: &[&Path] = if data == ImageData::Leave { &[&whole] } else { &[] };
        verify_path(&again, &tree, &verify::Options { devices, ..Default::default() });
    }
}

#[test]
fn what_is_copied_may_be_beside_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    let packed = codec("lz4").tails(Tails::Fragments);
    let layers = written(folder.path(), &[packed.clone(), packed]);
    let mut tree = Tree::new(Metadata::new(0o755));
    for (path, data) in layers.iter().zip([ImageData::Leave, ImageData::Take]) {
        tree.overlay(Image::open(path).unwrap().data(data).read().unwrap()).unwrap();
    }
    tree.insert("new", Metadata::new(0o644), Node::file(text(1, 20_000))).unwrap();
    let plain = {
        let mut tree = merged(&layers, ImageData::Decode, Whiteouts::Apply).unwrap();
        tree.insert("new", Metadata::new(0o644), Node::file(text(1, 20_000))).unwrap();
        tree
    };
    let path = write(folder.path(), "both", &tree, fixed());
    let devices: &[&Path] = &[&layers[0]];
    verify_path(&path, &plain, &verify::Options { devices, ..Default::default() });
}

fn leave(bytes: Vec<u8>) -> Tree {
    Image::from_reader("layer", bytes).data(ImageData::Leave).read().unwrap()
}

#[test]
fn what_cannot_stay_is_named() {
    let old = image(&layers()[0], codec("lz4"));
    let refused = |options: Options| try_image(&leave(old.clone()), options).unwrap_err();
    for options in [codec("lz4"), codec("lz4").tails(Tails::Fragments)] {
        let error = refused(options);
        let why = OptionsError::FilesBesideStaying;
        assert!(matches!(&error, Error::Options(found) if *found == why), "{error:?}");
    }
    let boxed = fixed().wide_addresses(true).metabox_codec("lz4".parse::<Codec>().unwrap());
    let error = refused(boxed.clone());
    let why = OptionsError::InodesBesideStaying;
    assert!(matches!(&error, Error::Options(found) if *found == why), "{error:?}");
    // Files that are not compressed may.
    let plain = leave(image(&layers()[0], fixed()));
    assert!(try_image(&plain, boxed).is_ok() && try_image(&plain, codec("lz4")).is_ok());
    let error = refused(fixed().block_size(BlockSize::new(1024).unwrap()));
    assert!(matches!(error, Error::Options(OptionsError::BlockSizeForDevices { .. })), "{error:?}");
    // Before there were zeros before pclusters.
    let mut bytes = old.clone();
    bytes[1024 + 0x50] &= !1;
    bytes[1024 + 8] &= !1;
    let error = format!("{:?}", try_image(&leave(bytes), fixed()).unwrap_err());
    assert!(error.contains("zeros come after pclusters"), "{error}");
    // A layer that is cut off.
    let mut bytes = image(&layers()[0], codec("lz4").tails(Tails::Fragments));
    bytes[1024 + 8] &= !1;
    let len = bytes.len() / 8192 * 4096;
    let cut = Image::from_reader("layer", bytes[..len].to_vec()).data(ImageData::Leave).read();
    match cut {
        // Its inodes are at the start, or they are missing.
        Ok(tree) => {
            assert_eq!(why_not(&tree), "its data lies beyond the end of its image");
        }
        Err(error) => {
            assert!(matches!(
                error,
                Error::Image { kind: ImageErrorKind::Truncated | ImageErrorKind::NoMagic, .. }
            ));
        }
    }
}

fn why_not(tree: &Tree) -> &'static str {
    why(try_image(tree, fixed()))
}

#[test]
fn blocks_beyond_the_end_of_a_layer_are_no_others() {
    // What lies there would be the next layer.
    let mut tree = Builder::new();
    tree.file("file", text(1, 9000));
    let mut bytes = image(&tree.done(), codec("lz4").full_indexes(true).checksum(false));
    let model = decoded(&bytes);
    let map = model.inodes.values().find_map(|node| match &node.data {
        Data::Compressed(map) => Some(map),
        _ => None,
    });
    let at = usize::try_from(map.unwrap().at).unwrap() + 16 + 4;
    let blocks = u32::try_from(bytes.len() / 4096).unwrap();
    for (block, is_right) in [(blocks - 1, true), (blocks, false), (u32::MAX, false)] {
        bytes[at..at + 4].copy_from_slice(&block.to_le_bytes());
        let tree = leave(bytes.clone());
        match is_right {
            true => assert!(try_image(&tree, fixed()).is_ok()),
            false => assert_eq!(why_not(&tree), "its data lies beyond the end of its image"),
        }
    }
}

/// An image with zeros after it.
struct Long {
    image: Vec<u8>,
    len: u64,
}

impl ReadAt for Long {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        buf.fill(0);
        let start = usize::try_from(offset).unwrap().min(self.image.len());
        let there = &self.image[start..];
        let len = there.len().min(buf.len());
        buf[..len].copy_from_slice(&there[..len]);
        Ok(buf.len())
    }
}

#[test]
fn addresses_have_32_bits() {
    let layer = image(&layers()[0], codec("lz4").inline_data(false));
    let of_blocks = |blocks: u64| {
        let reader = Long { image: layer.clone(), len: blocks * 4096 };
        Image::from_reader("long", reader).data(ImageData::Leave).read().unwrap()
    };
    for wide in [false, true] {
        let build = |blocks: u64| try_image(&of_blocks(blocks), fixed().wide_addresses(wide));
        let own = u64::try_from(build(1 << 20).unwrap().len()).unwrap() / 4096;
        let most = u64::from(u32::MAX) - own;
        let model = decoded(&build(most).unwrap());
        assert_eq!((model.devices[0].uniaddr, model.devices[0].blocks), (own, most));
        for blocks in [most + 1, u64::from(u32::MAX), 1 << 32, 1 << 40] {
            let error = build(blocks).unwrap_err();
            assert!(matches!(error, Error::Full(Limit::DeviceBlocks)), "{blocks}: {error:?}");
        }
    }
}

#[test]
fn a_summary_tells_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    let options = codec("lz4").pcluster_size("65536".parse().unwrap());
    let paths = written(folder.path(), &[options.clone(), options]);
    let tree = merged(&paths, ImageData::Leave, Whiteouts::Apply).unwrap();
    let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let summary = ImageWriter::new(fixed()).entry_sizes(true).write(&tree, &output).unwrap();
    assert!(summary.device_bytes * 10 > summary.bytes_in * 9, "{summary:?}");
    let entries: u64 = summary.entry_sizes.iter().map(|entry| entry.bytes_out).sum();
    assert!(entries <= summary.bytes_out, "{entries} of {}", summary.bytes_out);
    assert_eq!(summary.oldest_kernel.to_string(), "5.16");
    assert_eq!(summary.algorithms.len(), 1);
    // How much a file takes is what the image says that has it.
    let blocks = |image: &[u8]| {
        let model = decoded(image);
        let mut found: Vec<_> = model
            .inodes
            .values()
            .filter(|node| matches!(node.data, Data::Compressed(_)) && node.names > 0)
            .map(|node| (node.path.clone(), node.inode.get("i_u")))
            .collect();
        found.sort();
        found
    };
    let layer = image(&layers()[0], codec("lz4").dedupe(true));
    assert_eq!(blocks(&image(&leave(layer.clone()), fixed())), blocks(&layer));
}

#[test]
fn the_checker_notices_clusters_across_the_end_of_a_device() {
    let mut tree = Builder::new();
    tree.file("file", text(1, 9000));
    let layer = image(&tree.done(), codec("lz4").full_indexes(true));
    let mut bytes = image(&leave(layer), fixed().full_indexes(true).checksum(false));
    let model = decoded(&bytes);
    let at = model.inodes.values().find_map(|node| match &node.data {
        Data::Compressed(map) => Some(map.at),
        _ => None,
    });
    let at = usize::try_from(at.unwrap()).unwrap() + 16 + 4;
    let device = &model.devices[0];
    let end = device.uniaddr + device.blocks;
    for (block, is_right) in [(device.uniaddr, true), (end - 1, true), (end, false)] {
        bytes[at..at + 4].copy_from_slice(&u32::try_from(block).unwrap().to_le_bytes());
        let found = raw::check(&raw::Image::from_bytes(bytes.clone()));
        match is_right {
            true => assert!(found.is_ok()),
            false => assert!(found.unwrap_err().has(raw::Rule::OutOfImage)),
        }
    }
}

#[test]
fn indexes_of_devices_are_as_they_were() {
    let mut tree = Builder::new();
    tree.file("text", text(1, 9000));
    tree.file("noise", noise(1, 5000));
    let layer = image(&tree.done(), codec("lz4").tails(Tails::Fragments));
    let new = image(&leave(layer), fixed());
    let dump = testdata::dump::dump(&raw::Image::from_bytes(new));
    testdata::golden::compare("staying", &dump);
}
