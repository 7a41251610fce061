//! Any bytes as a tar archive: an error or a tree, never a panic, and the same
//! from a stream and in place. A tree that an image can hold comes back.
#![no_main]

use std::fs;
use std::io::Cursor;

use erofs_writer::source::Tar;
use erofs_writer::{ImageUuid, ImageWriter, Options, SeekWriter, Tree};
use libfuzzer_sys::fuzz_target;
use testdata::entry::{Compare, diff};
use testdata::expected;
use testdata::raw::{self, Image};

/// Sparse files may be longer than there is room for.
const MOST_BYTES: u64 = 1 << 22;

fn image(tree: &Tree) -> Option<Vec<u8>> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    ImageWriter::new(Options::new().uuid(ImageUuid::None)).write(tree, &output).ok()?;
    Some(output.into_inner().into_inner())
}

fuzz_target!(|bytes: &[u8]| {
    // Checksums are hard to guess, so that they are made right.
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    let dir = std::env::temp_dir();
    let path = dir.join(format!("fuzz-tar-{}", std::process::id()));
    fs::write(&path, &bytes).expect("there is room");
    let streamed =
        Tar::stream("stream", &bytes[..], &dir).expect("there is room").convert_aufs(true);
    let in_place = Tar::open(&path).expect("was written").convert_aufs(true);
    let trees = match (streamed.read(), in_place.read()) {
        (Ok(streamed), Ok(in_place)) => [streamed, in_place],
        (Err(streamed), Err(in_place)) => {
            let text = |error: &erofs_writer::Error| error.to_string();
            let (streamed, in_place) = (text(&streamed), text(&in_place));
            let name = path.display().to_string();
            assert_eq!(streamed.strip_prefix("stream"), in_place.strip_prefix(&name));
            return;
        }
        (streamed, in_place) => panic!("{streamed:?} and {in_place:?}"),
    };
    let lens = trees[0].walk().filter_map(|entry| Some(entry.content()?.len()));
    if lens.fold(0, u64::saturating_add) > MOST_BYTES {
        return;
    }
    let snapshots = [&trees[0], &trees[1]].map(|tree| expected::snapshot(tree).expect("is read"));
    if let Err(text) = diff(&snapshots[0], &snapshots[1], Compare::ALL) {
        panic!("{text}");
    }
    let Some(image) = image(&trees[0]) else { return };
    if let Err(findings) = raw::check(&Image::from_bytes(image)) {
        panic!("{findings}");
    }
});
