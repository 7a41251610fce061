//! Small images as text, reviewed by hand against the format's description.
//! A change of bytes shows as a change of these files.

use erofs_writer::{
    BlockSize, ChunkSize, Codec, Content, ImageUuid, InodeForm, Metadata, Node, Options, Rdev,
    Timestamp, Tree, Uuid,
};
use testdata::raw::Image;
use testdata::trees::{Builder, noise, text};
use testdata::{dump, golden, verify};

use crate::support::{image, verify};

/// A UUID whose bytes are in the order of their values.
fn options() -> Options {
    let uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    Options::new().uuid(ImageUuid::Fixed(uuid))
}

#[track_caller]
fn compare(name: &str, tree: &Tree, options: Options) {
    let image = image(tree, options);
    golden::compare(name, &dump::dump(&Image::from_bytes(image.clone())));
    // A reviewed image must also be right.
    verify(&image, tree, &verify::Options::default());
}

/// Adds names of one fifo: entries without the lines of an inode each.
fn add_names(tree: &mut Builder, names: impl Iterator<Item = String>) {
    let mut names = names;
    let first = names.next().unwrap();
    let id = tree.node(first, Metadata::new(0o600), Node::Fifo);
    names.for_each(|name| tree.link(name, id));
}

#[test]
fn an_empty_root() {
    let label = "golden".parse().unwrap();
    compare("root", &Tree::new(Metadata::new(0o755)), options().label(label));
}

#[test]
fn an_image_without_checksum_and_uuid() {
    let options = options().checksum(false).uuid(ImageUuid::None);
    compare("root-bare", &Tree::new(Metadata::new(0o755)), options);
}

#[test]
fn a_file_behind_its_inode() {
    let mut tree = Builder::new();
    tree.file("a.txt", "hello, erofs inline file\n");
    tree.file("empty", "");
    compare("inline", &tree.done(), options());
}

fn tails() -> Tree {
    let mut tree = Builder::new();
    // The largest tail, one byte more, a block, a block and a tail.
    for len in [4064, 4065, 4096, 4096 + 100] {
        tree.file(format!("{len}"), noise(1, len));
    }
    tree.done()
}

#[test]
fn tails_inline_and_in_blocks() {
    compare("tails", &tails(), options());
    compare("tails-own-block", &tails(), options().inline_data(false));
}

#[test]
fn a_directory_of_two_blocks() {
    let mut tree = Builder::new();
    // 13 + 14 bytes for the dots, 28 for the name before them, and 20 names
    // of 212 bytes: 4295 in all, of which the last name is one too many.
    add_names(&mut tree, (0..20).map(|number| format!("{number:0200}")));
    tree.file("-before the dots", "");
    compare("directory", &tree.done(), options());
}

#[test]
fn subdirectories_and_their_links() {
    let mut tree = Builder::new();
    for path in ["a", "a/b", "c"] {
        tree.dir(path);
    }
    tree.file("a/b/f", "deep");
    compare("subdirectories", &tree.done(), options());
}

#[test]
fn symlinks_and_special_files() {
    let mut tree = Builder::new();
    tree.symlink("link", "target");
    tree.symlink("long", vec![b'l'; 4065]);
    tree.device("null", 1, 3);
    tree.device("whiteout", 0, 0);
    let rdev = Rdev { major: 259, minor: 0x12345 };
    tree.node("block", Metadata::new(0o660), Node::BlockDevice(rdev));
    tree.node("fifo", Metadata::new(0o600), Node::Fifo);
    tree.node("socket", Metadata::new(0o1777), Node::Socket);
    compare("special", &tree.done(), options());
}

#[test]
fn hard_links_in_two_directories() {
    let mut tree = Builder::new();
    let id = tree.file("one", "content");
    tree.dir("sub");
    tree.link("sub/two", id);
    compare("hard-links", &tree.done(), options());
}

/// The tree of section 8e of the format's description: four files with one
/// pair in common.
fn attributes() -> Tree {
    let mut tree = Builder::new();
    for name in ["a", "b", "c", "d"] {
        let mut metadata = Metadata::new(0o644);
        metadata.xattrs.set("user.common", "shared-value");
        if name == "a" {
            metadata.xattrs.set("user.own", "X1");
            metadata.xattrs.set("trusted.overlay.opaque", "y");
        }
        tree.file_with(name, metadata, "aaaaa");
    }
    tree.done()
}

