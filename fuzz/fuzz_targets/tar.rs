//! Any bytes as a tar archive: an error or a tree, never a panic, and the same
//! from a stream and in place, also for an index. A tree that an image can hold
//! comes back.
#![no_main]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use erofs_writer::source::Tar;
use erofs_writer::{
    BlockSize, Error, ImageUuid, ImageWriter, Options, SeekWriter, TarErrorKind, Tree,
};
use libfuzzer_sys::fuzz_target;
use testdata::entry::{Compare, diff};
use testdata::expected;
use testdata::raw::{self, Image};

/// Sparse files may be longer than there is room for.
const MOST_BYTES: u64 = 1 << 22;

fn image(tree: &Tree, block_size: BlockSize) -> Option<Vec<u8>> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let options = Options::new().uuid(ImageUuid::None).block_size(block_size);
    ImageWriter::new(options).write(tree, &output).ok()?;
    Some(output.into_inner().into_inner())
}

/// Checks `image` by the rules of the format.
fn check(image: Vec<u8>) {
    if let Err(findings) = raw::check(&Image::from_bytes(image)) {
        panic!("{findings}");
    }
}

/// An index shows what `tree` does, if there can be one.
fn check_index(archive: &Path, bytes: &[u8], tree: &Tree) {
    let in_place = Tar::open(archive).expect("was written").convert_aufs(true).index(true).read();
    let streamed = Tar::stream("stream", bytes, "/").convert_aufs(true).index(true).read();
    let trees = match (in_place, streamed) {
        (Ok(in_place), Ok(streamed)) => [in_place, streamed],
        (Err(error), Err(_)) => {
            let is_sparse = matches!(error, Error::Tar { kind: TarErrorKind::SparseIndex, .. });
            assert!(is_sparse, "{error}");
            return;
        }
        (in_place, streamed) => panic!("{in_place:?} and {streamed:?}"),
    };
    let snapshots = [tree, &trees[0]].map(|tree| expected::snapshot(tree).expect("is read"));
    if let Err(text) = diff(&snapshots[0], &snapshots[1], Compare::ALL) {
        panic!("{text}");
    }
    let images =
        [&trees[0], &trees[1]].map(|tree| image(tree, BlockSize::new(512).expect("is a size")));
    assert_eq!(images[0], images[1]);
    images.into_iter().flatten().for_each(check);
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
    let streamed = Tar::stream("stream", &bytes[..], &dir).convert_aufs(true);
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
    check_index(&path, &bytes, &trees[0]);
    if let Some(image) = image(&trees[0], BlockSize::default()) {
        check(image);
    }
});
