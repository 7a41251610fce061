//! Every boundary tree with the options that change where things lie, judged
//! by every oracle.

use std::path::Path;

use erofs_writer::source::Directory;
use erofs_writer::{BlockSize, ChunkSize, ImageWriter, InodeForm, Options, Tree};
use testdata::entry::Compare;
use testdata::raw::Rule;
use testdata::skip::{Oracle, have};
use testdata::trees::{self, CASES, Case};
use testdata::{tools, verify};

use crate::support::{case, fixed, image, verify, verify_path};

/// A set of options, and the trees with which it also goes through the kernel
/// and `fsck.erofs`, which take the most time.
struct Set {
    name: &'static str,
    options: fn() -> Options,
    slow: Slow,
}

enum Slow {
    All,
    Cases(&'static [&'static str]),
}

fn block(bytes: u32) -> Options {
    fixed().block_size(BlockSize::new(bytes).unwrap())
}

fn chunked(bytes: u64) -> Options {
    fixed().chunk_size(ChunkSize::new(bytes).unwrap())
}

const DATA: &[&str] =
    &["file_sizes", "zero_runs", "identical_files", "identical_with_other_heads", "xattr_values"];
const PLACES: &[&str] = &[
    "file_sizes",
    "symlink_sizes",
    "block_fills",
    "odd_names",
    "xattr_values",
    "large_xattr_bodies",
    "many_shared_xattrs",
    "identical_with_other_heads",
];
const XATTRS: &[&str] = &["xattr_namespaces", "shared_xattrs", "root_xattrs"];

const SETS: &[Set] = &[
    Set { name: "default", options: fixed, slow: Slow::All },
    Set { name: "own block", options: || fixed().inline_data(false), slow: Slow::Cases(DATA) },
    Set { name: "chunks of 4K", options: || chunked(4096), slow: Slow::Cases(DATA) },
    Set { name: "chunks of 64K", options: || chunked(65_536), slow: Slow::Cases(DATA) },
    Set {
        name: "chunk indexes",
        options: || chunked(4096).chunk_indexes(true),
        slow: Slow::Cases(DATA),
    },
    Set {
        name: "chunks and blocks of 512",
        options: || block(512).chunk_size(ChunkSize::new(512).unwrap()).chunk_indexes(true),
        slow: Slow::Cases(&["file_sizes", "identical_files"]),
    },
    Set { name: "blocks of 512", options: || block(512), slow: Slow::Cases(PLACES) },
    Set { name: "blocks of 1024", options: || block(1024), slow: Slow::Cases(PLACES) },
    Set { name: "blocks of 2048", options: || block(2048), slow: Slow::Cases(PLACES) },
    Set { name: "blocks of 64K", options: || block(65_536), slow: Slow::Cases(&[]) },
    Set {
        name: "extended",
        options: || fixed().inode_form(InodeForm::Extended),
        slow: Slow::Cases(PLACES),
    },
    Set {
        name: "long prefixes",
        options: || {
            let prefixes = ["trusted.overlay.", "user.", "user.nnnnnnnnnnnnnnnnnn", "user.lar"];
            fixed().xattr_prefixes(prefixes.map(|prefix| prefix.parse().unwrap())).unwrap()
        },
        slow: Slow::Cases(XATTRS),
    },
    Set {
        name: "no filter",
        options: || fixed().xattr_name_filter(false).xattr_share_above(u32::MAX),
        slow: Slow::Cases(XATTRS),
    },
];

impl Set {
    fn is_slow(&self, case: &Case) -> bool {
        match self.slow {
            Slow::All => true,
            Slow::Cases(names) => names.contains(&case.name),
        }
    }
}

