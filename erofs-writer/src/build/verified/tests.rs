//! Faults are planted in images and in trees, and each has to be found.

use std::io::{Read, Seek};

use super::*;
use crate::build::ImageWriter;
use crate::codec::Codec;
#[cfg(feature = "lz4")]
use crate::image::{Dirs, FileReader, Image};
use crate::observer::Conduct;
use crate::options::{ChunkSize, ImageUuid, Options, Tails};
use crate::time::Timestamp;
#[cfg(feature = "lz4")]
use crate::tree::{Content, device::Device};
use crate::tree::{Metadata, Node, OpenDirs, Rdev, Reader, Tree};
use uuid::Uuid;

const UUID: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef);

/// Bytes that can be compressed, others for each seed.
fn text(seed: u32, len: usize) -> Vec<u8> {
    let words = (0_u32..).flat_map(|n| format!("word {} of a text {seed}\n", n / 3).into_bytes());
    words.take(len).collect()
}

fn metadata(mode: u16) -> Metadata {
    Metadata::new(mode).with_owner(7, 9).with_mtime(Timestamp { sec: 1000, nsec: 5 })
}

const DEVICE: Rdev = Rdev { major: 5, minor: 0x12345 };

/// A tree with one of each.
fn tree() -> Tree {
    let mut tree = Tree::new(metadata(0o755));
    let mut add = |name: &str, metadata: Metadata, node| {
        tree.insert(name, metadata, node).expect("the name is free")
    };
    let with_xattrs = metadata(0o640).with_xattr("user.a", "value").with_xattr("trusted.b", "c");
    add("dir", metadata(0o700), Node::Directory);
    add("dir/device", metadata(0o600), Node::CharDevice(DEVICE));
    add("dir/fifo", metadata(0o600), Node::Fifo);
    let file = add("file", with_xattrs, Node::file(text(1, 9000)));
    add("link", metadata(0o777), Node::symlink("target"));
    add("other", metadata(0o644).with_mtime(Timestamp::from_sec(7)), Node::file(text(2, 5000)));
    add("short", metadata(0o644), Node::file(text(3, 300)));
    tree.hard_link("dir/second", file).expect("the name is free");
    tree
}

fn plain() -> Options {
    // The checksum would find changes of the first block before anything else.
    Options::new().uuid(ImageUuid::Fixed(UUID)).checksum(false)
}

fn codec(text: &str) -> Options {
    plain().codec(text.parse::<Codec>().expect("is one"))
}

/// Options whose images have all of the layouts.
fn all_options() -> Vec<Options> {
    let mut all = vec![
        plain(),
        plain().inline_data(false),
        plain().chunk_size(ChunkSize::new(4096).expect("is one")),
    ];
    if cfg!(feature = "lz4") {
        let lz4 = || codec("lz4");
        all.extend([lz4(), lz4().full_indexes(true), lz4().tails(Tails::Inline)]);
        all.extend([lz4().tails(Tails::AllFragments), lz4().wide_addresses(true)]);
    }
    all
}

/// The image of a tree, which was verified as it was written.
fn written(tree: &Tree, options: &Options) -> Vec<u8> {
    let mut file = tempfile::tempfile().expect("there is room");
    let written = ImageWriter::new(options.clone()).verify(true).write(tree, &file);
    assert!(written.unwrap_or_else(|error| panic!("{error}")).verified);
    let mut image = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut image)).expect("is readable");
    image
}

/// Compares an image with a tree.
fn verify(image: &[u8], tree: &Tree, options: &Options) -> Result<()> {
    let mut conduct = Conduct::default();
    let observer = &conduct.observer();
    let dirs = &OpenDirs::new(1);
    let reader = Reader { tree, stop: observer, dirs };
    let (devices, began) = (verify::devices_of(reader.tree), SystemTime::now());
    let check = Check { reader, options, devices, uuid: UUID, began, workers: 1 };
    check.run(Input::Reader(Box::new(image.to_vec())), &|_| ())
}

/// Not noticed are inode numbers, numbers of blocks, distances in indexes, the settings of
/// algorithms, bits of name filters that hide nothing, and the ends of LZ4 blocks, whose last
/// literals may be said to be more than the file has. That is this many bytes of an image.
const UNNOTICED_MAX: usize = 96;

