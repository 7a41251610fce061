//! Pclusters after inodes, extents of limited length, and rules that tell files apart:
//! through all readers.

use erofs_writer::codec::lz4::Level;
use erofs_writer::{
    BlockSize, Codec, CompressRule, Content, Error, KernelVersion, Metadata, Node, Options,
    OptionsError, Tails, Tree,
};
use testdata::raw::model::{Data, Model};
use testdata::raw::zmap::Place;
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::verify;

use crate::compressed::{come_back_in_blocks_of_every_size, ends, lz4, pclusters};
use crate::support::{decoded, fixed, image, incompat, try_image, verify};

const ZTAILPACKING: u64 = 0x10;

fn inline(level: u8) -> Options {
    lz4(level).tails(Tails::Inline)
}

/// The extents of a file of the image, with what is inline.
fn extents<'a>(model: &'a Model, path: &str) -> &'a [testdata::raw::zmap::Extent] {
    let path = path.as_bytes();
    let node = model.inodes.values().find(|node| node.path == path).expect("there is one");
    match &node.data {
        Data::Compressed(map) => &map.extents,
        other => panic!("{}: {other:?}", path.escape_ascii()),
    }
}

#[test]
fn ends_behind_inodes_come_back() {
    let tree = ends(5 << 20);
    let check = verify::Options { random_reads: 16, ..verify::Options::default() };
    for (level, size, full) in [
        (0, 4096, false),
        (9, 4096, true),
        (9, 16_384, false),
        (12, 65_536, true),
        (0, 1 << 20, false),
    ] {
        let options = inline(level).pcluster_size(pclusters(size)).full_indexes(full);
        let image = image(&tree, options);
        assert_eq!(incompat(&image) & ZTAILPACKING, ZTAILPACKING);
        verify(&image, &tree, &check);
    }
}

#[test]
fn ends_behind_inodes_come_back_in_blocks_of_every_size() {
    come_back_in_blocks_of_every_size(&inline(1));
}

#[test]
fn all_boundary_trees_come_back_with_ends_behind_inodes() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    let options = inline(9).pcluster_size(pclusters(16_384));
    verify(&image(&tree, options), &tree, &verify::Options::default());
}

