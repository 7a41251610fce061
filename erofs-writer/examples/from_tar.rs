//! Packs a tar archive, compressed or not: `cargo run --example from_tar -- ARCHIVE
//! IMAGE`.

#![allow(clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::path::Path;

use erofs_writer::source::Tar;
use erofs_writer::{ImageWriter, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(archive), Some(image)) = (args.next(), args.next()) else {
        return Err("usage: from_tar ARCHIVE IMAGE".into());
    };
    pack(archive.as_ref(), image.as_ref())
}

/// Packs what is in `archive`.
pub fn pack(archive: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    // The contents of a compressed archive wait there until they are written.
    let mut tree = Tar::open_compressed(archive, std::env::temp_dir())?.read()?;
    if let Some(dropped) = tree.drop_foreign_xattrs() {
        eprintln!("{} attributes that no image can hold are left out", dropped.count);
    }
    ImageWriter::new(Options::new()).write_path(&tree, image)?;
    Ok(())
}
