//! Signals in the middle of a build, and standard files that are closed.

use std::fs;
use std::path::Path;

use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::tools;

use crate::disks::Disk;
use crate::place::{PROGRAM, Place, Run, Started};
use crate::stopped::{retry, slow_source, stop, unfinished};

const MIB: u64 = 1 << 20;

/// The signals that ask a process to end, with their numbers.
pub(crate) const REQUESTS: [(&str, i32); 6] =
    [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("ALRM", 14)];

/// How a superblock begins.
const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];

/// A build that was stopped when it had written a part of the image.
fn stopped(place: &Place) -> Started {
    retry(|| {
        let mut command = place.listening(PROGRAM);
        let stopped = stop(command.args(["--workers=1", "out/IMG", "source"]), MIB);
        if stopped.is_none() {
            fs::write(place.path("out/IMG"), "from before").expect("there is room");
        }
        stopped
    })
}

fn place() -> Place {
    let place = Place::new();
    slow_source(&place);
    place.file("out/IMG", "from before");
    place
}

#[test]
fn a_request_to_end_leaves_nothing_behind() {
    let place = place();
    for (signal, number) in REQUESTS {
        let started = stopped(&place);
        assert_eq!(place.names("out"), ["IMG"], "the unfinished one has no name");
        started.signal(signal);
        started.signal("CONT");
        let run = started.finish();
        // For the process that waits, as if the signal had not been handled.
        assert_eq!(run.was_killed_by(), Some(number), "{signal}: {run:?}");
        assert_eq!(run.stderr, "mkfs-erofs: out/IMG: interrupted\n", "{signal}");
        assert_eq!(run.stdout, "");
        assert_eq!(place.names("out"), ["IMG"], "{signal}");
        assert_eq!(fs::read(place.path("out/IMG")).expect("is there"), b"from before");
    }
}

/// Checks that nothing could take the file for an image.
fn is_no_image(path: &Path) {
    let bytes = fs::read(path).expect("is there");
    assert_ne!(bytes.get(1024..1028), Some(&MAGIC[..]), "no magic");
    if have(Oracle::KernelMount) {
        KernelMount::new(path).expect_err("half an image cannot be mounted");
    }
    if have(Oracle::Blkid) {
        assert_eq!(tools::blkid(path), Ok(Default::default()));
    }
}

#[test]
fn a_killed_build_leaves_nothing_behind() {
    let place = place();
    let started = stopped(&place);
    let bytes = fs::read(unfinished(started.id()).expect("is there")).expect("is there");
    let copy = place.path("copy");
    fs::write(&copy, bytes).expect("there is room");
    is_no_image(&copy);
    started.signal("KILL");
    assert_eq!(started.finish().was_killed_by(), Some(9));
    assert_eq!(fs::read(place.path("out/IMG")).expect("is there"), b"from before");
    assert_eq!(place.names("out"), ["IMG"]);
}

#[test]
fn a_device_on_which_a_build_was_killed_holds_no_image() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let disk = Disk::new(128 << 20);
    let mut words = vec!["--workers=1", "-Uclear"];
    words.push(disk.path().to_str().expect("is ASCII"));
    // There was one, and its superblock must not outlive its blocks.
    Run::of(place.command().args(&words).arg("source")).succeeded();
    assert_eq!(disk.magic(), MAGIC);
    let killed = || {
        let mut started = Started::new(place.command().args(&words).arg("source"));
        while disk.magic() == MAGIC {
            if started.has_ended() {
                return None;
            }
        }
        started.signal("KILL");
        // It may have been faster than the signal, and the image complete.
        (started.finish().was_killed_by() == Some(9) && disk.magic() != MAGIC).then_some(())
    };
    retry(killed);
    let copy = place.path("copy");
    fs::write(&copy, disk.bytes()).expect("there is room");
    is_no_image(&copy);
}

#[test]
fn standard_files_that_are_closed_do_no_harm() {
    let place = Place::with_source();
    let expected = place.image("-Uclear EXPECTED source", "EXPECTED");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec \"$0\" \"$@\" {closed}");
        let mut command = place.command_of("/bin/sh");
        command.args(["-c", &script, PROGRAM, "-Uclear", "-d9", "IMG", "source"]);
        let run = Run::of(&mut command);
        assert_eq!(run.code(), Some(0), "{closed}: {run:?}");
        // Had one of its numbers been given to the image, it would have been
        // written into it.
        assert_eq!(fs::read(place.path("IMG")).expect("was written"), expected, "{closed}");
        fs::remove_file(place.path("IMG")).expect("was written");

        let mut command = place.command_of("/bin/sh");
        command.args(["-c", &script, PROGRAM, "IMG", "nowhere"]);
        assert_eq!(Run::of(&mut command).code(), Some(1), "{closed}");
        assert!(!place.path("IMG").exists(), "{closed}");
    }
}

#[test]
fn a_reader_of_the_summary_that_goes_away_costs_nothing() {
    let place = Place::with_source();
    let expected = place.image("IMG source", "IMG");
    fs::remove_file(place.path("IMG")).expect("was written");
    let script = "{ \"$0\" \"$@\"; echo $? >code; } | exec <&-";
    let mut command = place.command_of("/bin/sh");
    command.args(["-c", script, PROGRAM, "IMG", "source"]);
    Run::of(&mut command);
    let code = fs::read_to_string(place.path("code")).expect("was written");
    assert_eq!(code, "0\n");
    assert_eq!(fs::read(place.path("IMG")).expect("was written"), expected);
}
