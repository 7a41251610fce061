//! Chunks of the files that are not compressed, beside those that are.

use erofs_writer::codec::lz4::Level;
use erofs_writer::{BlockSize, ChunkSize, Codec, CompressRule, Options, PclusterSize, Tails, Tree};
use testdata::raw::model::{Data, Model};
use testdata::trees::{Builder, noise, text};
use testdata::verify;

use crate::support::{decoded, fixed, image, verify};

/// Files that shrink and files that do not, of which some have chunks in common.
fn tree() -> Tree {
    let mut tree = Builder::new();
    let data = noise(3, 65_536);
    tree.file("again", data.clone());
    tree.file("empty", "");
    tree.file("moved", [&data[8192..], &noise(4, 5000)].concat());
    tree.file("noise", data);
    tree.file("text", text(5, 100_000));
    tree.file("text.raw", text(5, 100_001));
    tree.file("tiny", "a few bytes");
    tree.done()
}

fn options() -> Options {
    let size = ChunkSize::new(4096).unwrap();
    fixed().chunk_size(size).codec(Codec::Lz4(Level::FAST))
}

/// How the file `path` is stored.
#[track_caller]
fn kind(model: &Model, path: &str) -> &'static str {
    let node = model.inodes.values().find(|node| node.path == path.as_bytes());
    match node.expect("is in the image").data {
        Data::Chunks(_) => "chunks",
        Data::Compressed(_) => "pclusters",
        _ => "blocks",
    }
}

#[test]
fn what_becomes_no_smaller_is_in_chunks() {
    let tree = tree();
    let image = image(&tree, options());
    let model = decoded(&image);
    for (path, expected) in [
        ("/again", "chunks"),
        ("/moved", "chunks"),
        ("/noise", "chunks"),
        ("/text", "pclusters"),
        ("/text.raw", "pclusters"),
        ("/tiny", "chunks"),
    ] {
        assert_eq!(kind(&model, path), expected, "{path}");
    }
    // Of 14 chunks in common there is one copy.
    assert!(image.len() < 65_536 + 3 * 4096 + 100_000, "{}", image.len());
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn what_a_rule_leaves_uncompressed_is_in_chunks() {
    let tree = tree();
    let rule = CompressRule::new("\\.raw$".parse().unwrap());
    let image = image(&tree, options().compress_rules([rule]));
    let model = decoded(&image);
    assert_eq!(kind(&model, "/text.raw"), "chunks");
    assert_eq!(kind(&model, "/text"), "pclusters");
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn chunks_go_with_all_other_options() {
    let tree = tree();
    let large = PclusterSize::new(65_536).unwrap();
    for options in [
        options().pcluster_size(large).tails(Tails::Inline),
        options().tails(Tails::Fragments).dedupe(true),
        options().tails(Tails::AllFragments).pcluster_size(large),
        options().dedupe(true).inline_data(false).chunk_indexes(true),
        options().share_identical(false).data_alignment(8).unwrap().full_indexes(true),
        options().wide_addresses(true).holes(false),
        options().block_size(BlockSize::new(512).unwrap()),
        options().chunk_size(ChunkSize::new(1 << 20).unwrap()),
    ] {
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

/// Without a codec nothing has changed.
#[test]
fn a_codec_that_compresses_nothing_changes_no_byte() {
    let tree = tree();
    let rules = [CompressRule::new("".parse().unwrap())];
    let plain = image(&tree, options().codec(None));
    let compressed_by_no_rule =
        image(&tree, options().compress_rules(rules).share_identical(false));
    assert!(plain == compressed_by_no_rule);
}
