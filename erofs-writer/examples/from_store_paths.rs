//! Packs store paths, one a line on standard input:
//! `cargo run --example from_store_paths -- IMAGE < store-paths`.

use std::error::Error;
use std::io::stdin;

use erofs_writer::source::{StorePaths, parse_store_paths};
use erofs_writer::{ImageUuid, ImageWriter, Options, Uuid};

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("usage: from_store_paths IMAGE")?;
    let tree = StorePaths::new(parse_store_paths(stdin().lock())?).read()?;
    let uuid = Uuid::from_u128(0xeb176051_bd15_49b7_9e6b_462e0b467019);
    let options = Options::new().label("nix-store".parse()?).uuid(ImageUuid::Fixed(uuid));
    let summary = ImageWriter::new(options).write_path(&tree, image)?;
    let _ = summary;
    Ok(())
}
