//! Files of runs, noise, text and repeats, in clusters of any size: the image
//! breaks no rule of the format, and an independent reader reads every byte
//! back. How the extents fall decides how their index is packed.
#![no_main]

use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;

use arbitrary::Arbitrary;
use erofs_writer::{
    BlockSize, Content, ImageUuid, ImageWriter, InodeForm, Metadata, Node, Options, PclusterSize,
    SeekWriter, Tails, Tree,
};
use libfuzzer_sys::fuzz_target;
use testdata::codecs::choose;
use testdata::entry::{Compare, diff};
use testdata::raw::{self, Image};
use testdata::{expected, reader, trees};

/// Beyond it a case takes long and shows nothing new.
const MOST_BYTES: usize = 400_000;

#[derive(Arbitrary, Debug)]
struct Input {
    files: Vec<File>,
    block_bits: u8,
    pcluster_bits: u8,
    algorithm: u8,
    level: u8,
    window: u8,
    full_indexes: bool,
    own_blocks: bool,
    extended: bool,
    holes: bool,
    inline_pclusters: bool,
    fragments: u8,
    dedupe: bool,
    /// In eighths of a block, if it is more than one.
    max_extent: u8,
}

#[derive(Arbitrary, Debug)]
struct File {
    /// Where the index begins depends on what is before it.
    xattr: Option<u8>,
    pieces: Vec<Piece>,
    /// Lets it end at a block.
    whole_blocks: bool,
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Run(u8, u16),
    Noise(u8, u16),
    Text(u8, u16),
    /// So many bytes from so far back.
    Repeat(u16, u16),
    /// So many bytes that other files have too, from one of these on.
    Shared(u16, u16),
}

fn contents(file: &File, block: usize) -> Vec<u8> {
    let mut data = Vec::new();
    for piece in file.pieces.iter().take(60) {
        match piece {
            Piece::Bytes(bytes) => data.extend_from_slice(bytes),
            Piece::Run(byte, len) => data.resize(data.len() + usize::from(*len), *byte),
            Piece::Noise(seed, len) => {
                data.extend(trees::noise(u64::from(*seed) + 1, usize::from(*len)));
            }
            Piece::Text(seed, len) => {
                data.extend(trees::text(u64::from(*seed) + 1, usize::from(*len)));
            }
            Piece::Repeat(back, len) => {
                let start = data.len() - usize::from(*back).min(data.len());
                let source: Vec<u8> = data[start..].to_vec();
                data.extend(source.iter().cycle().take(usize::from(*len)));
            }
            Piece::Shared(start, len) => {
                let shared = [trees::text(7, 70_000), trees::noise(7, 70_000)].concat();
                data.extend(&shared[usize::from(*start)..][..usize::from(*len)]);
            }
        }
    }
    data.truncate(MOST_BYTES);
    if file.whole_blocks {
        data.truncate(data.len() / block * block);
    }
    data
}

fn tree(input: &Input, block: usize) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    for (number, file) in input.files.iter().take(6).enumerate() {
        let mut metadata = Metadata::new(0o644);
        if let Some(len) = file.xattr {
            metadata.xattrs.set(format!("user.{number}"), vec![b'v'; usize::from(len)]);
        }
        let content = Content::from_bytes(contents(file, block));
        tree.insert(number.to_string(), metadata, Node::File(content)).expect("is a new name");
    }
    tree
}

fn options(input: &Input, block: u32) -> Options {
    let pcluster = (block << (input.pcluster_bits % 9)).min(1 << 20);
    let mut options = Options::new()
        .uuid(ImageUuid::FromContent)
        .codec(choose(input.algorithm, input.level, input.window))
        .block_size(BlockSize::new(block).expect("is a power of two"))
        .pcluster_size(PclusterSize::new(pcluster).expect("is whole blocks"))
        .full_indexes(input.full_indexes)
        .holes(input.holes)
        .dedupe(input.dedupe);
    if input.own_blocks {
        options = options.inline_data(false);
    }
    options = options.tails(match (input.fragments % 3, input.inline_pclusters) {
        (0, false) => Tails::Blocks,
        (0, true) => Tails::Inline,
        (1, _) => Tails::Fragments,
        (_, _) => Tails::AllFragments,
    });
    if input.max_extent >= 8 {
        options = options
            .max_extent_len(u64::from(block) / 8 * u64::from(input.max_extent))
            .expect("is a block or more");
    }
    if input.extended {
        options = options.inode_form(InodeForm::Extended);
    }
    options
}

fuzz_target!(|input: Input| {
    // Small blocks give long indexes of short files.
    let block = 512 << (input.block_bits % 8);
    let tree = tree(&input, usize::try_from(block).expect("fits"));
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let written = ImageWriter::new(options(&input, block))
        .threads(NonZeroUsize::new(2).expect("is not 0"))
        .write(&tree, &output);
    written.expect("the format can hold it");
    let bytes = output.into_inner().into_inner();
    let path = std::env::temp_dir().join(format!("fuzz-compressed-{}", std::process::id()));
    fs::write(&path, &bytes).expect("there is room");
    if let Err(findings) = raw::check(&Image::from_bytes(bytes)) {
        panic!("{findings}");
    }
    let expected = expected::snapshot(&tree).expect("is in memory");
    let actual = reader::snapshot(&path, &[]).expect("is read");
    if let Err(text) = diff(&expected, &actual, Compare::ALL) {
        panic!("{text}");
    }
    fs::remove_file(&path).expect("is ours");
});