/// Runs a tree through all sets of options.
#[track_caller]
fn accepted(name: &str) {
    let case = case(name);
    let tree = (case.tree)();
    let expected = testdata::expected::snapshot(&tree).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (number, set) in SETS.iter().enumerate() {
        let slow = set.is_slow(case);
        // Large trees are slow for readers, too.
        if case.large && !slow && set.name != "blocks of 512" {
            continue;
        }
        // A new name for each image: loop devices may still serve an old one.
        let path = dir.path().join(format!("{number}.erofs"));
        ImageWriter::new((set.options)()).write_path(&tree, &path).unwrap();
        let mut without = Vec::new();
        if !slow {
            without.extend([Oracle::KernelMount, Oracle::Blkid]);
        }
        if !slow || !case.extract {
            without.push(Oracle::Fsck);
        }
        let options = verify::Options {
            without: &without,
            random_reads: if set.name == "default" { 4 } else { 0 },
            ..verify::Options::default()
        };
        let verified = verify::verify_image(&path, &expected, &options);
        let verified = verified.unwrap_or_else(|text| panic!("{name}, {}: {text}", set.name));
        assert_eq!(verified.not_checked, Vec::<String>::new());
        if !case.extract && set.name != "blocks of 64K" {
            fsck_only(&path);
        }
    }
}

/// Lets `fsck.erofs` look at the image without extracting it.
#[track_caller]
fn fsck_only(path: &Path) {
    if have(Oracle::Fsck) {
        tools::fsck(path, &[]).unwrap_or_else(|text| panic!("{text}"));
    }
}

/// A test for each tree, so that they run side by side and fail by name.
macro_rules! accepted {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            accepted(stringify!($name));
        })*

        #[test]
        fn every_tree_has_its_test() {
            let tested = [$(stringify!($name)),*];
            let all: Vec<_> = CASES.iter().map(|case| case.name).collect();
            assert_eq!(all, tested);
        }
    };
}

accepted! {
    file_sizes
    symlink_sizes
    zero_runs
    few_names
    block_fills
    odd_names
    deep
    many_names
    file_types
    owners
    equal_times
    different_times
    extreme_times
    hard_links
    many_hard_links
    xattr_namespaces
    acl
    xattr_values
    large_xattr_bodies
    shared_xattrs
    many_shared_xattrs
    root_xattrs
    identical_files
    identical_with_other_heads
}

#[test]
fn the_largest_owner_is_stored_though_the_kernel_shows_another() {
    let tree = trees::owner_without_number();
    let image = image(&tree, fixed());
    let readers = [Oracle::KernelMount, Oracle::Fsck];
    verify(&image, &tree, &verify::Options { without: &readers, ..verify::Options::default() });
    let kernel = verify::Options {
        compare: Compare { owner: false, ..Compare::ALL },
        without: &[Oracle::ErofsRs],
        ..verify::Options::default()
    };
    verify(&image, &tree, &kernel);
}

#[test]
fn reserved_room_for_root_xattrs_is_valid_and_unseen() {
    for name in ["root_xattrs", "few_names"] {
        let tree = (case(name).tree)();
        for len in [1, 16, 17, 600, 5000] {
            let image = image(&tree, fixed().root_xattr_len(len).unwrap());
            // The room is zero words after the entries, which readers skip.
            let allow = &[Rule::XattrBody];
            verify(&image, &tree, &verify::Options { allow, ..verify::Options::default() });
        }
    }
}

/// A host directory with what `make` puts into it, and the tree read from it.
fn scanned(make: fn(&Path) -> std::io::Result<()>) -> (tempfile::TempDir, Tree) {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path()).unwrap();
    let tree = Directory::new(dir.path()).read().unwrap();
    (dir, tree)
}

#[test]
fn a_sparse_file_of_gigabytes_costs_little_in_every_layout() {
    let (_source, tree) = scanned(trees::sparse_file);
    let dir = tempfile::tempdir().unwrap();
    let sets = [("plain", fixed()), ("hashed", Options::new())];
    for (name, options) in sets {
        let path = dir.path().join(name);
        let summary = ImageWriter::new(options).write_path(&tree, &path).unwrap();
        assert!(summary.bytes_out < 2 << 20, "{} bytes", summary.bytes_out);
        // The reader that is not the kernel reads every hole.
        let options = verify::Options {
            without: &[Oracle::ErofsRs, Oracle::Fsck],
            random_reads: 4,
            ..verify::Options::default()
        };
        verify_path(&path, &tree, &options);
        fsck_only(&path);
    }
}

