//! Packs store paths, one a line on standard input:
//! `cargo run --example from_store_paths -- IMAGE < store-paths`.

use std::error::Error;
use std::io::{BufRead, stdin};
use std::path::Path;

use erofs_writer::source::{StorePaths, parse_store_paths};
use erofs_writer::{ImageWriter, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("usage: from_store_paths IMAGE")?;
    pack(stdin().lock(), image.as_ref())
}

/// Packs the store paths in `list`.
pub fn pack(list: impl BufRead, image: &Path) -> Result<(), Box<dyn Error>> {
    let tree = StorePaths::new(parse_store_paths(list)?).read()?;
    ImageWriter::new(Options::store_image()).write_path(&tree, image)?;
    Ok(())
}
