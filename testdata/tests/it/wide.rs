//! Images with addresses of 48 bits, and the layouts that come with them, through all
//! readers.

use std::fs::File;
use std::os::unix::fs::FileExt;

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::Tar;
use erofs_writer::{
    BlockSize, Codec, Content, Error, ImageWriter, InodeForm, Limit, Metadata, Node, Options,
    Tails, Timestamp, Tree, TreeErrorKind,
};
use testdata::archive::{Archive, Header};
use testdata::raw::model::Data;
use testdata::raw::superblock::repair_checksum;
use testdata::raw::{Image, Rule, check};
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::{dump, golden, verify};

use crate::compressed::{come_back_in_blocks_of_every_size, ends, lz4, pclusters};
use crate::support::{Claimed, decoded, fixed, image, incompat, try_image, verify};

const BIT48: u64 = 0x80;

fn wide() -> Options {
    fixed().wide_addresses(true)
}

fn wide_lz4(level: u8) -> Options {
    lz4(level).wide_addresses(true)
}

#[test]
fn all_boundary_trees_come_back() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    let chunk = "4096".parse().unwrap();
    for options in [
        wide(),
        wide().inode_form(InodeForm::Extended),
        wide().block_size(BlockSize::new(512).unwrap()),
        wide().chunk_size(chunk),
        wide().chunk_size(chunk).chunk_indexes(true),
        wide().dedupe(true),
        wide_lz4(9),
        wide_lz4(9).pcluster_size(pclusters(65_536)).tails(Tails::Fragments).dedupe(true),
    ] {
        let image = image(&tree, options);
        assert_eq!(incompat(&image) & BIT48, BIT48);
        verify(&image, &tree, &verify::Options::default());
    }
}

/// A tree of an archive of a year: each file has a time of its own.
fn dated(len: usize) -> Tree {
    let mut tree = Builder::new();
    for number in 0..300 {
        let mtime = Timestamp::from_sec(1_600_000_000 + 100_000 * number);
        tree.file_with(format!("{number}"), Metadata::new(0o644).with_mtime(mtime), text(1, len));
    }
    tree.done()
}

#[test]
fn times_of_whole_seconds_need_no_extended_inodes() {
    let tree = dated(16);
    let image = image(&tree, wide());
    let model = decoded(&image);
    assert!(model.inodes.values().all(|node| !node.inode.is_extended()));
    assert_eq!(model.sb.get("epoch"), 0);
    verify(&image, &tree, &verify::Options::default());
    let without = crate::support::image(&tree, fixed());
    assert!(image.len() * 5 < without.len() * 4, "{} of {}", image.len(), without.len());
    // Compact ones then suffice, where they would not.
    assert_eq!(image, crate::support::image(&tree, wide().inode_form(InodeForm::Compact)));
    let refused = try_image(&tree, fixed().inode_form(InodeForm::Compact)).unwrap_err();
    assert!(matches!(refused, Error::Tree { kind: TreeErrorKind::NotCompact, .. }), "{refused:?}");
}

