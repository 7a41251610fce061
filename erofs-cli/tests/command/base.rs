//! Building again with an earlier image.

use std::fs;

use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};

use crate::callers::place;
use crate::place::Place;
use crate::refusal::refusal_of;

fn bytes(place: &Place, path: &str) -> Vec<u8> {
    fs::read(place.path(path)).expect("is readable")
}

/// A number of the report.
fn number(report: &str, member: &str) -> u64 {
    let report: serde_json::Value = serde_json::from_str(report).expect("is an object");
    report[member].as_u64().expect("is a number")
}

#[test]
fn a_base_saves_work_and_changes_nothing() {
    let place = place();
    let text: String = (0..90_000).map(|number| format!("line {}\n", number % 5000)).collect();
    fs::write(place.path("DIR/long.txt"), &text).expect("is writable");
    for flags in ["-zlz4hc", "-zzstd,5 -C65536 -Efragments", "-zlz4 -b1024 -Eztailpacking,dedupe"] {
        place.run(&format!("{flags} --rebuildable OLD DIR")).succeeded();
        fs::write(place.path("DIR/more.txt"), &text[3..9000]).expect("is writable");
        place.run(&format!("{flags} --rebuildable NEW DIR")).succeeded();
        let done =
            place.run(&format!("{flags} --json --rebuildable --base=OLD --verify AGAIN DIR"));
        done.succeeded();
        let report = &done.stdout;
        assert!(bytes(&place, "NEW") == bytes(&place, "AGAIN"), "{flags}");
        assert!(number(report, "taken_bytes") > 500_000, "{flags}: {report}");
        fs::remove_file(place.path("DIR/more.txt")).expect("is there");
        // From an image without the table nothing is taken, and a note says so.
        place.run(&format!("{flags} PLAIN DIR")).succeeded();
        let done = place.run(&format!("{flags} --base=PLAIN AGAIN DIR"));
        assert_eq!(done.code(), Some(0));
        let said = &done.stderr;
        assert!(said.contains("nothing is taken from it: it was not made to be rebuilt"), "{said}");
        assert!(bytes(&place, "PLAIN") == bytes(&place, "AGAIN"), "{flags}");
        if have(Oracle::KernelMount) {
            KernelMount::new(&place.path("OLD")).expect("it mounts with what follows it");
        }
    }
}

#[test]
fn names_of_store_paths_are_trusted_only_if_that_is_said() {
    let place = place();
    let name = "0c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-name";
    let text: String = (0..90_000).map(|number| format!("line {}\n", number % 5000)).collect();
    fs::create_dir_all(place.path("store").join(name)).expect("is writable");
    let file = place.path("store").join(name).join("long.txt");
    fs::write(&file, &text).expect("is writable");
    let trust = "-T0 -zlz4hc --rebuildable --trust-store-names";
    place.run(&format!("{trust} OLD store")).succeeded();
    // The length stays.
    fs::write(&file, text.replace('7', "8")).expect("is writable");
    place.run(&format!("{trust} --base=OLD NEW store")).succeeded();
    assert!(bytes(&place, "NEW") == bytes(&place, "OLD"), "it was not read");
    let said = refusal_of(&place, 1, &format!("{trust} --base=OLD --verify CHECKED store"));
    assert!(said.contains("long.txt"), "{said}");
    place.run("-T0 -zlz4hc --rebuildable --base=OLD READ store").succeeded();
    assert!(bytes(&place, "READ") != bytes(&place, "OLD"), "it was read");

    let done = place.run(&format!("{trust} --base=READ NEW store"));
    assert_eq!(done.code(), Some(0));
    let said = &done.stderr;
    let why = "all files are read: it was made without --trust-store-names";
    assert!(said.contains(why), "{said}");
    let done = place.run("-zlz4 --trust-store-names NEW store");
    assert_eq!(done.code(), Some(0));
    assert!(done.stderr.contains("without --base or --rebuildable it has no effect"));
    let done = place.run("--rebuildable --trust-store-names NEW store");
    let said = &done.stderr;
    assert!(said.contains("--trust-store-names: without -z nothing is compressed"), "{said}");
}

#[test]
fn a_base_may_be_replaced_but_not_overwritten() {
    let place = place();
    place.run("-zlz4 --rebuildable OLD DIR").succeeded();
    let before = bytes(&place, "OLD");
    fs::write(place.path("DIR/more.txt"), "more".repeat(9000)).expect("is writable");
    place.run("-zlz4 --rebuildable NEW DIR").succeeded();
    fs::copy(place.path("OLD"), place.path("SAME")).expect("is writable");
    place.run("-zlz4 --rebuildable --base=SAME SAME DIR").succeeded();
    assert!(bytes(&place, "SAME") == bytes(&place, "NEW"));
    // What stands for an open file is written in place.
    let old = fs::File::options().read(true).write(true).open(place.path("OLD"));
    let mut command = place.command();
    command.args(["-zlz4", "--base=OLD", "/dev/stdout", "DIR"]);
    let done = command.stdout(old.expect("is there")).output().expect("it runs");
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("it is the base"), "{done:?}");
    assert!(bytes(&place, "OLD") == before);
    assert!(refusal_of(&place, 1, "-zlz4 --base=MISSING NEW DIR").contains("MISSING"));
    let done = place.run("--base=OLD --rebuildable NEW DIR");
    assert_eq!(done.code(), Some(0));
    let said = &done.stderr;
    for flag in ["--base", "--rebuildable"] {
        assert!(said.contains(&format!("{flag}: without -z nothing is compressed")), "{said}");
    }
}