#[test]
fn bytes_that_are_wrong_are_noticed_wherever_they_are() {
    let tree = &tree();
    for options in all_options() {
        let image = written(tree, &options);
        let (mut noticed, mut unnoticed) = (0, Vec::new());
        // Zeros are padding, mostly.
        for at in (0..image.len()).filter(|at| image[*at] != 0) {
            let mut wrong = image.clone();
            wrong[at] ^= 0xff;
            match verify(&wrong, tree, &options) {
                Err(Error::Verify { .. }) => noticed += 1,
                Err(error) => panic!("byte {at:#x}: {error}"),
                Ok(()) => unnoticed.push(at),
            }
        }
        let found = format!("{noticed} are noticed, and not {unnoticed:x?}: {options:?}");
        assert!(noticed > 10 * unnoticed.len() && unnoticed.len() <= UNNOTICED_MAX, "{found}");
        assert!(noticed > 400, "{found}");
    }
}

/// The tree of an image with all of its compressed files left there.
#[cfg(feature = "lz4")]
fn left_in(layer: Vec<u8>) -> Tree {
    let device = Device::new(None, 4096);
    device.set_len(crate::format::to_u64(layer.len()));
    let device = Arc::new(device);
    let image = Image::open("layer".into(), vec![Input::Reader(Box::new(layer))]);
    let image = Arc::new(image.expect("is one"));
    let mut tree = tree();
    let root = image.inode(image.root()).expect("is there");
    for entry in Dirs::new(&image).entries(&root).expect("is a directory") {
        let file = FileReader::new(Arc::clone(&image), image.inode(entry.nid).expect("is there"));
        if file.is_compressed() {
            let name = std::str::from_utf8(&entry.name).expect("is text");
            let mut file_of_tree = tree.get_mut(name).expect("is there");
            *file_of_tree.content_mut().expect("is a file") =
                Content::from_image(file.staying_on(&device));
        }
    }
    tree.devices.push(device);
    tree
}

/// The images of files that stay compressed in another image.
#[cfg(feature = "lz4")]
fn staying() -> Vec<(Tree, Vec<u8>)> {
    let lz4 = || codec("lz4");
    let all = [
        (lz4(), plain()),
        (lz4().full_indexes(true), plain().wide_addresses(true)),
        (lz4().tails(Tails::Inline), plain()),
        (lz4().tails(Tails::Fragments).dedupe(true), plain()),
        (lz4().tails(Tails::AllFragments), plain()),
    ];
    all.into_iter()
        .map(|(layer, options)| {
            let tree = left_in(written(&tree(), &layer));
            let image = written(&tree, &options);
            (tree, image)
        })
        .collect()
}

#[test]
#[cfg(feature = "lz4")]
fn what_stays_in_an_image_is_noticed_to_be_said_elsewhere() {
    for (number, (tree, image)) in staying().into_iter().enumerate() {
        let options = if number == 1 { plain().wide_addresses(true) } else { plain() };
        let (mut noticed, mut unnoticed) = (0, Vec::new());
        for at in (0..image.len()).filter(|at| image[*at] != 0) {
            let mut wrong = image.clone();
            wrong[at] ^= 0xff;
            match verify(&wrong, &tree, &options) {
                Err(Error::Verify { .. }) => noticed += 1,
                Err(error) => panic!("byte {at:#x}: {error}"),
                Ok(()) => unnoticed.push(at),
            }
        }
        let found = format!("{number}: {noticed} are noticed, and not {unnoticed:x?}");
        assert!(noticed > 5 * unnoticed.len() && unnoticed.len() <= UNNOTICED_MAX, "{found}");
        assert!(noticed > 150, "{found}");
    }
}

#[test]
fn images_that_end_early_are_noticed() {
    let (tree, options) = (&tree(), &plain());
    let image = written(tree, options);
    for len in (0..image.len()).step_by(509) {
        let verified = verify(&image[..len], tree, options);
        assert!(matches!(verified, Err(Error::Verify { .. })), "{len}");
    }
}

/// Checks what is said about the image of the tree if the tree should be another one.
#[track_caller]
fn said(change: impl Fn(&mut Tree), expected: &str) {
    for options in &all_options() {
        let image = written(&tree(), options);
        verify(&image, &tree(), options).expect("nothing is different");
        let mut other = tree();
        change(&mut other);
        let error = verify(&image, &other, options).expect_err("something is different");
        let (path, what) = expected.split_once(": ").expect("there is a path");
        assert_eq!(error.to_string(), format!("{path}: wrong in the image: {what}"));
    }
}

fn change(tree: &mut Tree, path: &str, edit: impl FnOnce(&mut Metadata)) {
    edit(tree.metadata_mut(path).expect("it is there"));
}

fn replace(tree: &mut Tree, path: &str, node: Node) {
    let metadata = tree.get(path).expect("it is there").metadata().clone();
    tree.replace(path, metadata, node).expect("it is there");
}