#[test]
fn a_file_over_4_gib_with_data_at_both_ends_keeps_both() {
    let (_source, tree) = scanned(trees::huge_with_data_at_both_ends);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    let summary = ImageWriter::new(fixed()).write_path(&tree, &path).unwrap();
    assert!(summary.bytes_out < 2 << 20, "{} bytes", summary.bytes_out);
    let without = &[Oracle::Fsck];
    verify_path(&path, &tree, &verify::Options { without, ..verify::Options::default() });
}

#[test]
fn a_sparse_tebibyte_has_a_map_of_few_megabytes() {
    let (_source, tree) = scanned(trees::sparse_tebibyte);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    let summary = ImageWriter::new(fixed()).write_path(&tree, &path).unwrap();
    assert!(summary.bytes_out < 10 << 20, "{} bytes", summary.bytes_out);
    let without = &[Oracle::ErofsRs, Oracle::Fsck];
    verify_path(&path, &tree, &verify::Options { without, ..verify::Options::default() });
}

/// Sizes around the pieces in which large files are written, read by each of
/// the ways that a writer has, into a file and into memory.
#[test]
fn large_files_are_whole_however_they_are_copied() {
    let (_source, tree) = scanned(|dir| {
        for len in [256 << 10, 512 << 10, 16 << 20] {
            for len in [len - 1, len, len + 1, len + 4095] {
                std::fs::write(dir.join(len.to_string()), trees::noise(1, len))?;
            }
        }
        std::fs::write(dir.join("pieces"), trees::noise(2, (33 << 20) + 4097))
    });
    let dir = tempfile::tempdir().unwrap();
    let chunk = |bytes| ChunkSize::new(bytes).unwrap();
    let ways = [
        fixed(),
        fixed().inline_data(false).share_identical(false),
        fixed().chunk_size(chunk(1 << 22)),
        Options::new(),
    ];
    for (number, options) in ways.into_iter().enumerate() {
        let path = dir.path().join(number.to_string());
        ImageWriter::new(options.clone()).write_path(&tree, &path).unwrap();
        crate::support::assert_same(&image(&tree, options), &std::fs::read(&path).unwrap(), "file");
        let without = &[Oracle::KernelMount, Oracle::Fsck];
        verify_path(&path, &tree, &verify::Options { without, ..verify::Options::default() });
    }
}

#[test]
fn counts_of_inodes_that_read_as_minix_do_not_fool_blkid() {
    let mut tree = trees::Builder::new();
    // With the root and the last file these are 0x137f.
    for number in 0..0x137f - 2 {
        tree.node(format!("{number}"), erofs_writer::Metadata::new(0), erofs_writer::Node::Fifo);
    }
    for name in ["a", "b"] {
        tree.file(name, "");
        let tree = tree.tree().clone();
        let options = fixed().label("not-minix".parse().unwrap());
        let image = image(&tree, options);
        let judged = verify::Options { label: Some("not-minix"), ..verify::Options::default() };
        verify(&image, &tree, &judged);
    }
}

#[test]
fn the_largest_table_of_prefixes_is_read() {
    let tree = (case("xattr_namespaces").tree)();
    // No longer than the longest name, as a longer one could start none.
    let long = (0..126).map(|number| format!("user.{number:0250}"));
    let prefixes = long.chain(["trusted.overlay.".into(), "user.co".into()]);
    let prefixes: Vec<_> = prefixes.map(|prefix| prefix.parse().unwrap()).collect();
    assert_eq!(prefixes.len(), 128);
    for bytes in [512, 4096] {
        let image = image(&tree, block(bytes).xattr_prefixes(prefixes.clone()).unwrap());
        verify(&image, &tree, &verify::Options::default());
    }
}
