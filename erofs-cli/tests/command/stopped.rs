//! Builds that are stopped while they write, so that something can happen to
//! them or to their source at a known time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::{Place, Started};

/// How large the file is that is written first, in blocks: enough for a build
/// to be caught on it.
const BLOCKS: u64 = 24_000;

/// Makes a source that takes a while: `a-first` is large, and a single thread reads
/// `z-last` after it.
pub(crate) fn slow_source(place: &Place) {
    // Bytes that no two blocks have in common, so that there is work to do.
    let block = |number: u64| number.to_le_bytes().repeat(512);
    place.file("source/a-first", (1..BLOCKS).flat_map(block).collect::<Vec<u8>>());
    place.file("source/z-last", (1..2000).flat_map(block).collect::<Vec<u8>>());
    place.folder("out");
}

/// Starts `command`, whose image goes to `out`, and stops it once the image
/// has something at `pos`. None if it was done before that.
pub(crate) fn stop(command: &mut Command, pos: u64) -> Option<Started> {
    let mut started = Started::new(command);
    let start = Instant::now();
    while !writes(started.id(), pos) {
        assert!(start.elapsed() < Duration::from_secs(120), "it begins to write");
        if started.has_ended() {
            return None;
        }
    }
    started.signal("STOP");
    while !is_stopped(started.id()) {
        assert!(start.elapsed() < Duration::from_secs(120), "it can be stopped");
    }
    Some(started)
}

/// Whether a process has an unfinished image with something at `pos`. Its length
/// says nothing: it may have got its blocks before its bytes.
fn writes(id: u32, pos: u64) -> bool {
    unfinished(id).is_some_and(|path| {
        let mut bytes = [0; 4096];
        // It may be finished meanwhile.
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, pos));
        read.is_ok() && bytes != [0; 4096]
    })
}

/// The unfinished image of a process, which has no name but that of a
/// descriptor.
pub(crate) fn unfinished(id: u32) -> Option<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{id}/fd")).ok()?.flatten();
    let mut paths = descriptors.map(|entry| entry.path());
    paths.find(|path| {
        let target = fs::read_link(path).unwrap_or_default();
        let target = target.to_string_lossy();
        target.contains("/out/") && target.ends_with(" (deleted)")
    })
}

/// Whether a process is stopped, or gone.
fn is_stopped(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    matches!(state, None | Some('T' | 'Z' | 'X'))
}

/// Does `attempt` until it has something to say: a build can be faster than
/// the signal that is to stop it.
pub(crate) fn retry<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    (0..50).find_map(|_| attempt()).expect("one of 50 builds is caught in time")
}
