//! `--verify` with each kind of source and output.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};

use crate::disks::Disk;
use crate::place::{PROGRAM, Place, Run};
use crate::tar::{piped, place_with_archive};

/// Checks that the report says whether the image was verified, and which phases there
/// were.
#[track_caller]
fn reports(run: &Run, is_verified: bool) {
    run.succeeded();
    let report: Value = serde_json::from_str(&run.stdout).expect("is JSON");
    assert_eq!(report["verified"], Value::Bool(is_verified));
    let phases = report["phases"].as_array().expect("is a list");
    assert_eq!(phases.iter().any(|phase| phase["name"] == "verify"), is_verified);
}

#[test]
fn every_source_is_verified_and_the_image_is_the_same() {
    let place = place_with_archive();
    place.file("source/large", (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    place.file("source/small", "a");
    place.file("list", format!("{0}/small\n{0}/large\n", place.path("source").display()));
    let archive = fs::read(place.path("TAR")).expect("was written");
    for line in [
        "-T0 IMG source",
        "-T0 -zzstd,1 -C65536 -Eall-fragments,dedupe IMG source",
        "-T0 -x1 --offset=12288 IMG source",
        "-T0 -Enosbcrc --all-root --ignore-mtime -Eforce-inode-compact IMG source",
        "--store-paths list IMG",
        "--tar=f IMG TAR",
        "--tar=i IMG TAR",
        "--tar=i --aufs IMG TAR",
    ] {
        let without = place.run(&format!("--json {line}"));
        reports(&without, false);
        let image = fs::read(place.path("IMG")).expect("was written");
        fs::remove_file(place.path("IMG")).expect("is mine");
        reports(&place.run(&format!("--verify --json {line}")), true);
        assert!(fs::read(place.path("IMG")).expect("was written") == image, "{line}");
        fs::remove_file(place.path("IMG")).expect("is mine");
    }
    // The contents of a stream are kept until they were compared, or not kept at all.
    for line in ["--verify --json --tar=f IMG", "--verify --json --tar=i IMG"] {
        reports(&piped(&place, Path::new(PROGRAM), line, &archive), true);
    }
    if have(Oracle::KernelMount) {
        let archive = place.path("TAR");
        KernelMount::with_devices(&place.path("IMG"), &[&archive]).expect("is an index");
    }
}

#[test]
fn the_summary_says_that_it_was_verified() {
    let place = Place::with_source();
    let run = place.run("--verify IMG source");
    run.succeeded();
    assert!(run.stdout.contains("Verified "), "{run:?}");
    assert!(!place.run("IMG source").stdout.contains("Verified"));
}

#[test]
fn a_device_is_read_back() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    let disk = Disk::new(4 << 20);
    for words in [&["--verify", "--json"][..], &["--verify", "--json", "--offset=1048576"]] {
        let run = Run::of(place.command().args(words).arg(disk.path()).arg("source"));
        reports(&run, true);
    }
}
