//! Any bytes as a manifest of each format: an error or a tree, never a panic. A tree that an
//! image can hold comes back.
#![no_main]

use std::io::Cursor;

use erofs_writer::source::{Manifest, ManifestFormat};
use erofs_writer::{ImageUuid, ImageWriter, Options, SeekWriter, Tree};
use libfuzzer_sys::fuzz_target;
use testdata::raw::{self, Image};

/// Contents that a line names may be any file of the host, so that long ones are passed over.
const MOST_BYTES: u64 = 1 << 20;

fn check(tree: &Tree) {
    let lens = tree.walk().filter_map(|entry| Some(entry.content()?.len()));
    if lens.fold(0, u64::saturating_add) > MOST_BYTES {
        return;
    }
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let options = Options::new().uuid(ImageUuid::None);
    if ImageWriter::new(options).write(tree, &output).is_ok() {
        let image = output.into_inner().into_inner();
        if let Err(findings) = raw::check(&Image::from_bytes(image)) {
            panic!("{findings}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let read = |manifest: Manifest<'_>| manifest.contents_in("/usr/lib/os-release.d").read();
    let told = read(Manifest::from_reader("LIST", bytes));
    let formats = [ManifestFormat::Composefs, ManifestFormat::Gensquashfs, ManifestFormat::Mtree];
    let mut trees = 0;
    for format in formats {
        if let Ok(tree) = read(Manifest::from_reader("LIST", bytes).format(format)) {
            check(&tree);
            trees += 1;
        }
    }
    assert!(trees > 0 || told.is_err(), "a format that is told is one of the formats");
});
