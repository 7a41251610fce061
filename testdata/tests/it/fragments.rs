//! The packed inode, through all readers.

use std::fs;
use std::io::{self, Cursor};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use erofs_writer::{
    Content, Event, ImageWriter, Metadata, Node, Options, Phase, ReadAt, SeekWriter, Tails, Tree,
};
use testdata::raw::model::{Data, Model};
use testdata::raw::zmap::Place;
use testdata::trees::{
    BYTES, Builder, CASES, NEAR, Near, merged, mixed, near, near_files, noise, text,
};
use testdata::verify;

use crate::compressed::{come_back_in_blocks_of_every_size, ends, lz4, pclusters};
use crate::support::{assert_same, decoded, fixed, image, incompat, mounted, verify};

const FRAGMENTS: u64 = 0x20;
const ZTAILPACKING: u64 = 0x10;

fn tails(level: u8) -> Options {
    lz4(level).tails(Tails::Fragments)
}

fn all(level: u8) -> Options {
    lz4(level).tails(Tails::AllFragments)
}

/// Where the fragment of each file begins, by path.
fn fragments(model: &Model) -> Vec<(String, u64)> {
    let fragment = |data: &Data| match data {
        Data::Compressed(map) => map.extents.iter().find_map(|extent| match extent.place {
            Place::Fragment(at) => Some(at),
            _ => None,
        }),
        _ => None,
    };
    let nodes = model.inodes.values();
    nodes
        .filter_map(|node| {
            let path = String::from_utf8_lossy(&node.path).into_owned();
            fragment(&node.data).map(|at| (path, at))
        })
        .collect()
}

#[test]
fn fragments_come_back() {
    let tree = ends(5 << 20);
    let check = verify::Options { random_reads: 16, ..verify::Options::default() };
    for options in [
        tails(0),
        tails(9).full_indexes(true),
        tails(9).pcluster_size(pclusters(16_384)),
        tails(12).pcluster_size(pclusters(65_536)).packed_pcluster_size(pclusters(1 << 20)),
        all(0),
        all(9).pcluster_size(pclusters(1 << 20)).full_indexes(true),
        all(1).pcluster_size(pclusters(65_536)).packed_pcluster_size(pclusters(4096)),
    ] {
        let image = image(&tree, options);
        // Plain bytes after inodes would be read in two ways.
        assert_eq!(incompat(&image) & (FRAGMENTS | ZTAILPACKING), FRAGMENTS);
        verify(&image, &tree, &check);
    }
}

#[test]
fn fragments_come_back_in_blocks_of_every_size() {
    come_back_in_blocks_of_every_size(&tails(1));
}

