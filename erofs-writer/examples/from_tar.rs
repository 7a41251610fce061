//! Packs a tar archive that is not compressed: `cargo run --example from_tar --
//! ARCHIVE IMAGE`.

use std::error::Error;

use erofs_writer::{ImageWriter, Options, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(archive), Some(image)) = (args.next(), args.next()) else {
        return Err("usage: from_tar ARCHIVE IMAGE".into());
    };
    let tree = Tree::from_tar(archive)?;
    ImageWriter::new(Options::new()).write_path(&tree, image)?;
    Ok(())
}
