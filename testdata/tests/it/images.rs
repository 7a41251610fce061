//! Images as sources: those of others, wrong ones, and images made of images.

use std::path::Path;
use std::process::Command;

use erofs_writer::source::Image;
use erofs_writer::{
    BlockSize, Codec, Error, HardLinks, ImageErrorKind, ImageWriter, Metadata, Node, Options,
    ReadAt, Tails, Tree,
};
use testdata::entry::{Compare, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::{expected, host, tools, verify};

use crate::support::{fixed, image, verify};

/// A tree with what images can hold, and contents for each layout.
fn source() -> Tree {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let mut tree = merged(&small);
    let dir = || Metadata::new(0o755);
    tree.insert("own", dir(), Node::Directory).unwrap();
    for (name, bytes) in [
        ("text", text(5, 700_001)),
        ("twice", text(5, 700_001)),
        ("mixed", mixed(6, 300_000)),
        ("noise", noise(7, 40_000)),
        ("short", text(8, 3000)),
        ("other-head", [noise(9, 5000), text(5, 400_000)].concat()),
    ] {
        tree.insert(format!("own/{name}"), Metadata::new(0o644), Node::file(bytes)).unwrap();
    }
    tree
}

/// The tree of an image must be what the kernel shows.
#[track_caller]
fn is_read_as_by_the_kernel(path: &Path, why: &str) {
    let tree = Tree::from_image(path).unwrap_or_else(|error| panic!("{why}: {error}"));
    let found = expected::snapshot(&tree).unwrap_or_else(|error| panic!("{why}: {error}"));
    let mount = KernelMount::new(path).unwrap_or_else(|error| panic!("{why}: {error}"));
    let shown = host::snapshot(mount.path()).unwrap();
    diff(&shown, &found, Compare::ALL).unwrap_or_else(|error| panic!("{why}:\n{error}"));
}

#[test]
fn images_of_mkfs_are_read() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.erofs");
    std::fs::write(&first, image(&source(), fixed())).unwrap();
    let mount = KernelMount::new(&first).unwrap();
    let out = folder.path().join("image.erofs");
    for flags in PEER_FLAGS {
        let args = flags.split_whitespace().map(Into::into);
        let args = ["--quiet".into(), "-T1".into()].into_iter().chain(args);
        let paths = [out.as_os_str().to_owned(), mount.path().as_os_str().to_owned()];
        tools::mkfs(args.chain(paths)).unwrap_or_else(|error| panic!("{flags}: {error}"));
        is_read_as_by_the_kernel(&out, flags);
        std::fs::remove_file(&out).unwrap();
    }
}

/// What mkfs.erofs is called with: each layout of data and of metadata, each algorithm.
const PEER_FLAGS: &[&str] = &[
    "",
    "-Enoinline_data",
    "-Eforce-inode-compact --all-root",
    "-Eforce-inode-extended",
    "-b1024",
    "--chunksize=4096",
    "--chunksize=65536",
    "-x0",
    "-x1 --xattr-prefix=user.",
    "-zlz4",
    "-zlz4 -Elegacy-compress",
    "-zlz4hc,12 -C1048576",
    "-zlz4hc -C65536 -Efragments",
    "-zlz4 -Eztailpacking",
    "-zlz4 -Eall-fragments",
    "-zlzma,1 -C16384",
    "-zlzma,1 -C65536 -Eall-fragments",
    "-zdeflate,1 -C16384 -Efragments",
    "-zzstd,1 -C65536 -Eztailpacking",
    "-zzstd,1 -C131072 -Eall-fragments",
    "-zlz4 -E48bit",
    "-zzstd,1 -C65536 -E48bit",
    "-zlz4 -C16384 -E48bit,fragments,dedupe",
    "-zlzma,0 -C32768 -E48bit,all-fragments",
    "-zlz4 --max-extent-bytes=16384 -E48bit",
    "-zlz4 -m4096 -E48bit",
    "-zzstd,1 -C65536 -m65536 -E48bit",
    "-zlz4 --MZ",
    "-zlz4 -E48bit,dot-omitted",
    "-zlz4 --zD=0",
    "-zlz4 --zD=1",
];

#[test]
fn an_image_of_an_image_is_the_same() {
    let mut tree = source();
    let zeros = Node::file(vec![0; 1 << 20]);
    tree.insert("own/zeros", Metadata::new(0o644), zeros).unwrap();
    let plain = fixed();
    let packed = || fixed().codec("zstd,1".parse::<Codec>().unwrap()).tails(Tails::Fragments);
    for first in [plain.clone(), packed(), packed().dedupe(true).wide_addresses(true)] {
        let direct = image(&tree, plain.clone());
        let read = Image::from_reader("it", image(&tree, first)).read().unwrap();
        assert!(image(&read, plain.clone()) == direct, "and as if it had not been one");
    }
}

#[test]
fn an_image_is_changed_and_recompressed() {
    let old = image(&source(), fixed().codec("lz4".parse::<Codec>().unwrap()));
    let mut tree = Image::from_reader("old", old).read().unwrap();
    tree.remove("own/noise").unwrap();
    tree.insert("own/new", Metadata::new(0o600), Node::file("new")).unwrap();
    let options = fixed().codec("deflate,1".parse::<Codec>().unwrap());
    let options = options.block_size(BlockSize::new(1024).unwrap());
    verify(&image(&tree, options), &tree, &verify::Options::default());
}