#[test]
fn each_difference_of_an_inode_is_told() {
    said(
        |tree| change(tree, "file", |it| it.mode = 0o641),
        "/dir/second: it has mode 0640, not 0641",
    );
    said(|tree| change(tree, "/", |it| it.mode = 0o700), "/: it has mode 0755, not 0700");
    said(|tree| change(tree, "link", |it| it.uid = 8), "/link: it has owner 7, not 8");
    said(|tree| change(tree, "link", |it| it.gid = 70_000), "/link: it has group 9, not 70000");
    let mtime = Timestamp { sec: 1000, nsec: 6 };
    let expected = "/short: it has the time 1000.000000005, not 1000.000000006";
    said(|tree| change(tree, "short", |it| it.mtime = mtime), expected);
    let other = Rdev { minor: 0x1345, ..DEVICE };
    let expected = "/dir/device: it has the device number 305136965, not 19924293";
    said(|tree| replace(tree, "dir/device", Node::CharDevice(other)), expected);
    let expected = "/link: the symlink leads elsewhere";
    said(|tree| replace(tree, "link", Node::symlink("targeT")), expected);
    let expected = "/dir/fifo: it has an entry of type 5, not 6";
    said(|tree| replace(tree, "dir/fifo", Node::Socket), expected);
    let expected = "/short: it has bytes: 300, not 301";
    said(|tree| replace(tree, "short", Node::file(text(3, 301))), expected);
}

#[test]
fn each_difference_of_attributes_is_told() {
    let set = |name: &'static str, value: &'static str| {
        move |tree: &mut Tree| change(tree, "file", |it| it.xattrs.set(name, value))
    };
    let expected = "/dir/second: the attribute user.a is missing, or has another value";
    said(set("user.a", "Value"), expected);
    let expected = "/dir/second: the attribute user.c is missing, or has another value";
    said(set("user.c", ""), expected);
    let without = |tree: &mut Tree| {
        change(tree, "file", |it| it.xattrs.retain(|name, _| name != b"trusted.b"));
    };
    let expected = "/dir/second: it has the attribute trusted.b, which the source has not";
    said(without, expected);
}

#[test]
fn each_difference_of_names_is_told() {
    let fifo = |path: &'static str| {
        move |tree: &mut Tree| {
            tree.insert(path, metadata(0o600), Node::Fifo).expect("the name is free");
        }
    };
    said(fifo("dir/a"), "/dir/a: it is missing");
    said(fifo("dir/zzz"), "/dir/zzz: it is missing");
    said(fifo("g"), "/g: it is missing");
    let gone = |path: &'static str| move |tree: &mut Tree| tree.remove(path).expect("it is there");
    said(gone("link"), "/link: it is there, but not in the source");
    said(gone("short"), "/short: it is there, but not in the source");
}

#[test]
fn names_that_are_wrongly_one_inode_or_two_are_told() {
    for options in &all_options() {
        let image = written(&tree(), options);
        let mut other = tree();
        other.remove("dir/second").expect("it is there");
        let file = other.get("file").expect("it is there");
        let (metadata, node) = (file.metadata().clone(), file.node());
        other.insert("dir/second", metadata, node).expect("the name is free");
        let error = verify(&image, &other, options).expect_err("they are one").to_string();
        assert_eq!(error, "/dir/second: wrong in the image: it is one inode with /file");

        let mut apart = tree();
        apart.remove("dir/second").expect("it is there");
        let copy = Node::file(text(1, 9000));
        let metadata = apart.get("file").expect("it is there").metadata().clone();
        apart.insert("dir/second", metadata, copy).expect("the name is free");
        let image = written(&apart, options);
        let error = verify(&image, &tree(), options).expect_err("they are two").to_string();
        assert!(error.ends_with("it is not one inode with its other names"), "{error}");
    }
}

#[test]
fn bytes_of_files_are_told_by_their_offset() {
    for at in [0, 1, 4095, 4096, 8191, 8999] {
        let mut bytes = text(1, 9000);
        bytes[at] ^= 1;
        let expected = format!("/dir/second: it differs from byte {at} on");
        let differ = |tree: &mut Tree| {
            let mut file = tree.get_mut("file").expect("it is there");
            *file.content_mut().expect("is a file") = bytes.clone().into();
        };
        said(differ, &expected);
    }
}

#[test]
fn options_are_compared_with_the_superblock() {
    let (tree, options) = (&tree(), plain());
    let image = written(tree, &options);
    let label = options.clone().label("other".parse().expect("is one"));
    let time = options.clone().build_time(Timestamp::from_sec(5)).expect("is one");
    let others = [label, time, options.clone().checksum(true), options.wide_addresses(true)];
    for other in others {
        let error = verify(&image, tree, &other).expect_err("the image has it not").to_string();
        assert!(error.starts_with("/: wrong in the image: it has "), "{error}");
    }
}