#[test]
fn attributes_inline_shared_and_by_prefix() {
    compare("xattrs-inline", &attributes(), options().xattr_share_above(u32::MAX));
    compare("xattrs-shared", &attributes(), options());
    let prefix = "trusted.overlay.".parse().unwrap();
    compare("xattrs-prefix", &attributes(), options().xattr_prefixes([prefix]).unwrap());
    compare("xattrs-no-filter", &attributes(), options().xattr_name_filter(false));
}

fn chunked() -> Tree {
    let mut tree = Builder::new();
    let (a, b) = (noise(1, 4096), noise(2, 4096));
    tree.file("aba", [&a[..], &b, &a, b"tail"].concat());
    tree.file("hole", [&[0; 12_288][..], b"end"].concat());
    tree.file("merged", [&noise(3, 8192)[..], b"more"].concat());
    tree.file("empty", "");
    tree.done()
}

#[test]
fn chunks_with_block_numbers_and_with_indexes() {
    let options = || options().chunk_size(ChunkSize::new(4096).unwrap());
    compare("chunks", &chunked(), options());
    compare("chunk-indexes", &chunked(), options().chunk_indexes(true));
}

#[test]
fn a_hole_in_a_large_file() {
    let mut bytes = vec![0; 1 << 20];
    bytes[..10].copy_from_slice(b"at the top");
    bytes[(1 << 20) - 6..].copy_from_slice(b"at end");
    let mut tree = Builder::new();
    tree.file("holes", bytes);
    compare("hole", &tree.done(), options());
}

#[test]
fn identical_files_in_one_place() {
    let mut tree = Builder::new();
    for (name, len) in [("a", 4196), ("b", 4196), ("c", 7000), ("d", 7000), ("e", 7000)] {
        let content = Content::from_bytes(noise(1, len));
        tree.node(name, Metadata::new(0o644), Node::File(content));
    }
    compare("identical", &tree.done(), options());
}

#[test]
fn extended_inodes_with_times() {
    let mut tree = Builder::new();
    let times = [("before", -77, 5), ("usual", 1_700_000_000, 0), ("late", 1 << 33, 999_999_999)];
    for (name, sec, nsec) in times {
        let mtime = Timestamp { sec, nsec };
        tree.file_with(name, Metadata::new(0o644).with_mtime(mtime), name);
    }
    let owner = Metadata::new(0o4755).with_owner(65_536, 70_000);
    tree.file_with("owner", owner, "owner");
    let tree = tree.done();
    compare("extended", &tree, options().inode_form(InodeForm::Extended));
    let build_time = Timestamp::from_sec(1_700_000_100);
    compare("times", &tree, options().build_time(build_time).unwrap());
}

#[test]
fn small_blocks() {
    let mut tree = Builder::new();
    for len in [448, 480, 481, 512, 1000] {
        tree.file(format!("{len}"), noise(1, len));
    }
    add_names(&mut tree, (0..20).map(|number| format!("{number:030}")));
    compare("blocks-512", &tree.done(), options().block_size(BlockSize::new(512).unwrap()));
}

#[test]
fn aligned_data_and_image() {
    let mut tree = Builder::new();
    tree.file("a", noise(1, 4096));
    tree.file("b", noise(2, 4096));
    compare(
        "aligned",
        &tree.done(),
        options().data_alignment(2).unwrap().image_alignment(8).unwrap(),
    );
}

#[test]
fn room_for_root_attributes() {
    let tree = Tree::new(Metadata::new(0o755));
    // A body of zero words, which readers skip.
    compare("root-room", &tree, options().root_xattr_len(20).unwrap());
}

#[test]
fn a_compressed_file_of_each_algorithm() {
    for codec in ["lz4hc,9", "zstd,3", "deflate,6", "lzma,6"] {
        let mut tree = Builder::new();
        tree.file("text", text(1, 9000));
        let name = format!("compressed-{}", codec.split(',').next().unwrap());
        compare(&name, &tree.done(), options().codec(codec.parse::<Codec>().unwrap()));
    }
}
