//! Any pattern on any text: the pattern before the first newline, the text after it.
//! Never a panic, and the same answer twice.
#![no_main]

use erofs_writer::ere::Ere;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (pattern, text) = input.split_at(at);
    let Ok(ere) = Ere::new(pattern) else { return };
    assert_eq!(ere.is_match(text), ere.clone().is_match(text));
});