/// The index ends anywhere in a block, and also after the first one. The rest of the
/// block is the room for an end.
#[test]
fn ends_stay_in_the_block_in_which_the_index_ends() {
    let mut tree = Tree::new(Metadata::new(0o755));
    for number in 0..16_u64 {
        let len = usize::try_from(1_900_000 + 21_000 * number).unwrap();
        let mut metadata = Metadata::new(0o644);
        let value = vec![b'v'; usize::try_from(number * 37 % 300).unwrap()];
        metadata.xattrs.set("user.x", value);
        let content = Content::from_bytes(mixed(number, len));
        tree.insert(format!("{number:03}"), metadata, Node::File(content)).unwrap();
    }
    for full in [false, true] {
        let image = image(&tree, inline(1).full_indexes(full));
        let model = decoded(&image);
        let is_inline = |number: usize| {
            let last = extents(&model, &format!("/{number:03}")).last().copied();
            last.is_some_and(
                |last| matches!(last.place, Place::Stored { at, .. } if at % 4096 != 0),
            )
        };
        let count = (0..16).filter(|number| is_inline(*number)).count();
        assert!((4..16).contains(&count), "{count} of 16 ends are inline");
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn an_end_behind_the_inode_saves_its_block() {
    let mut tree = Builder::new();
    for number in 0..200 {
        let len = 4500 + 29 * usize::try_from(number).unwrap();
        tree.file(format!("{number}"), text(number, len));
    }
    let tree = tree.done();
    let (with, without) = (image(&tree, inline(9)), image(&tree, lz4(9)));
    assert!(with.len() * 10 < without.len() * 9, "{} of {}", with.len(), without.len());
    let large = pclusters(65_536);
    let (with, without) =
        (image(&tree, inline(9).pcluster_size(large)), image(&tree, lz4(9).pcluster_size(large)));
    assert!(with.len() * 10 < without.len() * 9, "{} of {}", with.len(), without.len());
}

#[test]
fn copies_have_the_same_end_behind_each_inode_or_share_its_block() {
    let mut tree = Builder::new();
    for copy in 0..3 {
        tree.file(format!("few-{copy}"), text(1, 9000));
    }
    for copy in 0..100 {
        tree.file(format!("many-{copy}"), mixed(2, 9000));
    }
    let tree = tree.done();
    let image = image(&tree, inline(9));
    let model = decoded(&image);
    let places = |name: &str| extents(&model, name).iter().map(|extent| extent.place).collect();
    let few: Vec<Vec<Place>> = ["/few-0", "/few-2"].map(places).into();
    assert_eq!(few[0][..few[0].len() - 1], few[1][..few[1].len() - 1]);
    let many: Vec<Vec<Place>> = ["/many-0", "/many-99"].map(places).into();
    assert_eq!(many[0], many[1]);
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn what_has_no_end_behind_an_inode_needs_no_feature() {
    let mut tree = Builder::new();
    tree.file("short", text(1, 100));
    tree.file("noise", noise(1, 3000));
    tree.file("more-noise", noise(2, 30_000));
    assert_eq!(incompat(&image(&tree.done(), inline(9))), 0);
}

#[test]
fn no_extent_is_longer_than_the_limit() {
    let mut tree = Builder::new();
    for len in [100, 4096, 4200, 12_000, 65_536, 300_001] {
        tree.file(format!("text-{len}"), text(1, len));
        tree.file(format!("zeros-{len}"), vec![0; len]);
        tree.file(format!("noise-at-end-{len}"), [text(3, len), noise(3, len % 5000)].concat());
    }
    let tree = tree.done();
    for (limit, size) in [(4096, 4096), (5000, 4096), (65_536, 65_536), (100_001, 1 << 20)] {
        for options in [lz4(9), inline(9)] {
            let options = options.max_extent_len(limit).unwrap().pcluster_size(pclusters(size));
            let image = image(&tree, options);
            for node in decoded(&image).inodes.values() {
                let Data::Compressed(map) = &node.data else { continue };
                assert!(map.extents.iter().all(|extent| extent.len <= limit), "{limit}");
            }
            verify(&image, &tree, &verify::Options::default());
        }
    }
    let error = try_image(&tree, lz4(0).max_extent_len(4095).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Options(OptionsError::MaxExtentLen)), "{error:?}");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let mut tree = Builder::new();
    for name in ["a.so", "b.so", "c.txt", "d.bin"] {
        tree.file(name, mixed(1, 300_000));
    }
    let tree = tree.done();
    let rule = |pattern: &str| CompressRule::new(pattern.parse().unwrap());
    let best = Codec::Lz4(Level::MAX);
    let rules = [
        rule("^a"),
        rule("\\.so$").codec(best).pcluster_size(pclusters(65_536)),
        rule("^d").codec(best),
        rule("^d"),
    ];
    let image = image(&tree, lz4(0).share_identical(false).compress_rules(rules));
    let model = decoded(&image);
    let longest = |path: &str| {
        extents(&model, path)
            .iter()
            .map(|extent| match extent.place {
                Place::Stored { len, .. } => len,
                other => panic!("{other:?}"),
            })
            .max()
    };
    let flat = model.inodes.values().find(|node| node.path == b"/a.so").unwrap();
    assert!(!matches!(flat.data, Data::Compressed(_)), "a rule without a codec");
    assert_eq!(longest("/b.so"), Some(65_536));
    assert_eq!((longest("/c.txt"), longest("/d.bin")), (Some(4096), Some(4096)));
    assert!(extents(&model, "/d.bin").len() < extents(&model, "/c.txt").len(), "levels");
    verify(&image, &tree, &verify::Options::default());
    // Without a codec for the rest, only these files are compressed.
    let only = [rule("^b").codec(best)];
    let image = crate::support::image(&tree, fixed().share_identical(false).compress_rules(only));
    let compressed = |node: &&testdata::raw::model::Node| matches!(node.data, Data::Compressed(_));
    assert_eq!(decoded(&image).inodes.values().filter(compressed).count(), 1);
}

#[test]
fn what_the_target_kernel_cannot_mount_is_refused_by_name() {
    let mut tree = Builder::new();
    tree.file("a", mixed(1, 100_000));
    tree.file("zeros", vec![0; 2 << 20]);
    let tree = tree.done();
    let refusal = |options: Options, version: &str| {
        let options = options.target_kernel(version.parse().unwrap());
        try_image(&tree, options).map(|_| ()).map_err(|error| error.to_string())
    };
    let large = || lz4(9).pcluster_size(pclusters(65_536));
    let small = |options: Options| options.block_size(BlockSize::new(1024).unwrap());
    for (options, needs, name) in [
        (fixed(), "5.4", "EROFS images"),
        (lz4(0), "5.4", "EROFS images"),
        (large(), "5.13", "pclusters of more than a block"),
        (inline(0), "5.17", "pclusters after inodes"),
        (fixed().chunk_size("4096".parse().unwrap()), "5.15", "chunk-based files"),
        (small(fixed()), "6.4", "blocks below 4096 bytes"),
        (small(lz4(0)), "6.8", "compressed files in blocks below 4096 bytes"),
        (
            fixed().xattr_prefixes(["user.a".parse().unwrap()]).unwrap(),
            "6.4",
            "long xattr prefixes",
        ),
    ] {
        assert_eq!(refusal(options.clone(), needs), Ok(()), "{name}");
        let message = refusal(options, "5.3").unwrap_err();
        assert!(message.ends_with("they need 5.4"), "{message}");
    }
    let message = refusal(large().tails(Tails::Inline), "5.15.7").unwrap_err();
    assert_eq!(message, "Linux 5.15 cannot mount pclusters after inodes: they need 5.17");
    let message = refusal(small(lz4(0)), "6.6").unwrap_err();
    assert!(message.ends_with("blocks below 4096 bytes: they need 6.8"), "{message}");
}

#[test]
fn holes_are_left_out_for_a_target_that_does_not_know_them() {
    let mut tree = Builder::new();
    tree.file("zeros", vec![0; 2 << 20]);
    let tree = tree.done();
    assert!(image(&tree, fixed()).len() < 100_000);
    let old = image(&tree, fixed().target_kernel(KernelVersion::new(5, 10)));
    assert!(old.len() > 2 << 20);
    assert_eq!(incompat(&old), 0);
}
