//! Outputs and contents that fail: the right error, and nothing that could be
//! mounted.

use std::io::{self, Cursor};
use std::sync::Mutex;

use erofs_writer::{
    Content, Error, ImageWriter, Metadata, Node, Options, ReadAt, ReaderErrorKind, SeekWriter,
    Tree, WriteAt,
};
use testdata::raw::{self, Image, Rule};
use testdata::trees::{Builder, mixed, noise};

use crate::compressed::lz4;
use crate::errors::refused;
use crate::support::{case, fixed, has_magic, image};

/// The first write of all, over the superblock of an older image.
const INVALID: [u8; 128] = [0; 128];

/// An output that takes so many bytes.
struct Limited {
    left: Mutex<usize>,
    bytes: Mutex<Vec<u8>>,
}

impl Limited {
    fn new(len: usize) -> Self {
        Self { left: Mutex::new(len), bytes: Mutex::default() }
    }
}

impl WriteAt for Limited {
    fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        let mut left = self.left.lock().unwrap();
        let taken = buf.len().min(*left);
        *left -= taken;
        let mut bytes = self.bytes.lock().unwrap();
        let pos = usize::try_from(pos).unwrap();
        if bytes.len() < pos + taken {
            bytes.resize(pos + taken, 0);
        }
        bytes[pos..pos + taken].copy_from_slice(&buf[..taken]);
        match taken == buf.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

#[test]
fn an_output_that_fails_at_any_byte_holds_no_image() {
    let mut tree = Builder::new();
    for (name, len) in [("inline", 100), ("blocks", 10_000), ("large", 1_500_000)] {
        tree.file(name, mixed(1, len));
    }
    let tree = tree.done();
    for options in [fixed(), Options::new(), fixed().offset(4096).unwrap(), lz4(0)] {
        let full = image(&tree, options.clone());
        let fits = Limited::new(full.len() + INVALID.len());
        ImageWriter::new(options.clone()).write(&tree, &fits).unwrap();
        // The offset itself is not written.
        let needed = full.len() + INVALID.len() - *fits.left.lock().unwrap();
        let offset = full.len() + INVALID.len() - needed;
        let steps = (0..needed).step_by(100_003).chain(needed.saturating_sub(4100)..needed);
        for (number, len) in steps.enumerate() {
            if number > 20 && number % 61 != 0 && len + 1 != needed {
                continue;
            }
            let output = Limited::new(len);
            let error = ImageWriter::new(options.clone()).write(&tree, &output).unwrap_err();
            match error {
                Error::Write { path: None, source } => {
                    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
                }
                other => panic!("{other:?}"),
            }
            let bytes = output.bytes.into_inner().unwrap();
            if len + 4096 <= needed {
                assert!(!has_magic(&bytes, offset), "{len} of {needed} bytes");
            } else if bytes != full {
                // The superblock is in the last write, of which a part may
                // have been made. Its checksum then is wrong.
                let image = Image::from_bytes(bytes[offset..].to_vec());
                let found = raw::check(&image).expect_err("not complete");
                let known = [Rule::OutOfImage, Rule::Superblock, Rule::Checksum];
                assert!(known.iter().any(|rule| found.has(*rule)), "{found}");
            }
        }
    }
}

/// A content that fails, or ends, at some byte.
struct Broken {
    len: u64,
    at: u64,
    fails: bool,
}

impl ReadAt for Broken {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.at.saturating_sub(offset);
        if left == 0 && self.fails {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let len = buf.len().min(usize::try_from(left).unwrap());
        buf[..len].fill(7);
        Ok(len)
    }
}

fn broken(len: u64, at: u64, fails: bool) -> Tree {
    let mut tree = Builder::new();
    tree.dir("d");
    tree.file("a", noise(1, 10_000));
    let content = Content::new(Broken { len, at, fails });
    tree.node("d/broken", Metadata::new(0o644), Node::File(content.clone()));
    tree.done()
}

/// Lengths that are stored inline, in a block, in blocks and a tail, in pieces.
const LENGTHS: [u64; 7] = [1, 100, 4096, 5000, 600_000, 1 << 20, (20 << 20) + 5];

fn layouts() -> [Options; 5] {
    let chunk = |bytes| fixed().chunk_size(erofs_writer::ChunkSize::new(bytes).unwrap());
    [
        fixed(),
        Options::new(),
        fixed().holes(false).share_identical(false),
        chunk(4096),
        chunk(1 << 20),
    ]
}

#[test]
fn contents_that_cannot_be_read_are_named() {
    for len in LENGTHS {
        for at in [0, len / 2, len - 1] {
            for options in layouts() {
                match refused(&broken(len, at, true), options) {
                    Error::Read { path, source } => {
                        assert_eq!(path.to_str(), Some("/d/broken"));
                        assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
                    }
                    other => panic!("{len}, {at}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn readers_with_fewer_bytes_than_they_say_are_named() {
    for len in LENGTHS {
        for at in [0, len / 2, len - 1] {
            for options in layouts() {
                match refused(&broken(len, at, false), options) {
                    Error::Reader { path, kind: ReaderErrorKind::Short { len: said, read } } => {
                        assert_eq!(path.to_str(), Some("/d/broken"));
                        assert!(said == len && (at..len).contains(&read), "{said}, {read}");
                    }
                    other => panic!("{len}, {at}: {other:?}"),
                }
            }
        }
    }
}

/// Reads a few bytes at a time, and is interrupted now and then.
struct Slow(Vec<u8>, Mutex<usize>);

impl ReadAt for Slow {
    fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut calls = self.1.lock().unwrap();
        *calls += 1;
        if calls.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let rest = &self.0[usize::try_from(offset).unwrap()..];
        let len = rest.len().min(buf.len()).min(1 + *calls % 1000);
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

#[test]
fn short_and_interrupted_reads_are_gone_on_with() {
    for len in [1, 100, 4096, 5000, 70_000, 600_000] {
        let bytes = noise(5, len);
        let node = |content| {
            let mut tree = Builder::new();
            tree.node("f", Metadata::new(0o644), Node::File(content));
            tree.done()
        };
        for options in layouts() {
            let slow = node(Content::new(Slow(bytes.clone(), Mutex::new(0))));
            let quick = node(Content::from_bytes(bytes.clone()));
            assert!(image(&slow, options.clone()) == image(&quick, options), "{len} bytes");
        }
    }
}

#[test]
fn what_the_output_held_before_does_not_show_through() {
    for name in ["few_names", "shared_xattrs", "zero_runs", "identical_with_other_heads"] {
        let tree = (case(name).tree)();
        for options in [fixed(), fixed().data_alignment(8).unwrap().image_alignment(64).unwrap()] {
            let clean = image(&tree, options.clone());
            let output = SeekWriter::new(Cursor::new(vec![0xa5; clean.len()]));
            ImageWriter::new(options).write(&tree, &output).unwrap();
            assert!(output.into_inner().into_inner() == clean, "{name}");
        }
    }
}
