//! System calls that fail, one after the other: a run that reports success has made the
//! image, and any other run leaves the old file and nothing beside it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use testdata::tools::program;

use crate::disks::told;
use crate::place::{PROGRAM, Place, Run};

/// How a superblock begins.
const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];

/// The calls that fail, and how.
const FAULTS: [(&str, &str); 12] = [
    ("pwrite64", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("ftruncate", "EIO"),
    ("fallocate", "ENOSPC"),
    ("linkat", "EIO"),
    ("rename,renameat,renameat2", "EIO"),
    ("close", "EDQUOT"),
    ("fchmod", "EIO"),
    ("open,openat", "EIO"),
    ("write", "EIO"),
    ("flock", "ENOLCK"),
];

fn strace() -> Option<PathBuf> {
    told("strace", program("strace"))
}

/// Runs the command with `words`; the call number `count` of those named fails.
/// None if there are not so many.
fn run(
    place: &Place,
    strace: &PathBuf,
    (calls, error): (&str, &str),
    count: usize,
    words: &[&str],
) -> Option<Run> {
    let trace = place.path("trace");
    let mut command: Command = place.command_of(strace);
    let inject = format!("inject={calls}:error={error}:when={count}");
    command.args(["-f", "-qq", "-e", &format!("trace={calls}"), "-e", &inject, "-o"]);
    command.arg(&trace).arg(PROGRAM).args(["--quiet", "--workers=1", "-Uclear"]).args(words);
    let run = Run::of(&mut command);
    let text = fs::read_to_string(&trace).expect("strace writes it");
    text.contains("(INJECTED)").then_some(run)
}

/// Lets each call fail in turn, and checks with `check` that `before` is still there.
fn sweep(
    place: &Place,
    words: &[&str],
    before: Option<&[u8]>,
    faults: &[(&str, &str)],
    check: impl Fn(&Run, Option<Vec<u8>>),
) {
    let Some(strace) = strace() else { return };
    let image = place.path("out/IMG");
    for fault in faults {
        for count in 1..200 {
            match before {
                Some(bytes) => fs::write(&image, bytes).expect("there is room"),
                None => drop(fs::remove_file(&image)),
            }
            let Some(run) = run(place, &strace, *fault, count, words) else { break };
            let left = fs::read(&image).ok();
            let names = place.names("out");
            let expected = if left.is_some() { &["IMG"][..] } else { &[] };
            assert_eq!(names, expected, "{fault:?}, {count}: {run:?}");
            check(&run, left);
        }
    }
}

fn place() -> Place {
    let place = Place::new();
    place.file("source/large", (1_u32..100_000).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    place.file("source/small", "some bytes");
    place.folder("out");
    place
}

#[test]
fn an_old_image_is_replaced_by_a_whole_one_or_not_at_all() {
    let place = place();
    let expected = place.image("--quiet -Uclear NEW source", "NEW");
    let old = b"from before".as_slice();
    sweep(&place, &["out/IMG", "source"], Some(old), &FAULTS, |run, left| {
        let left = left.expect("one of them is there");
        match run.code() {
            Some(0) => assert!(left == expected, "{run:?}"),
            // A failure after the new file has its name cannot bring back the old one.
            _ => assert!(left == old || left == expected, "{run:?}"),
        }
    });
}

#[test]
fn a_new_image_is_whole_or_not_there() {
    let place = place();
    let expected = place.image("--quiet -Uclear NEW source", "NEW");
    for words in [&["out/IMG", "source"][..], &["--sync", "out/IMG", "source"]] {
        sweep(&place, words, None, &FAULTS[..8], |run, left| match (run.code(), left) {
            (Some(0), left) => assert!(left == Some(expected.clone()), "{run:?}"),
            (_, Some(left)) => assert!(left == expected, "{run:?}"),
            (_, None) => {}
        });
    }
}

#[test]
fn what_is_written_in_place_is_whole_or_no_image() {
    let place = place();
    let expected = place.image("--quiet -Uclear NEW source", "NEW");
    // Its name says nothing, so that it is written where it is.
    let words = ["/proc/self/fd/9", "source"];
    let Some(strace) = strace() else { return };
    for fault in &FAULTS[..5] {
        for count in 1..200 {
            fs::write(place.path("IMG"), &expected).expect("there is room");
            let script = "exec 9<>IMG; exec \"$0\" \"$@\"";
            let trace = place.path("trace");
            let mut command = place.command_of("/bin/sh");
            let inject = format!("inject={}:error={}:when={count}", fault.0, fault.1);
            command.args(["-c", script]).arg(&strace);
            command.args(["-f", "-qq", "-e", &format!("trace={}", fault.0), "-e", &inject, "-o"]);
            command.arg(&trace).arg(PROGRAM);
            let run = Run::of(command.args(["--quiet", "-Uclear"]).args(words));
            if !fs::read_to_string(&trace).expect("strace writes it").contains("(INJECTED)") {
                break;
            }
            let left = fs::read(place.path("IMG")).expect("is there");
            let is_image = left.get(1024..1028) == Some(&MAGIC[..]);
            match run.code() {
                Some(0) => assert!(left == expected, "{run:?}"),
                // The first sync may fail before anything was changed.
                _ => assert!(!is_image || left == expected, "{fault:?}, {count}: {run:?}"),
            }
        }
    }
}

#[test]
fn an_image_is_synced_before_it_replaces_one_and_by_request() {
    let Some(strace) = strace() else { return };
    let place = place();
    let calls = |words: &[&str]| {
        let trace = place.path("trace");
        let mut command = place.command_of(&strace);
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync,linkat,rename", "-o"]);
        command.arg(&trace).arg(PROGRAM).arg("--quiet").args(words);
        Run::of(command.args(["out/IMG", "source"])).succeeded();
        let text = fs::read_to_string(&trace).expect("strace writes it");
        let name = |line: &str| {
            let call = line.split_whitespace().nth(1)?.split('(').next()?;
            (!call.starts_with('<')).then(|| call.to_owned())
        };
        text.lines().filter_map(name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(calls(&[]), "linkat");
    assert_eq!(calls(&[]), "fdatasync fsync linkat rename fsync");
    fs::remove_file(place.path("out/IMG")).expect("was written");
    assert_eq!(calls(&["--sync"]), "fdatasync fsync linkat fsync");
    // An empty one, as mktemp makes it, is worth nothing.
    fs::write(place.path("out/IMG"), "").expect("there is room");
    assert_eq!(calls(&[]), "linkat linkat rename");
}
