//! Any bytes as a list of store paths: an error or a tree, never a panic; and the tree
//! has exactly the paths of the list.
#![no_main]

use std::os::unix::ffi::OsStrExt;

use erofs_writer::source::{StorePaths, parse_store_paths};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|list: &[u8]| {
    let Ok(paths) = parse_store_paths(list) else { return };
    let lines: Vec<&[u8]> = list
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    assert!(paths.iter().map(|path| path.as_os_str().as_bytes()).eq(lines));
    // In a store that is not there, so that nothing of the host is read.
    let tree = StorePaths::new(paths).store_directory("/nonexistent/store").read();
    assert!(tree.is_err());
});
