//! Any bytes as a NAR or an export: an error or a tree, never a panic, and the same from a
//! stream and in place. A tree that an image can hold comes back. The bytes are taken as they
//! are, or, as lengths and padding are hard to guess, as lines that are the strings of a NAR.
#![no_main]

use std::fs;
use std::io::Cursor;

use erofs_writer::source::Nar;
use erofs_writer::{ImageUuid, ImageWriter, Options, SeekWriter};
use libfuzzer_sys::fuzz_target;
use testdata::entry::{Compare, diff};
use testdata::expected;
use testdata::nar::Nar as Made;
use testdata::raw::{self, Image};

/// A NAR of which each line is a string, or a number after `#`.
fn of_lines(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let put = |nar: Made, line: &[u8]| match line {
        [b'#', digits @ ..] => {
            let digits = String::from_utf8_lossy(digits);
            nar.number(digits.parse().unwrap_or(u64::MAX))
        }
        text => nar.word(text),
    };
    lines.fold(Made::default(), put).finish()
}

fn check(bytes: &[u8]) {
    let dir = std::env::temp_dir();
    let path = dir.join(format!("fuzz-nar-{}", std::process::id()));
    fs::write(&path, bytes).expect("there is room");
    let streamed = Nar::stream("stream", bytes, &dir);
    let in_place = Nar::open(&path).expect("was written");
    let trees = match (streamed.read(), in_place.read()) {
        (Ok(streamed), Ok(in_place)) => [streamed, in_place],
        (Err(streamed), Err(in_place)) => {
            let (streamed, in_place) = (streamed.to_string(), in_place.to_string());
            let name = path.display().to_string();
            assert_eq!(
                streamed.strip_prefix("stream").unwrap_or(&streamed),
                in_place.strip_prefix(&name).unwrap_or(&in_place)
            );
            return;
        }
        (streamed, in_place) => panic!("{streamed:?} and {in_place:?}"),
    };
    let snapshots = [&trees[0], &trees[1]].map(|tree| expected::snapshot(tree).expect("is read"));
    if let Err(text) = diff(&snapshots[0], &snapshots[1], Compare::ALL) {
        panic!("{text}");
    }
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let options = Options::new().uuid(ImageUuid::None);
    if ImageWriter::new(options).write(&trees[0], &output).is_ok() {
        let image = output.into_inner().into_inner();
        if let Err(findings) = raw::check(&Image::from_bytes(image)) {
            panic!("{findings}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&of_lines(bytes));
});