#[test]
fn times_of_every_sort_come_back() {
    let mut tree = Builder::new();
    let times = [(0, 0), (-1, 0), (1, 1), (i64::from(u32::MAX), 0), (1 << 32, 0), (-9_999, 5)];
    for (number, (sec, nsec)) in times.into_iter().enumerate() {
        let mtime = Timestamp { sec, nsec };
        tree.file_with(format!("{number}"), Metadata::new(0o644).with_mtime(mtime), "x");
    }
    let tree = tree.done();
    for time in [None, Some((7, 0)), Some((1_700_000_000, 0)), Some((1 << 33, 3))] {
        let options = match time {
            Some((sec, nsec)) => wide().build_time(Timestamp { sec, nsec }).unwrap(),
            None => wide(),
        };
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

/// How many files have records of extents, and how many an index.
fn records(image: &[u8]) -> (usize, usize) {
    let model = decoded(image);
    let maps = model.inodes.values().filter_map(|node| match &node.data {
        Data::Compressed(map) if map.header[7] & 0x80 == 0 => Some(map),
        _ => None,
    });
    let (with, without): (Vec<_>, Vec<_>) = maps.partition(|map| map.entries.is_empty());
    (with.len(), without.len())
}

#[test]
fn extents_come_back() {
    let tree = ends(5 << 20);
    let check = verify::Options { random_reads: 16, ..verify::Options::default() };
    let frags = |level, size, kind| wide_lz4(level).pcluster_size(pclusters(size)).tails(kind);
    // Which of the two there have to be: records and indexes.
    for (options, has_records, has_indexes) in [
        (wide_lz4(0), true, true),
        (wide_lz4(9).full_indexes(true), true, false),
        (wide_lz4(9).pcluster_size(pclusters(65_536)), true, false),
        (wide_lz4(12).pcluster_size(pclusters(1 << 20)), true, false),
        (wide_lz4(9).pcluster_size(pclusters(16_384)).tails(Tails::Inline), true, true),
        (wide_lz4(9).pcluster_size(pclusters(65_536)).dedupe(true), true, false),
        (wide_lz4(9).dedupe(true).tails(Tails::Inline), false, true),
        (frags(9, 65_536, Tails::Fragments), true, false),
        (frags(9, 16_384, Tails::AllFragments), false, false),
        (frags(0, 4096, Tails::Fragments).dedupe(true), true, false),
        (wide_lz4(9).max_extent_len(65_536).unwrap().pcluster_size(pclusters(65_536)), true, false),
    ] {
        let image = image(&tree, options.clone());
        let (with, without) = records(&image);
        assert!(with > 0 || !has_records, "{without} have no records: {options:?}");
        assert!(without > 0 || !has_indexes, "{with} have records: {options:?}");
        verify(&image, &tree, &check);
    }
}

#[test]
fn extents_come_back_in_blocks_of_every_size() {
    come_back_in_blocks_of_every_size(&wide_lz4(1));
    come_back_in_blocks_of_every_size(&wide_lz4(1).tails(Tails::Fragments));
}

/// Records are taken where they are no longer, so that no image is.
#[test]
fn extents_make_metadata_no_larger() {
    let mut tree = Builder::new();
    for number in 0..8 {
        tree.file(format!("{number}"), mixed(number, 3_000_000));
    }
    let tree = tree.done();
    let metadata = |options: Options| {
        let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
        ImageWriter::new(options).write(&tree, &output).unwrap().metadata_bytes
    };
    for size in [4096, 16_384, 65_536] {
        let options = lz4(9).pcluster_size(pclusters(size));
        let (with, without) =
            (metadata(options.clone().wide_addresses(true)), metadata(options.clone()));
        assert!(with <= without, "{size}: {with} and {without}");
        let full = options.full_indexes(true);
        let (with, without) = (metadata(full.clone().wide_addresses(true)), metadata(full));
        assert!(
            with <= without && (size < 65_536 || with * 4 < without),
            "{size}: {with} and {without}"
        );
    }
}

#[test]
fn a_wide_image_as_text() {
    let mut tree = Builder::new();
    let dated = |sec| Metadata::new(0o644).with_mtime(Timestamp::from_sec(sec));
    tree.file_with("new", dated(1_700_000_000), "new");
    tree.file_with("old", dated(-1), "before the epoch");
    tree.file_with("text", dated(1 << 32), text(1, 100_000));
    tree.file_with("zero", dated(7), "");
    let tree = tree.done();
    let uuid = erofs_writer::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let options = Options::new().uuid(erofs_writer::ImageUuid::Fixed(uuid)).wide_addresses(true);
    let options = options.codec(Codec::Lz4(Level::MAX)).pcluster_size(pclusters(16_384));
    let image = image(&tree, options);
    golden::compare("wide", &dump::dump(&Image::from_bytes(image.clone())));
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn damage_to_wide_images_is_found() {
    let mut tree = Builder::new();
    tree.file("text", text(1, 100_000));
    tree.file_with("owned", Metadata::new(0o644).with_owner(70_000, 0), noise(1, 5000));
    let good = image(&tree.done(), wide_lz4(9).pcluster_size(pclusters(16_384)));
    let model = decoded(&good);
    let node = |path: &[u8]| model.inodes.values().find(|node| node.path == path).unwrap();
    let Data::Compressed(map) = &node(b"/text").data else { panic!("is compressed") };
    let (header, inode) = (usize::try_from(map.at).unwrap(), node(b"/owned").inode.at);
    let record = (header + 8).next_multiple_of(16);
    for (what, at, value, rule) in [
        ("the feature", 1024 + 0x50, 0x80, Rule::MissingFeature),
        ("the block count", 1024 + 0x0e, 1, Rule::BlockCount),
        ("the root", 1024 + 0x70, 1, Rule::Superblock),
        ("an address", usize::try_from(inode).unwrap() + 6, 1, Rule::OutOfImage),
        ("the number of records", header, 1, Rule::ZExtents),
        ("an advise", header + 4, 8, Rule::ZHeader),
        ("the start of an extent", record + 16 + 15, 0xff, Rule::ZExtents),
        ("a place", record + 6, 0xff, Rule::OutOfImage),
        ("a reserved bit", record + 2, 0x40, Rule::ZExtents),
        ("a part that nobody else has", record + 3, 0x08, Rule::MissingFeature),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= value;
        repair_checksum(&mut bytes);
        let found = check(&Image::from_bytes(bytes)).expect_err(what);
        assert!(found.has(rule), "{what}: {found}");
    }
}

#[test]
fn old_targets_are_refused() {
    let tree = dated(16);
    let target = |version: &str| wide().target_kernel(version.parse().unwrap());
    let message = try_image(&tree, target("6.14")).unwrap_err().to_string();
    assert_eq!(message, "Linux 6.14 cannot mount addresses of 48 bits: they need 6.15");
    try_image(&tree, target("6.15")).unwrap();
    let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let summary = ImageWriter::new(wide()).write(&tree, &output).unwrap();
    assert_eq!(summary.oldest_kernel.to_string(), "6.15");
}

#[test]
fn more_blocks_than_48_bits_can_count_are_refused_unread() {
    for (block, len) in [(512, 1 << 57), (4096, 1 << 60), (65_536, 1 << 62)] {
        let mut tree = Tree::new(Metadata::new(0o755));
        for name in ["a", "b"] {
            let content = Content::new(Claimed(len));
            tree.insert(name, Metadata::new(0o644), Node::File(content)).unwrap();
        }
        let options = wide().holes(false).share_identical(false);
        let options = options.block_size(BlockSize::new(block).unwrap());
        match try_image(&tree, options).unwrap_err() {
            Error::Full(limit) => assert_eq!(limit, Limit::WideBlocks),
            other => panic!("{other:?}"),
        }
    }
}

/// An archive of which all but the ends are a hole on the host: its last files
/// lie beyond 2^32 blocks of 512 bytes.
#[test]
fn chunks_lie_beyond_2_tib_of_an_archive() {
    const LONG: u64 = (1 << 41) + 5000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.tar");
    let mut long = Header::new(b'0', "long", 0);
    // Too long for octal digits.
    let mut size = [0; 12];
    size[0] = 0x80;
    size[4..].copy_from_slice(&LONG.to_be_bytes());
    long.set(124, &size);
    let start = Archive::default().dir(".").file("first", b"1").member(&long, &[]);
    let end = Archive::default().file("last", &text(1, 5000)).finish();
    let file = File::create(&path).unwrap();
    let behind = u64::try_from(start.unfinished().len()).unwrap() + LONG.next_multiple_of(512);
    file.write_all_at(start.unfinished(), 0).unwrap();
    if file.write_all_at(&end, behind).is_err() {
        return;
    }
    let index = Tar::open(&path).unwrap().index(true).read().unwrap();
    // There is no time to read the long one.
    let mut tree = Tree::new(Metadata::new(0o755));
    for name in ["first", "last"] {
        let entry = index.get(name).unwrap();
        tree.insert(name, entry.metadata().clone(), entry.node()).unwrap();
    }
    let options = || fixed().block_size(BlockSize::new(512).unwrap());
    let target = |version: &str| options().target_kernel(version.parse().unwrap());
    for refused in [options().wide_addresses(false), target("6.14")] {
        match try_image(&tree, refused).unwrap_err() {
            Error::Full(limit) => assert_eq!(limit, Limit::DeviceBlocks),
            other => panic!("{other:?}"),
        }
    }
    // It has the layout by itself, as nothing else can hold it.
    let image = image(&tree, options());
    for same in [options().wide_addresses(true), target("6.15")] {
        assert!(image == crate::support::image(&tree, same));
    }
    let device = &decoded(&image).devices[0];
    assert_eq!(device.blocks, (behind + u64::try_from(end.len()).unwrap()) / 512);
    let devices = [&*path];
    verify(&image, &tree, &verify::Options { devices: &devices, ..Default::default() });
}
