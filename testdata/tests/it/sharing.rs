//! Identical files share their blocks: in every layout, without a feature bit,
//! and never at a cost.

use std::collections::BTreeMap;

use erofs_writer::{
    BlockSize, ChunkSize, Content, ImageWriter, InodeForm, Metadata, Node, Options, SeekWriter,
    Tree,
};
use proptest::prelude::*;
use testdata::raw::model::{Data, Model};
use testdata::strategies::{Scope, tree};
use testdata::trees::{Builder, noise};
use testdata::verify;

use crate::support::{case, decoded, fixed, image, incompat, verify};

/// Copies of one content, each with a name of its own.
fn copies(count: usize, len: usize) -> Tree {
    let mut tree = Builder::new();
    for number in 0..count {
        tree.file(format!("{number:03}"), noise(1, len));
    }
    tree.done()
}

/// Where the blocks of each file start; nothing for those without.
fn addresses(model: &Model) -> BTreeMap<Vec<u8>, Vec<u64>> {
    let nodes = model.inodes.values().filter(|node| node.path != b"/");
    let runs = nodes.map(|node| {
        let runs = match &node.data {
            Data::Flat(runs) => runs.iter().filter(|run| !run.inline).map(|run| run.at).collect(),
            Data::Chunks(map) => map.chunks.iter().filter_map(|chunk| chunk.block).collect(),
            other => panic!("{other:?}"),
        };
        (node.path.clone(), runs)
    });
    runs.collect()
}

fn layouts() -> Vec<(&'static str, Options)> {
    let block = |bytes| fixed().block_size(BlockSize::new(bytes).unwrap());
    vec![
        ("inline tails", fixed()),
        ("own block", fixed().inline_data(false)),
        ("extended", fixed().inode_form(InodeForm::Extended)),
        ("small blocks", block(512)),
        ("large blocks", block(65_536)),
        ("aligned", fixed().data_alignment(4).unwrap()),
    ]
}

#[test]
fn copies_lie_in_the_same_blocks_in_every_layout_without_a_feature_bit() {
    for (name, options) in layouts() {
        for len in [65_536, 65_537, 65_636, 131_071, 600_000] {
            let tree = copies(5, len);
            let image = image(&tree, options.clone());
            let model = decoded(&image);
            let found = addresses(&model);
            let first = found.values().next().unwrap();
            assert!(!first.is_empty(), "{name}, {len}");
            assert!(found.values().all(|runs| runs == first), "{name}, {len}: {found:?}");
            assert_eq!(model.sb.get("feature_incompat"), 0, "{name}");
            let one = self::image(&copies(1, len), options.clone());
            assert!(image.len() < one.len() + 2 * 65_536, "{name}: {} bytes", image.len());
        }
    }
}

#[test]
fn copies_are_shared_in_chunks_too() {
    for chunk in [4096, 65_536] {
        let options = || fixed().chunk_size(ChunkSize::new(chunk).unwrap());
        let many = image(&copies(50, 300_001), options());
        let one = image(&copies(1, 300_001), options());
        assert!(many.len() <= one.len() + 5 * 4096);
        assert_eq!(incompat(&many), 4, "chunk-based files need their bit");
    }
}

#[test]
fn chunks_of_zeros_that_are_no_holes_are_shared_by_length() {
    let mut tree = Builder::new();
    for len in [1, 4097, 65_536, 100_000, 65_537] {
        tree.file(format!("{len:06}"), vec![0; len]);
    }
    tree.file("last", noise(1, 300_000));
    let tree = tree.done();
    for chunk in [4096, 65_536] {
        let options = fixed().holes(false).chunk_size(ChunkSize::new(chunk).unwrap());
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

#[test]
fn sharing_can_be_switched_off() {
    for (name, options) in layouts() {
        let tree = copies(5, 70_000);
        let image = image(&tree, options.share_identical(false));
        let mut found: Vec<_> = addresses(&decoded(&image)).into_values().collect();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 5, "{name}");
        assert!(image.len() > 5 * 65_536, "{name}");
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn many_tails_are_shared_and_few_stay_inline() {
    // Two tails of 100 bytes are less than a block; 100 of them are more.
    for (count, shared) in [(2, false), (100, true)] {
        let model = decoded(&image(&copies(count, 8192 + 100), fixed()));
        for node in model.inodes.values().filter(|node| node.path != b"/") {
            let Data::Flat(runs) = &node.data else { panic!("{node:?}") };
            assert_eq!(runs.iter().any(|run| run.inline), !shared, "{count} copies");
        }
    }
}

#[test]
fn files_that_differ_in_one_byte_are_not_shared() {
    let len = 40_000;
    for at in [0, 16_383, 16_384, len - 1] {
        let mut tree = Builder::new();
        let mut bytes = noise(1, len);
        tree.file("a", bytes.clone());
        bytes[at] ^= 0x80;
        tree.file("b", bytes);
        let tree = tree.done();
        let image = image(&tree, fixed());
        let found = addresses(&decoded(&image));
        assert_ne!(found[&b"/a"[..]], found[&b"/b"[..]], "byte {at}");
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn the_summary_tells_what_was_saved() {
    let tree = copies(4, 8192);
    let output = SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let summary = ImageWriter::new(fixed()).write(&tree, &output).unwrap();
    assert_eq!(summary.shared_bytes, 3 * 8192);
    assert_eq!(summary.bytes_in, 4 * 8192);
    let len = output.into_inner().into_inner().len();
    assert_eq!(summary.bytes_out, u64::try_from(len).unwrap());
}

#[test]
fn copies_with_holes_share_their_map() {
    let mut bytes = noise(1, 3 << 20);
    bytes[1 << 20..2 << 20].fill(0);
    let content = Content::from_bytes(bytes);
    let mut tree = Builder::new();
    for name in ["a", "b", "c"] {
        tree.node(name, Metadata::new(0o644), Node::File(content.clone()));
    }
    let tree = tree.done();
    let image = image(&tree, fixed());
    assert!(image.len() < (2 << 20) + 65_536);
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn sharing_never_makes_a_boundary_tree_larger() {
    for name in ["identical_files", "identical_with_other_heads", "file_sizes", "zero_runs"] {
        let tree = (case(name).tree)();
        for (layout, options) in layouts() {
            let off = image(&tree, options.clone().share_identical(false)).len();
            let on = image(&tree, options).len();
            assert!(on <= off, "{name}, {layout}: {on} bytes, {off} without");
        }
    }
}

proptest! {
    #[test]
    fn sharing_never_makes_a_tree_larger(spec in tree(Scope::Format), extended: bool) {
        let form = if extended { InodeForm::Extended } else { InodeForm::Auto };
        let options = fixed().inode_form(form);
        let tree = spec.build();
        let on = image(&tree, options.clone()).len();
        let off = image(&tree, options.share_identical(false)).len();
        prop_assert!(on <= off, "{on} bytes, {off} without");
    }
}
