//! Any arguments, one a line: a job or a message, never a panic.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let lines = || {
        input
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.contains(&0))
            .map(|line| OsString::from_vec(line.to_vec()))
    };
    let first = erofs_cli::parse(lines(), None);
    let second = erofs_cli::parse(lines(), None);
    match (first, second) {
        (Ok(first), Ok(second)) => assert_eq!(format!("{first:?}"), format!("{second:?}")),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        _ => panic!("the same arguments mean the same"),
    }
});
