//! Any small tree with any options: the image breaks no rule of the format,
//! and is the same for one thread and for three.
#![no_main]

use std::io::Cursor;
use std::num::NonZeroUsize;

use arbitrary::Arbitrary;
use erofs_writer::{
    BlockSize, ChunkSize, Content, ImageUuid, ImageWriter, InodeForm, InodeId, Metadata, Node,
    Options, Rdev, SeekWriter, Timestamp, Tree, XattrPrefix,
};
use libfuzzer_sys::fuzz_target;
use testdata::raw::{self, Image};

#[derive(Arbitrary, Debug)]
struct Input {
    nodes: Vec<NewNode>,
    options: Choices,
}

#[derive(Arbitrary, Debug)]
struct NewNode {
    parent: u8,
    name: Vec<u8>,
    kind: NewKind,
    mode: u16,
    uid: u32,
    gid: u32,
    sec: i64,
    nsec: u32,
    xattrs: Vec<(u8, Vec<u8>, u8)>,
}

#[derive(Arbitrary, Debug)]
enum NewKind {
    Directory,
    /// So many bytes of this value.
    File(u32, u8),
    Symlink(Vec<u8>),
    Device(u32, u32),
    Fifo,
    Socket,
    Link(u8),
}

#[derive(Arbitrary, Debug)]
struct Choices {
    block_bits: u8,
    chunk_bits: Option<u8>,
    chunk_indexes: bool,
    own_blocks: bool,
    share: bool,
    holes: bool,
    form: u8,
    share_above: u8,
    filter: bool,
    prefix: bool,
    data_alignment: u8,
    image_alignment: u8,
    build_time: Option<u32>,
}

fn tree(nodes: &[NewNode]) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut directories = vec![Vec::new()];
    let mut others: Vec<InodeId> = Vec::new();
    for node in nodes.iter().take(64) {
        let parent = &directories[usize::from(node.parent) % directories.len()];
        let path = [parent.as_slice(), b"/", &node.name].concat();
        let mut metadata = Metadata::new(node.mode);
        (metadata.uid, metadata.gid) = (node.uid, node.gid);
        metadata.mtime = Timestamp { sec: node.sec, nsec: node.nsec % 1_000_000_000 };
        for (namespace, name, len) in node.xattrs.iter().take(8) {
            let prefix = [&b"user."[..], b"trusted.", b"security."][usize::from(*namespace) % 3];
            metadata.xattrs.set([prefix, name].concat(), vec![b'v'; usize::from(*len)]);
        }
        let kind = match &node.kind {
            NewKind::Directory => Node::Directory,
            NewKind::File(len, byte) => {
                let len = usize::try_from(len % 70_000).unwrap();
                Node::File(Content::from_bytes(vec![*byte; len]))
            }
            NewKind::Symlink(target) => Node::Symlink(target.clone()),
            NewKind::Device(major, minor) => {
                Node::CharDevice(Rdev { major: *major, minor: *minor })
            }
            NewKind::Fifo => Node::Fifo,
            NewKind::Socket => Node::Socket,
            NewKind::Link(target) => {
                if let Some(id) = others.get(usize::from(*target) % others.len().max(1)) {
                    let _ = tree.hard_link(&path, *id);
                }
                continue;
            }
        };
        let is_dir = matches!(kind, Node::Directory);
        match tree.insert(&path, metadata, kind) {
            Ok(_) if is_dir => directories.push(path),
            Ok(id) => others.push(id),
            Err(_) => {}
        }
    }
    tree
}

fn options(choices: &Choices) -> Options {
    let mut options = Options::new()
        .uuid(ImageUuid::FromContent)
        .block_size(BlockSize::new(512 << (choices.block_bits % 8)).unwrap())
        .chunk_indexes(choices.chunk_indexes)
        .share_identical(choices.share)
        .holes(choices.holes)
        .xattr_share_above(choices.share_above.into())
        .xattr_name_filter(choices.filter)
        .data_alignment(u32::from(choices.data_alignment % 8) + 1)
        .and_then(|options| options.image_alignment(u32::from(choices.image_alignment % 8) + 1))
        .unwrap();
    if let Some(bits) = choices.chunk_bits {
        options = options.chunk_size(ChunkSize::new(4096 << (bits % 8)).unwrap());
    }
    if choices.own_blocks {
        options = options.inline_data(false);
    }
    if choices.form % 4 == 0 {
        options = options.inode_form(InodeForm::Extended);
    }
    if choices.prefix {
        options = options.xattr_prefixes([XattrPrefix::new("user.a").unwrap()]).unwrap();
    }
    if let Some(sec) = choices.build_time {
        options = options.build_time(Timestamp::from_sec(sec.into())).unwrap();
    }
    options
}

fn image(tree: &Tree, options: Options, threads: usize) -> Option<Vec<u8>> {
    let threads = NonZeroUsize::new(threads).unwrap();
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    // A tree that the format cannot hold is an error, found before anything else.
    ImageWriter::new(options).threads(threads).write(tree, &output).ok()?;
    Some(output.into_inner().into_inner())
}

fuzz_target!(|input: Input| {
    let tree = tree(&input.nodes);
    let options = options(&input.options);
    let one = image(&tree, options.clone(), 1);
    assert_eq!(one, image(&tree, options, 3), "threads change the bytes");
    if let Some(bytes) = one {
        if let Err(findings) = raw::check(&Image::from_bytes(bytes)) {
            panic!("{findings}");
        }
    }
});
