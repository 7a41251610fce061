//! Packs a directory: `cargo run --example from_directory -- DIR IMAGE`.

use std::error::Error;
use std::path::Path;

use erofs_writer::{ImageWriter, Options, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), Some(image)) = (args.next(), args.next()) else {
        return Err("usage: from_directory DIR IMAGE".into());
    };
    pack(dir.as_ref(), image.as_ref())
}

/// Packs what is in `dir`.
pub fn pack(dir: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    let tree = Tree::from_dir(dir)?;
    ImageWriter::new(Options::new()).write_path(&tree, image)?;
    Ok(())
}
