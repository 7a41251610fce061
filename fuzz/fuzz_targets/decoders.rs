//! Any bytes as a compressed archive: an error or the contents, never a panic, and no
//! more memory than the input justifies.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// A few bytes may stand for any number.
const MOST_BYTES: u64 = 1 << 22;

fuzz_target!(|bytes: &[u8]| {
    let first = erofs_cli::decoded(bytes, MOST_BYTES);
    let second = erofs_cli::decoded(bytes, MOST_BYTES);
    match (first, second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        (first, second) => panic!("{first:?} and {second:?}"),
    }
});
