//! Addresses of an image that is too long to be written in a test.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::format::chunk::{CHUNK_FORMAT_48BIT, CHUNK_FORMAT_INDEXES};
use crate::format::to_u64;
use crate::meta::{Head, inode};
use crate::options::BlockSize;
use crate::options::ChunkSize;
use crate::plan::Codecs;
use crate::shape::{Order, XattrTable};
use crate::tree::{Content, Metadata, Node, OpenDirs, ReadAt, Reader, Tree};

/// Contents with a length and nothing else.
struct Claimed(u64);

impl ReadAt for Claimed {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<usize> {
        panic!("nothing has to be read");
    }
}

/// Files of 1 TiB, of which the third begins after 2^32 blocks of 512 bytes; then a file
/// with two names, and a directory.
fn tree() -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let file = |len| Node::File(Content::new(Claimed(len)));
    let add = |tree: &mut Tree, name: &str, node| {
        tree.insert(name, Metadata::new(0o644), node).expect("the name is free")
    };
    for name in ["a", "b", "c"] {
        add(&mut tree, name, file(1 << 40));
    }
    let twice = add(&mut tree, "d", file(600));
    tree.hard_link("e", twice).expect("the name is free");
    add(&mut tree, "f", Node::Directory);
    tree
}

/// Shows `look` the places in an image of `tree`.
fn placed(tree: &Tree, options: &Options, look: impl FnOnce(&Placement<'_>)) {
    let order = Order::new(tree);
    let xattrs = XattrTable::new(tree, &order.ids, options).expect("there are none");
    let inodes = Inodes::new(tree, &order, &xattrs, options).expect("all can be");
    let reader = Reader { tree, stop: &AtomicBool::new(false), dirs: &OpenDirs::default() };
    let codecs = Codecs::new(tree, options);
    let plan = DataPlan::decide(reader, &inodes, &codecs, options, None);
    let plan = plan.and_then(|plan| plan.with_chunks(reader, &order, options, &|_| false));
    let plan = plan.expect("nothing is read that cannot be");
    let head = Head::new(&inodes, 0, &crate::codec::config::CompressionConfig::default(), options)
        .expect("it is small");
    let encoded = Encoded::default();
    let places = InodePlaces::new(head, &Bodies::new(&inodes, &plan, &encoded, options));
    let placement = Placement::new(places, &inodes, &plan, &encoded, options);
    look(&placement.expect("there is room"));
}

fn options() -> Options {
    let block_size = BlockSize::new(512).expect("is one");
    Options::new().block_size(block_size).holes(false).share_identical(false)
}

/// Format, `i_nb`, `i_u` and the length of the inode `path`.
fn fields(placement: &Placement<'_>, path: &str) -> (u16, u16, u32, u64) {
    let inodes = placement.bodies.inodes;
    let id = inodes.tree.get(path).expect("is there").arena_id();
    let size = inodes.size(id);
    let mut raw = Vec::new();
    inode::write(&mut raw, inodes, id, 1, size, placement.data_at(id, size));
    let short = |at: usize| u16::from_le_bytes([raw[at], raw[at + 1]]);
    let word = |at: usize| u32::from(short(at)) | u32::from(short(at + 2)) << 16;
    (short(0), short(6), word(0x10), to_u64(raw.len()))
}

#[test]
fn addresses_have_48_bits_where_that_is_needed() {
    placed(&tree(), &options().wide_addresses(true), |placement| {
        let fields = |path| fields(placement, path);
        assert!(placement.bodies.inodes.far);
        let (format, high, first, len) = fields("a");
        // Longer than 4 GiB, so extended.
        assert_eq!((format, high, len), (1, 0, 64));
        assert_eq!(fields("b"), (1, 0, first + (1 << 31), 64));
        assert_eq!(fields("c"), (1, 1, first, 64));
        // A compact inode with two names has no room for the upper bits, and a directory
        // never has.
        assert_eq!(fields("d"), (5, 1, first + (1 << 31), 64));
        assert_eq!(fields("f").3, 64);
        assert_eq!(placement.end, u64::from(first) + 3 * (1 << 31) + 1);
    });
}

#[test]
fn compact_inodes_have_them_in_place_of_their_links() {
    let mut tree = tree();
    let content = Content::new(Claimed(700));
    tree.insert("d0", Metadata::new(0o644), Node::File(content)).expect("the name is free");
    placed(&tree, &options().wide_addresses(true), |placement| {
        let (format, high, _, len) = fields(placement, "d0");
        assert_eq!((format, high, len), (1 << 4 | 2 << 1, 1, 32));
    });
}

#[test]
fn chunk_maps_have_them_if_the_image_may_be_long() {
    let options = options().wide_addresses(true);
    let small = |len| {
        let mut tree = Tree::new(Metadata::new(0o755));
        let content = Content::from_bytes(vec![7; len]);
        tree.insert("a", Metadata::new(0o644), Node::File(content)).expect("is free");
        tree
    };
    let options = options.chunk_size(ChunkSize::new(512).expect("is one"));
    let format = |options: &Options| {
        let mut found = None;
        placed(&small(1024), options, |placement| {
            found = Some((fields(placement, "a").2, placement.bodies.inodes.far));
        });
        found.expect("was looked at")
    };
    assert_eq!(format(&options), (0, false));
    // How far away the first chunk may be depends on the alignment.
    let aligned = options.clone().data_alignment(u32::MAX).expect("is not 0");
    assert_eq!(format(&aligned), (CHUNK_FORMAT_48BIT | CHUNK_FORMAT_INDEXES, true));
}
