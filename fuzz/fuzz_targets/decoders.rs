//! Any bytes as a compressed archive: an error or the contents, never a panic, and no
//! more memory than the input justifies.
#![no_main]

use std::io::{self, Read};

use erofs_writer::source::Decoder;
use libfuzzer_sys::fuzz_target;

/// A few bytes may stand for any number.
const MOST_BYTES: u64 = 1 << 22;

fn decoded(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decoder::new(bytes)?.take(MOST_BYTES).read_to_end(&mut out)?;
    Ok(out)
}

fuzz_target!(|bytes: &[u8]| {
    match (decoded(bytes), decoded(bytes)) {
        (Ok(first), Ok(second)) => assert_eq!(first, second),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        (first, second) => panic!("{first:?} and {second:?}"),
    }
});