#[test]
fn all_boundary_trees_come_back_with_fragments() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    for options in [tails(9).pcluster_size(pclusters(16_384)), all(0).inline_data(false)] {
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

#[test]
fn ends_that_are_the_same_are_stored_once() {
    let mut tree = Builder::new();
    let end = text(9, 3000);
    for number in 0..40 {
        tree.file(format!("{number:02}"), [mixed(number, 70_000), end.clone()].concat());
        tree.file(format!("whole-{number:02}"), text(7, 2000));
    }
    let tree = tree.done();
    let options = || tails(9).pcluster_size(pclusters(65_536));
    let image_of = |options| image(&tree, options);
    let (once, each) = (image_of(options()), image_of(options().share_fragments(false)));
    assert!(once.len() <= each.len());
    let places = fragments(&decoded(&once));
    let wholes: Vec<u64> =
        places.iter().filter(|(path, _)| path.starts_with("/whole")).map(|(_, at)| *at).collect();
    assert_eq!(wholes.len(), 40);
    assert!(wholes.iter().all(|at| *at == wholes[0]), "{wholes:?}");
    verify(&once, &tree, &verify::Options::default());
    verify(&each, &tree, &verify::Options::default());
}

#[test]
fn near_duplicates_come_back() {
    for (number, family) in NEAR.into_iter().enumerate() {
        for (kind, (_, bytes)) in BYTES.into_iter().enumerate() {
            let tree = near(family, bytes);
            let large = pclusters(65_536);
            let options = match (number + kind) % 3 {
                0 => all(1).dedupe(true),
                1 => all(1).dedupe(true).pcluster_size(large),
                _ => tails(1).dedupe(true).pcluster_size(large),
            };
            verify(&image(&tree, options), &tree, &verify::Options::default());
        }
    }
}

#[test]
fn what_others_end_with_is_stored_once() {
    let block_len = |files: &[(String, Vec<u8>)]| -> usize {
        files.iter().map(|(_, file)| file.len().next_multiple_of(4096)).sum()
    };
    for options in [all(1), all(1).dedupe(true), tails(1).dedupe(true)] {
        // The longest file of each group of four, and blocks for the first bytes of others.
        let files = near_files(Near::Shifted, noise);
        let whole: Vec<_> = files.chunks(4).map(|group| group[3].clone()).collect();
        let len = image(&near(Near::Shifted, noise), options.clone()).len();
        let most = block_len(&whole) + 4096 * (files.len() + 8);
        assert!(len <= most, "{len} and not {most}: {options:?}");
        // An inner part at the end of another file takes nothing.
        let mut tree = Builder::new();
        let file = noise(4, 300_000);
        for start in [0, 1, 5000, 123_456, 295_000] {
            tree.file(format!("{start}"), &file[start..]);
        }
        let tree = tree.done();
        let image = image(&tree, options.clone());
        assert!(image.len() < 300_000 + 5 * 4096, "{}: {options:?}", image.len());
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn long_ends_are_shared() {
    // `erofs-rs` reads no longer ones.
    let end = noise(1, (11 << 20) + 77);
    let mut tree = Builder::new();
    tree.file("a", [noise(2, 70_000), end.clone()].concat());
    tree.file("b", [text(3, 5000), end.clone()].concat());
    tree.file("c", end);
    let tree = tree.done();
    for options in [tails(0), all(0).full_indexes(true), all(0).dedupe(true)] {
        let image = image(&tree, options);
        assert!(image.len() < 12 << 20, "{}", image.len());
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn all_fragments_take_hardly_more_than_files() {
    for family in NEAR {
        for (name, bytes) in BYTES {
            for size in [4096, 65_536].map(pclusters) {
                let len = |options: Options| {
                    image(&near(family, bytes), options.dedupe(true).pcluster_size(size)).len()
                };
                let (files, fragments) = (len(lz4(0)), len(all(0)));
                let most = files + files / 20;
                assert!(fragments <= most, "{family:?} {name}: {fragments} and {files}");
            }
        }
    }
}

#[test]
fn small_files_take_less_room_together() {
    let mut tree = Builder::new();
    for number in 0..500 {
        let len = 300 + 11 * usize::try_from(number).unwrap();
        tree.file(format!("{number}.txt"), text(number, len));
    }
    let tree = tree.done();
    let size = pclusters(65_536);
    let without = image(&tree, lz4(9).pcluster_size(size).tails(Tails::Inline)).len();
    let with = image(&tree, tails(9).pcluster_size(size)).len();
    let whole = image(&tree, all(9).pcluster_size(size)).len();
    assert!(with * 10 < without * 9, "{with} of {without}");
    assert!(whole <= with + 8192, "{whole} and {with}");
}

#[test]
fn without_anything_to_pack_there_is_no_packed_inode() {
    let mut tree = Builder::new();
    tree.file("a", vec![1; 20]);
    let tree = tree.done();
    // For larger pclusters there would be room after the superblock.
    let packed = image(&tree, tails(9).packed_pcluster_size(pclusters(4096)));
    assert_same(&packed, &image(&tree, fixed()), "nothing was packed");
    assert_eq!(decoded(&packed).sb.get("packed_nid"), 0);
    // Without a codec there are no fragments.
    let plain = image(&ends(5000), fixed().tails(Tails::AllFragments));
    assert_same(&plain, &image(&ends(5000), fixed()), "nothing is compressed");
}

#[test]
fn pclusters_of_the_packed_inode_have_16_kib_if_nothing_is_said_of_any() {
    let tree = ends(5 << 20);
    let said = |bytes| tails(1).packed_pcluster_size(pclusters(bytes));
    assert_same(&image(&tree, tails(1)), &image(&tree, said(16_384)), "nothing is said");
    for bytes in [4096, 65_536] {
        let of_files = |options: Options| image(&tree, options.pcluster_size(pclusters(bytes)));
        assert_same(&of_files(tails(1)), &of_files(said(bytes)), "said of files");
    }
    let wholes = |bytes| image(&tree, all(1).packed_pcluster_size(pclusters(bytes)));
    assert_same(&image(&tree, all(1)), &wholes(4096), "whole files");
}

#[test]
fn progress_of_the_packed_inode_is_told_by_itself() {
    let tree = ends(300_001);
    let mut phases = Vec::new();
    let on_event = |event| {
        match event {
            Event::Phase(phase) => phases.push(phase),
            Event::Progress { done, total } => {
                assert!(total == 0 || done <= total, "{done} of {total} while {phases:?}");
            }
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let options = tails(9).pcluster_size(pclusters(65_536));
    let summary = ImageWriter::new(options).on_event(on_event).write(&tree, &output).unwrap();
    assert!(phases.contains(&Phase::Pack), "{phases:?}");
    assert!(summary.times.iter().any(|(phase, _)| *phase == Phase::Pack));
    assert!(summary.fragment_bytes > 0);
}

/// Zeros without end.
struct Zeros(u64);

impl ReadAt for Zeros {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.0 - offset).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        buf[..len].fill(0);
        Ok(len)
    }
}

/// Compact indexes cannot describe a fragment 4 GiB after the start.
#[test]
fn a_packed_inode_may_have_more_than_4_gib() {
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut insert = |name: &str, content: Content| {
        tree.insert(name, Metadata::new(0o644), Node::File(content)).unwrap();
    };
    insert("a.a", Content::new(Zeros((4 << 30) + 5)));
    insert("b.b", Content::from_bytes(text(1, 3000)));
    insert("c.c", Content::from_bytes(mixed(1, 30_000)));
    let image = image(&tree, all(0).pcluster_size(pclusters(65_536)).holes(false));
    assert!(image.len() < 40 << 20, "{}", image.len());
    let model = decoded(&image);
    let places = fragments(&model);
    assert!(places.iter().filter(|(_, at)| *at > u64::from(u32::MAX)).count() == 2, "{places:?}");
    // To read all of the zeros takes a minute.
    mounted(&image, |root| {
        assert_eq!(fs::read(root.join("b.b")).unwrap(), text(1, 3000));
        assert_eq!(fs::read(root.join("c.c")).unwrap(), mixed(1, 30_000));
        let zeros = fs::File::open(root.join("a.a")).unwrap();
        let mut buffer = [1; 100];
        assert_eq!(FileExt::read_at(&zeros, &mut buffer, (4 << 30) - 50).unwrap(), 55);
        assert!(buffer[..55].iter().all(|byte| *byte == 0));
    });
}
