//! Compressed inodes and directories, through all readers.

use std::os::unix::fs::FileExt;

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::Image;
use erofs_writer::{
    BlockSize, Codec, Content, Error, InodeForm, KernelVersion, Limit, Metadata, Node, Options,
    OptionsError, PclusterSize, Tails, Tree,
};
use testdata::entry::{Compare, diff};
use testdata::raw::model::Data;
use testdata::trees::{Builder, CASES, merged, mixed, text};
use testdata::{expected, verify};

use crate::support::{decoded, fixed, image, image_by, incompat, try_image, verify};

const METABOX: u64 = 0x100;
const BIT48: u64 = 0x80;
const FRAGMENTS: u64 = 0x20;

fn codec(text: &str) -> Codec {
    text.parse().unwrap()
}

fn size(bytes: u32) -> PclusterSize {
    PclusterSize::new(bytes).unwrap()
}

fn boxed() -> Options {
    fixed().metabox_codec(Codec::Lz4(Level::FAST))
}

/// Small trees of all kinds.
fn all_kinds() -> Tree {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    merged(&small)
}

/// Directories of many entries, files with ends, and xattrs that are shared.
fn many(files: usize) -> Tree {
    let mut tree = Builder::new();
    let mut metadata = Metadata::new(0o644);
    metadata.xattrs.set("user.shared", "value");
    for dir in ["a", "b", "b/c"] {
        tree.dir(dir);
        for number in 0..files {
            let bytes = format!("file {number} of {dir}");
            tree.file_with(format!("{dir}/name-{number}"), metadata.clone(), bytes);
        }
        tree.symlink(format!("{dir}/link"), "../target");
        tree.file(format!("{dir}/long"), text(3, 300_000));
        tree.file(format!("{dir}/mixed"), mixed(4, 70_000));
    }
    tree.done()
}