#[test]
fn hard_links_are_kept_or_not() {
    let mut tree = Builder::new();
    let id = tree.file("a", text(1, 10_000));
    tree.link("b", id);
    let bytes = image(&tree.done(), fixed());
    let inodes = |policy| {
        let read = Image::from_reader("it", bytes.clone()).hard_links(policy).read().unwrap();
        let ids: std::collections::BTreeSet<_> = read.walk().map(|entry| entry.id()).collect();
        ids.len()
    };
    assert_eq!(inodes(HardLinks::Keep), 2);
    assert_eq!(inodes(HardLinks::Ignore), 3);
}

#[test]
fn devices_are_given_or_follow() {
    let folder = tempfile::tempdir().unwrap();
    let (tar, index) = (folder.path().join("a.tar"), folder.path().join("index.erofs"));
    let contents = folder.path().join("contents");
    std::fs::create_dir(&contents).unwrap();
    std::fs::write(contents.join("file"), mixed(3, 100_000)).unwrap();
    let made = Command::new("tar").arg("-C").arg(&contents).arg("-cf").arg(&tar).arg(".").status();
    assert!(made.unwrap().success());
    let tree = erofs_writer::source::Tar::open(&tar).unwrap().index(true).read().unwrap();
    let options = fixed().block_size(BlockSize::new(512).unwrap());
    ImageWriter::new(options).write_path(&tree, &index).unwrap();
    let expected = expected::snapshot(&Tree::from_tar(&tar).unwrap()).unwrap();
    let read = Image::open(&index).unwrap().device(&tar).unwrap().read().unwrap();
    diff(&expected, &expected::snapshot(&read).unwrap(), Compare::ALL).unwrap();
    let flat = [std::fs::read(&index).unwrap(), std::fs::read(&tar).unwrap()].concat();
    let read = Image::from_reader("flat", flat).read().unwrap();
    diff(&expected, &expected::snapshot(&read).unwrap(), Compare::ALL).unwrap();
    // With another number of devices, nothing is read.
    let error = Image::open(&index).unwrap().device(&tar).unwrap().device(&tar).unwrap().read();
    let kind = kind_of(error.unwrap_err());
    assert_eq!(kind, ImageErrorKind::Devices { needed: 1, given: 2 });
}

fn kind_of(error: Error) -> ImageErrorKind {
    match error {
        Error::Image { kind, .. } => kind,
        error => panic!("another error was expected: {error}"),
    }
}

#[test]
fn what_is_wrong_is_named() {
    let good = image(&source(), fixed());
    let read = |bytes: Vec<u8>| Image::from_reader("it", bytes).read().map(drop);
    read(good.clone()).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        read(bytes).map_err(kind_of)
    };
    assert_eq!(changed(1024, 1), Err(ImageErrorKind::NoMagic));
    assert_eq!(changed(1024 + 0x40, 1), Err(ImageErrorKind::Checksum));
    assert_eq!(changed(1024 + 0x52, 1), Err(ImageErrorKind::Features { bits: 1 << 16 }));
    assert_eq!(read(Vec::new()).map_err(kind_of), Err(ImageErrorKind::NoMagic));
    let lens = (0..40_000).step_by(511).chain((40_000..good.len()).step_by(100_003));
    for len in lens {
        // What is cut may be contents alone, which are not read here.
        if let Err(error) = Image::from_reader("it", good[..len].to_vec()).read() {
            kind_of(error);
        }
    }
    let error = Error::Image {
        path: "a.erofs".into(),
        inside: b"/x".to_vec(),
        offset: 7,
        kind: ImageErrorKind::Loop,
    };
    let text = "a.erofs: /x: at byte 7: a directory is in two places, or in itself";
    assert_eq!(error.to_string(), text);
}

/// Reads all of an image whose bytes may be wrong. It has to end, without a panic.
fn read_all(bytes: Vec<u8>) {
    let Ok(tree) = Image::from_reader("it", bytes).read() else { return };
    let mut buf = vec![0; 1 << 16];
    for entry in tree.walk() {
        if let Node::File(content) = entry.node() {
            let len = content.len();
            for at in [0, len / 2, len.saturating_sub(10)] {
                let _ = content.read_at(&mut buf, at);
                let _ = content.next_data(at);
            }
        }
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    let codecs =
        ["lz4", "zstd,1", "deflate,1", "lzma,0"].map(|text| text.parse::<Codec>().unwrap());
    let small = || {
        let mut tree = Builder::new();
        tree.dir("d");
        for (seed, len) in [(0, 1), (1, 5000), (2, 30_000), (3, 200_000)] {
            tree.file(format!("d/{len}"), text(seed, len));
            tree.file(format!("{len}-mixed"), mixed(seed, len));
        }
        tree.symlink("link", "d/1");
        tree.done()
    };
    let with = |options: Options| [options.clone().tails(Tails::Fragments), options];
    let packed = codecs.into_iter().flat_map(|codec| with(fixed().codec(codec)));
    let wide = with(fixed().codec(codecs[0]).wide_addresses(true).dedupe(true));
    for options in packed.chain(wide).chain([fixed()]) {
        let good = image(&small(), options);
        for dice in noise(1, 100 * 16).chunks_exact(16) {
            let mut bytes = good.clone();
            for change in dice.chunks_exact(4).take(1 + usize::from(dice[3] % 4)) {
                // Metadata comes first, and is most of what can be wrong.
                let end = if change[0] % 4 == 0 { bytes.len() } else { bytes.len().min(8192) };
                let place = usize::from(change[0]) << 16
                    | usize::from(change[1]) << 8
                    | usize::from(change[2]);
                bytes[place % end] = change[3];
            }
            // The checksum would find all of these.
            bytes[1024 + 8] &= !1;
            read_all(bytes);
        }
    }
}
