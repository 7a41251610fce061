//! A tree that cannot be stored is refused by name and path, before there is a file.

use std::path::{Path, PathBuf};

use erofs_writer::codec::SettingError;
use erofs_writer::codec::lz4::Level;
use erofs_writer::source::StorePaths;
use erofs_writer::{
    BlockSize, ChunkSize, Codec, Content, Error, ImageWriter, InodeForm, Label, Limit, Metadata,
    Node, Options, OptionsError, PclusterSize, Rdev, StorePathsError, Timestamp, Tree,
    TreeErrorKind, XattrPrefix,
};

use crate::support::{Claimed, fixed};

/// Writes the tree to a file that exists already, which must stay as it is
/// with nothing beside it; the error is returned.
#[track_caller]
pub(crate) fn refused(tree: &Tree, options: Options) -> Error {
    let dir = tempfile::tempdir().unwrap();
    for existing in [true, false] {
        let path = dir.path().join(format!("{existing}.erofs"));
        if existing {
            std::fs::write(&path, b"before").unwrap();
        }
        ImageWriter::new(options.clone()).write_path(tree, &path).unwrap_err();
        assert_eq!(std::fs::read(&path).ok(), existing.then(|| b"before".to_vec()));
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only what was there: {left:?}");
    ImageWriter::new(options).write_path(tree, dir.path().join("image.erofs")).unwrap_err()
}

#[track_caller]
fn tree_error(error: Error, path: &str, kind: &TreeErrorKind) {
    match error {
        Error::Tree { path: found, kind: ref found_kind } => {
            assert_eq!((&found[..], found_kind), (path.as_bytes(), kind));
        }
        other => panic!("{other:?}"),
    }
}

fn root() -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    tree.insert("d", Metadata::new(0o755), Node::Directory).unwrap();
    tree
}

fn plain() -> Metadata {
    Metadata::new(0o644)
}

#[track_caller]
fn not_inserted(tree: &mut Tree, path: impl AsRef<[u8]>, kind: &TreeErrorKind) {
    in_the_way(tree, path.as_ref(), path.as_ref(), kind);
}

