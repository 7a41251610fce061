//! Packs a tree that is made by hand: `cargo run --example in_memory -- IMAGE`.

use std::error::Error;
use std::fs;
use std::io::Cursor;

use erofs_writer::{Content, ImageWriter, Metadata, Node, Options, SeekWriter, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("usage: in_memory IMAGE")?;
    Ok(fs::write(image, pack()?)?)
}

/// The bytes of the image.
pub fn pack() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut tree = Tree::new(Metadata::new(0o755));
    tree.insert("bin", Metadata::new(0o755), Node::Directory)?;
    let script = Content::from_bytes(*b"#!/bin/sh\necho hello\n");
    let hello = tree.insert("bin/hello", Metadata::new(0o755), Node::File(script))?;
    tree.hard_link("bin/hi", hello)?;
    tree.insert("hello", Metadata::new(0o777), Node::Symlink(b"bin/hello".to_vec()))?;

    let output = SeekWriter::new(Cursor::new(Vec::new()));
    ImageWriter::new(Options::new()).write(&tree, &output)?;
    Ok(output.into_inner().into_inner())
}
