//! Any bytes as an image: an error or a tree, never a panic, and what can be read is the
//! same each time. An image of a tree that can be read comes back.
#![no_main]

use std::io::{self, Cursor};

use erofs_writer::source::Image;
use erofs_writer::{Error, ImageUuid, ImageWriter, Options, ReadAt, SeekWriter, Tree};
use libfuzzer_sys::fuzz_target;
use testdata::entry::{Compare, Snapshot, diff};
use testdata::expected;

/// Holes are longer than there is room for.
const MOST_BYTES: u64 = 1 << 22;

fn read(bytes: &[u8]) -> Result<Tree, Error> {
    Image::from_reader("it", bytes.to_vec()).read()
}

/// What a tree has, if it is short and can be read.
fn snapshot(tree: &Tree) -> Option<io::Result<Snapshot>> {
    let lens = tree.walk().filter_map(|entry| Some(entry.content()?.len()));
    let is_short = lens.fold(0, u64::saturating_add) <= MOST_BYTES;
    is_short.then(|| expected::snapshot(tree))
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    // A checksum is hard to guess.
    if let Some(compat) = bytes.get_mut(1024 + 8) {
        *compat &= !1;
    }
    let Ok(tree) = read(&bytes) else { return };
    // Ends of files and holes that are too long to read.
    let mut buf = [0; 100];
    for entry in tree.walk() {
        if let Some(content) = entry.content() {
            let _ = content.read_at(&mut buf, content.len() / 2);
            let _ = content.read_at(&mut buf, content.len().saturating_sub(50));
            let _ = content.next_data(content.len() / 3);
        }
    }
    let Some(Ok(found)) = snapshot(&tree) else { return };
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let options = Options::new().uuid(ImageUuid::None);
    if ImageWriter::new(options).write(&tree, &output).is_err() {
        return;
    }
    let again = read(&output.into_inner().into_inner()).expect("was written by us");
    let again = snapshot(&again).expect("is as short").expect("was written by us");
    if let Err(text) = diff(&found, &again, Compare::ALL) {
        panic!("{text}");
    }
});
