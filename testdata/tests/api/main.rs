//! The first steps of a new user of the library. The code here must compile, and do
//! what its name says.

#![allow(clippy::unwrap_used, reason = "tests")]

mod decoders;
mod errors;
mod events;
mod examples;
mod layers;
mod options;
mod threads;
mod traits;

use std::io::Cursor;

use erofs_writer::{ImageWriter, Options, SeekWriter, Tree};

/// An image of `tree` with default options.
fn image(tree: &Tree) -> Vec<u8> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    ImageWriter::new(Options::new()).write(tree, &output).unwrap();
    output.into_inner().into_inner()
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.walk().map(|entry| String::from_utf8_lossy(entry.path()).into_owned()).collect()
}