/// The error names `obstacle`, where that is a parent.
#[track_caller]
fn in_the_way(tree: &mut Tree, path: &[u8], obstacle: &[u8], kind: &TreeErrorKind) {
    let before = tree.walk().count();
    match tree.insert(path, plain(), Node::Fifo) {
        Err(Error::Tree { path: found, kind: found_kind }) => {
            assert_eq!(&found_kind, kind);
            assert_eq!(found.escape_ascii().to_string(), obstacle.escape_ascii().to_string());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(tree.walk().count(), before);
}

#[test]
fn names_that_cannot_be_stored_are_refused_when_inserted() {
    let mut tree = root();
    let long = [&b"/d/"[..], &[b'n'; 256]].concat();
    for path in [&b"/d/."[..], b"/d/..", b"/.", b"/..", b"/a\0b", &long] {
        not_inserted(&mut tree, path, &TreeErrorKind::BadName);
    }
    not_inserted(&mut tree, "/d", &TreeErrorKind::Exists);
    not_inserted(&mut tree, "/", &TreeErrorKind::Exists);
    in_the_way(&mut tree, b"/missing/f", b"/missing", &TreeErrorKind::NotFound);
    in_the_way(&mut tree, b"d//missing/dir/f", b"/d/missing", &TreeErrorKind::NotFound);
    tree.insert("f", plain(), Node::Fifo).unwrap();
    in_the_way(&mut tree, b"/f/g", b"/f", &TreeErrorKind::NotADirectory);
    in_the_way(&mut tree, b"/f/g/h", b"/f", &TreeErrorKind::NotADirectory);
}

#[test]
fn hard_links_to_directories_and_into_other_trees_are_refused() {
    let mut tree = root();
    let dir = tree.get("d").unwrap().id();
    let error = tree.hard_link("/e", dir).unwrap_err();
    tree_error(error, "/e", &TreeErrorKind::DirectoryHardLink);
    let mut other = root();
    let foreign = other.insert("f", plain(), Node::Fifo).unwrap();
    let error = tree.hard_link("/e", foreign).unwrap_err();
    tree_error(error, "/e", &TreeErrorKind::ForeignInode);
}

/// Refused when written, with the path of the second of two nodes.
#[track_caller]
fn not_written(metadata: Metadata, node: Node, kind: &TreeErrorKind) {
    let mut tree = root();
    tree.insert("a", plain(), Node::Fifo).unwrap();
    tree.insert("d/bad", metadata, node).unwrap();
    tree_error(refused(&tree, fixed()), "/d/bad", kind);
}

#[test]
fn nodes_that_cannot_be_stored_are_refused_when_written() {
    for target in [vec![], vec![b'x'; 4096], b"a\0b".to_vec()] {
        not_written(plain(), Node::Symlink(target), &TreeErrorKind::BadSymlinkTarget);
    }
    for (major, minor) in [(4096, 0), (0, 1 << 20), (u32::MAX, u32::MAX)] {
        let rdev = Rdev { major, minor };
        not_written(plain(), Node::CharDevice(rdev), &TreeErrorKind::BadDeviceNumber);
        not_written(plain(), Node::BlockDevice(rdev), &TreeErrorKind::BadDeviceNumber);
    }
    let mtime = Timestamp { sec: 0, nsec: 1_000_000_000 };
    not_written(plain().with_mtime(mtime), Node::Fifo, &TreeErrorKind::BadTimestamp);
    let len = 1 << 63;
    let huge = Node::File(Content::from_path("/nonexistent", len));
    not_written(plain(), huge, &TreeErrorKind::FileTooLarge { len });
}

fn attribute(name: impl Into<Vec<u8>>, len: usize) -> Metadata {
    let mut metadata = plain();
    metadata.xattrs.set(name, vec![b'v'; len]);
    metadata
}

#[test]
fn attributes_that_cannot_be_stored_are_refused() {
    for name in ["btrfs.compression", "system.other", "user", "system.posix_acl_access2", ""] {
        let kind = TreeErrorKind::XattrNamespace { name: name.into() };
        not_written(attribute(name, 1), Node::Fifo, &kind);
    }
    let long = [&b"user."[..], &[b'n'; 256]].concat();
    for name in [&b"user."[..], b"trusted.", b"user.a\0b", &long] {
        let kind = TreeErrorKind::XattrName { name: name.into() };
        not_written(attribute(name, 1), Node::Fifo, &kind);
    }
    let kind = TreeErrorKind::XattrValue { name: b"user.v".to_vec(), len: 65_536 };
    not_written(attribute("user.v", 65_536), Node::Fifo, &kind);
}

/// Linux gives programs no way to ask for them.
#[test]
fn attribute_names_over_255_bytes_in_all_are_refused() {
    for prefix in ["user.", "trusted.", "security."] {
        let mut name = prefix.as_bytes().to_vec();
        name.resize(256, b'n');
        let kind = TreeErrorKind::XattrName { name: name.clone() };
        not_written(attribute(name, 1), Node::Fifo, &kind);
    }
}

#[test]
fn attributes_that_are_too_long_together_are_refused() {
    let mut metadata = plain();
    for name in ["user.a", "user.b", "user.c"] {
        metadata.xattrs.set(name, vec![b'v'; 65_535]);
    }
    // One word more than the longest body.
    metadata.xattrs.set("user.d", vec![b'v'; 65_512]);
    not_written(metadata, Node::Fifo, &TreeErrorKind::XattrBody { len: 262_152 });
    let mut tree = root();
    tree.update_metadata(|metadata| metadata.xattrs.set("user.a", "1"));
    assert_eq!(fixed().root_xattr_len(300_000), Err(OptionsError::RootXattrLen));
}

#[test]
fn what_a_compact_inode_cannot_hold_is_refused_if_it_must_be_compact() {
    let compact = || fixed().inode_form(InodeForm::Compact);
    let bad = [
        plain().with_owner(65_536, 0),
        plain().with_owner(0, 65_536),
        plain().with_mtime(Timestamp::from_sec(1)),
        plain().with_mtime(Timestamp { sec: 0, nsec: 1 }),
    ];
    for metadata in bad {
        let mut tree = root();
        tree.insert("d/bad", metadata, Node::Fifo).unwrap();
        tree_error(refused(&tree, compact()), "/d/bad", &TreeErrorKind::NotCompact);
    }
    let mut tree = root();
    let large = Node::File(Content::from_path("/nonexistent", 1 << 32));
    tree.insert("d/bad", plain(), large).unwrap();
    tree_error(refused(&tree, compact()), "/d/bad", &TreeErrorKind::NotCompact);
    let tree = testdata::trees::many_hard_links();
    tree_error(refused(&tree, compact()), "/first", &TreeErrorKind::NotCompact);
}

#[test]
fn option_values_are_checked_when_made() {
    for bytes in [0, 1, 256, 513, 4095, 131_072, u32::MAX] {
        assert_eq!(BlockSize::new(bytes), Err(OptionsError::BlockSize));
    }
    for bytes in [0, 1, 256, 4097, u64::MAX] {
        assert_eq!(ChunkSize::new(bytes), Err(OptionsError::ChunkSize));
    }
    for text in ["4096k", "", "-1", "0x1000"] {
        assert_eq!(text.parse::<BlockSize>(), Err(OptionsError::BlockSize));
        assert_eq!(text.parse::<ChunkSize>(), Err(OptionsError::ChunkSize));
    }
    for bytes in [0, 256, 4097, 1 << 21, u32::MAX] {
        assert_eq!(PclusterSize::new(bytes), Err(OptionsError::PclusterSize));
    }
    assert_eq!("x".parse::<PclusterSize>(), Err(OptionsError::PclusterSize));
    assert_eq!(Level::new(13), Err(SettingError::Lz4Level));
    assert_eq!("-1".parse::<Level>(), Err(SettingError::Lz4Level));
    assert_eq!("9".parse::<Level>().map(|level| level.to_string()), Ok("9".to_owned()));
    let options = Options::new();
    assert_eq!(options.clone().data_alignment(0), Err(OptionsError::Alignment));
    assert_eq!(options.clone().image_alignment(0), Err(OptionsError::Alignment));
    assert_eq!(options.clone().max_extent_len(511), Err(OptionsError::MaxExtentLen));
    for offset in [1 << 63, u64::MAX] {
        assert_eq!(options.clone().offset(offset), Err(OptionsError::Offset));
    }
    assert_eq!(Label::new("sixteen bytes is"), Err(OptionsError::Label));
    assert_eq!(Label::new("a\0"), Err(OptionsError::Label));
    let long = format!("user.{}", "n".repeat(256));
    for prefix in ["", "user", "btrfs.", "system.posix_acl_access.", "user.\0", &long] {
        assert_eq!(XattrPrefix::new(prefix), Err(OptionsError::XattrPrefix), "{prefix}");
    }
}

#[track_caller]
fn options_error(options: Options, expected: &OptionsError) {
    match refused(&root(), options) {
        Error::Options(error) => assert_eq!(&error, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn contradictions_between_options_are_refused_before_there_is_a_file() {
    let chunk = |chunk, block| {
        let options = fixed().block_size(BlockSize::new(block).unwrap());
        let error = OptionsError::ChunkSizeForBlockSize { chunk, block };
        options_error(options.chunk_size(ChunkSize::new(chunk).unwrap()), &error);
    };
    chunk(4096, 8192);
    chunk(32_768, 65_536);
    chunk(1 << 63, 512);
    chunk(1 << 44, 4096);
    let lz4 = || fixed().codec(Codec::Lz4(Level::FAST));
    let odd = lz4().pcluster_size(PclusterSize::new(6144).unwrap());
    let error = OptionsError::PclusterSizeForBlockSize { pcluster: 6144, block: 4096 };
    options_error(odd, &error);
    let prefixes = (0..129).map(|n| format!("user.{n}.").parse().unwrap());
    assert_eq!(fixed().xattr_prefixes(prefixes), Err(OptionsError::TooManyXattrPrefixes));
    for (sec, nsec) in [(-1, 0), (0, 1_000_000_000)] {
        let time = Timestamp { sec, nsec };
        assert_eq!(fixed().build_time(time), Err(OptionsError::BuildTime));
    }
}

#[test]
fn more_blocks_than_an_address_has_bits_for_are_refused_unread() {
    for (block, len) in [(512, 1 << 41), (4096, 1 << 44), (65_536, 1 << 48)] {
        let mut tree = root();
        tree.insert("d/f", plain(), Node::File(Content::new(Claimed(len)))).unwrap();
        let options = fixed().holes(false).block_size(BlockSize::new(block).unwrap());
        match refused(&tree, options) {
            Error::Full(limit) => assert_eq!(limit, Limit::Blocks),
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
fn store_paths_error(paths: &[&str], expected: &StorePathsError) {
    match StorePaths::new(paths.iter().map(PathBuf::from)).read() {
        Err(Error::StorePaths(error)) => assert_eq!(&error, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_of_store_paths_that_make_no_image_are_refused_by_name() {
    store_paths_error(&[], &StorePathsError::Empty);
    let path = || PathBuf::from("nix/store/a");
    store_paths_error(&["/usr", "nix/store/a"], &StorePathsError::Relative { path: path() });
    for path in ["/", "/usr/.."] {
        store_paths_error(&[path], &StorePathsError::NoName { path: path.into() });
    }
    let clash = StorePathsError::Clash { first: "/usr/lib".into(), second: "/var/lib".into() };
    store_paths_error(&["/usr/lib", "/var/lib"], &clash);
}

#[track_caller]
fn read_error(result: erofs_writer::Result<Tree>, expected: &Path) {
    match result {
        Err(Error::Read { path, .. }) => assert_eq!(path, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_sources_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    read_error(Tree::from_store_paths([&missing]), &missing);
    read_error(Tree::from_dir(&missing), &missing);
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    read_error(Tree::from_dir(&file), &file);
}