#[test]
fn all_boundary_trees_come_back() {
    let tree = all_kinds();
    let chunk = "4096".parse().unwrap();
    let lz4 = || boxed().codec(codec("lz4hc"));
    for options in [
        boxed(),
        boxed().omit_dots(true).compress_directories(true),
        boxed().inode_form(InodeForm::Extended).xattr_share_above(0),
        boxed().block_size(BlockSize::new(512).unwrap()).metabox_pcluster_size(size(2048)),
        boxed().chunk_size(chunk).compress_directories(true),
        boxed().inline_data(false),
        lz4().tails(Tails::Inline),
        lz4().tails(Tails::Inline).dedupe(true).metabox_pcluster_size(size(65_536)),
        lz4().tails(Tails::Fragments).compress_directories(true),
        lz4().pcluster_size(size(65_536)).tails(Tails::AllFragments).dedupe(true),
        fixed().codec(codec("lz4")).metabox_codec(codec("zstd,9")),
        fixed().codec(codec("zstd,3")).metabox_codec(codec("zstd,3")).compress_directories(true),
        fixed().metabox_codec(codec("deflate,6")).metabox_pcluster_size(size(16_384)),
        fixed().metabox_codec(codec("lzma,6")).metabox_pcluster_size(size(16_384)),
    ] {
        let image = image(&tree, options);
        assert_eq!(incompat(&image) & (METABOX | BIT48), METABOX | BIT48);
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn directories_are_fragments_without_a_metabox_too() {
    let tree = all_kinds();
    let lz4 = || fixed().codec(codec("lz4")).compress_directories(true);
    for options in [
        lz4(),
        lz4().omit_dots(true),
        lz4().tails(Tails::Inline),
        lz4().tails(Tails::Fragments),
        lz4().tails(Tails::AllFragments).dedupe(true),
        lz4().block_size(BlockSize::new(1024).unwrap()),
    ] {
        let image = image(&tree, options.clone());
        assert_eq!(incompat(&image) & (METABOX | FRAGMENTS), FRAGMENTS);
        verify(&image, &tree, &verify::Options::default());
    }
    let tree = many(1000);
    let image = image(&tree, lz4());
    let model = decoded(&image);
    let whole = |node: &&testdata::raw::model::Node| {
        node.dirents.len() > 1000 && matches!(node.data, Data::Compressed(_))
    };
    assert_eq!(model.inodes.values().filter(whole).count(), 3);
    let plain = crate::support::image(&tree, fixed().codec(codec("lz4")));
    assert!(image.len() < plain.len(), "{} of {}", image.len(), plain.len());
}

#[test]
fn metadata_becomes_smaller() {
    let tree = many(3000);
    let plain = image(&tree, fixed()).len();
    let small = image(&tree, boxed());
    verify(&small, &tree, &verify::Options::default());
    // Files of 300 and 70 KB are stored once each, the rest is metadata.
    let contents = 300_000 + 70_000;
    let (plain, boxed_len) = (plain - contents, small.len() - contents);
    assert!(boxed_len * 3 < plain, "{boxed_len} of {plain}");
    let smaller = image(&tree, boxed().compress_directories(true).omit_dots(true));
    assert!(smaller.len() < small.len(), "{} of {}", smaller.len(), small.len());
}

#[test]
fn dots_are_left_out() {
    let tree = all_kinds();
    for options in [fixed(), fixed().codec(codec("lz4"))] {
        let image = image(&tree, options.omit_dots(true));
        assert_eq!(incompat(&image) & BIT48, BIT48);
        verify(&image, &tree, &verify::Options::default());
        let model = decoded(&image);
        let dirs = model.inodes.values().filter(|node| !node.dirents.is_empty());
        assert!(dirs.clone().count() > 10);
        assert!(dirs.flat_map(|node| &node.dirents).all(|entry| entry.name != b"."));
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let tree = many(20_000);
    let options = boxed().codec(codec("lz4")).tails(Tails::Fragments).compress_directories(true);
    let one = image_by(1, &tree, options.clone());
    for threads in [2, 5] {
        assert!(image_by(threads, &tree, options.clone()) == one, "{threads} threads");
    }
    // The metabox has several parts.
    let inodes: usize = decoded(&one).inodes.len();
    assert!(inodes > 60_000, "{inodes}");
    verify(&one, &tree, &verify::Options::default());
}

#[test]
fn an_image_with_a_metabox_is_a_source() {
    let tree = many(300);
    let first = image(&tree, boxed().compress_directories(true).omit_dots(true));
    let read = Image::from_reader("it", first.clone()).read().unwrap();
    let expected = expected::snapshot(&tree).unwrap();
    diff(&expected, &expected::snapshot(&read).unwrap(), Compare::ALL).unwrap();
    let again = boxed().compress_directories(true).omit_dots(true);
    assert!(image(&read, again) == first, "as if it had not been an image");
}

#[test]
fn files_are_taken_over_beside_a_metabox() {
    let tree = many(300);
    let options =
        fixed().codec(codec("zstd,3")).tails(Tails::Fragments).pcluster_size(size(65_536));
    let first = image(&tree, options);
    let data = erofs_writer::source::ImageData::Take;
    let read = Image::from_reader("it", first).data(data).read().unwrap();
    for metabox in ["lz4", "zstd,9"] {
        let image = image(&read, fixed().metabox_codec(codec(metabox)));
        assert_eq!(incompat(&image) & METABOX, METABOX);
        verify(&image, &tree, &verify::Options::default());
    }
    let refused = try_image(&read, boxed().compress_directories(true)).unwrap_err();
    let why = OptionsError::DirectoriesBesideStored;
    assert!(matches!(&refused, Error::Options(error) if *error == why), "{refused:?}");
}

#[test]
fn contradictions_are_refused() {
    let tree = many(1);
    let error = |options| match try_image(&tree, options) {
        Err(Error::Options(error)) => error,
        other => panic!("{other:?}"),
    };
    for options in [boxed(), fixed().omit_dots(true)] {
        assert_eq!(error(options.wide_addresses(false)), OptionsError::NeedsWideAddresses);
    }
    let needs_codec = OptionsError::DirectoriesNeedCodec;
    assert_eq!(error(fixed().compress_directories(true)), needs_codec);
    let wrong = OptionsError::PclusterSizeForBlockSize { pcluster: 512, block: 4096 };
    assert_eq!(error(boxed().metabox_pcluster_size(size(512))), wrong);
    let on = |minor, options: Options| options.target_kernel(KernelVersion::new(6, minor));
    let target = |minor, feature, since| OptionsError::TargetKernel {
        feature,
        since: KernelVersion::new(6, since),
        target: KernelVersion::new(6, minor),
    };
    assert_eq!(error(on(16, boxed())), target(16, "compressed inodes", 17));
    let wide = target(14, "addresses of 48 bits", 15);
    assert_eq!(error(on(14, fixed().omit_dots(true))), wide);
    try_image(&tree, on(17, boxed().omit_dots(true))).unwrap();
    let directories = fixed().codec(codec("lz4")).compress_directories(true);
    try_image(&tree, on(1, directories)).unwrap();
}

#[test]
fn inodes_longer_than_a_window_are_compressed() {
    // A chunk map of 16 MiB: two parts.
    let mut tree = Tree::new(Metadata::new(0o755));
    let len = 4096_u64 << 22;
    let sparse = tempfile::tempfile().unwrap();
    sparse.set_len(len).unwrap();
    sparse.write_all_at(&text(1, 10_000), len - 10_000).unwrap();
    sparse.write_all_at(b"first", 0).unwrap();
    let content = Content::from_file_range(std::sync::Arc::new(sparse), 0..len);
    tree.insert("sparse", Metadata::new(0o644), Node::File(content)).unwrap();
    tree.insert("z", Metadata::new(0o644), Node::file(text(2, 5000))).unwrap();
    let options = boxed().chunk_size("4096".parse().unwrap());
    let image = image_by(3, &tree, options);
    assert!(image.len() < 300_000, "{}", image.len());
    crate::support::mounted(&image, |root| {
        let file = std::fs::File::open(root.join("sparse")).unwrap();
        let mut end = vec![0; 10_000];
        file.read_exact_at(&mut end, len - 10_000).unwrap();
        assert!(end == text(1, 10_000));
        assert_eq!(std::fs::read(root.join("z")).unwrap(), text(2, 5000));
    });
}

#[test]
fn a_tree_that_is_full_is_refused() {
    let mut tree = Tree::new(Metadata::new(0o755));
    let claimed = Content::new(crate::support::Claimed(1 << 60));
    tree.insert("a", Metadata::new(0o644), Node::File(claimed)).unwrap();
    let error = try_image(&tree, boxed().holes(false)).unwrap_err();
    let is_full = matches!(error, Error::Full(Limit::WideBlocks) | Error::Tree { .. });
    assert!(is_full, "{error:?}");
}
