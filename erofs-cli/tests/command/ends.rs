//! Requests to end that come at any time: they take effect at once, also in a read that
//! does not end, and no file is left.

use std::fs::{self, File};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::place::{PROGRAM, Place, Started, is_root, kill};
use crate::signals::REQUESTS;
use crate::stopped::slow_source;

/// A request takes effect at once. The rest of this time is for busy machines.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Sends a signal, and waits for an end by it.
#[track_caller]
fn ends_by(mut started: Started, (name, number): (&str, i32)) {
    if started.has_ended() {
        return;
    }
    let start = Instant::now();
    started.signal(name);
    let run = started.finish();
    assert!(start.elapsed() < AT_ONCE, "{name}: {:?}", start.elapsed());
    assert!(run.was_killed_by() == Some(number) || run.code() == Some(0), "{name}: {run:?}");
}

#[test]
fn a_request_at_any_time_is_heard_at_once_and_leaves_nothing() {
    let place = Place::new();
    slow_source(&place);
    let expected = place.image("--quiet -zlz4 -Ededupe EXPECTED source", "EXPECTED");
    let mut delay = Duration::ZERO;
    for round in 0..24 {
        let request = REQUESTS[round % REQUESTS.len()];
        let keeps_old = round % 2 == 0;
        match keeps_old {
            true => place.file("out/IMG", "from before"),
            false => drop(fs::remove_file(place.path("out/IMG"))),
        }
        let mut command = place.listening(PROGRAM);
        command.args(["--quiet", "-zlz4", "-Ededupe", "out/IMG", "source"]);
        let started = Started::new(&mut command);
        thread::sleep(delay);
        ends_by(started, request);
        delay += Duration::from_millis(17);
        let left = place.names("out");
        match fs::read(place.path("out/IMG")) {
            Ok(bytes) => {
                assert_eq!(left, ["IMG"]);
                let is_old = keeps_old && bytes == b"from before";
                assert!(is_old || bytes == expected, "neither the old image nor the new one");
            }
            Err(_) => assert!(left.is_empty() && !keeps_old, "{left:?}"),
        }
    }
}

#[test]
fn a_request_is_heard_while_an_archive_does_not_come() {
    let place = Place::new();
    place.folder("out");
    for request in REQUESTS {
        let mut command = place.listening(PROGRAM);
        command.args(["--quiet", "--tar=f", "out/IMG"]).stdin(Stdio::piped());
        let started = Started::new(&mut command);
        thread::sleep(Duration::from_millis(100));
        ends_by(started, request);
        assert!(place.names("out").is_empty());
    }
}

#[test]
fn a_request_is_heard_in_one_long_file() {
    let place = Place::new();
    place.folder("out");
    // Zeros that no host tells of, read and hashed for hours.
    for words in [&["-zlz4hc,12", "-Ededupe"][..], &["--chunksize=4096"], &[]] {
        for name in ["a", "b"] {
            place.file(&format!("source/{name}"), "");
            let file = File::options().write(true).open(place.path(&format!("source/{name}")));
            file.and_then(|file| file.set_len(64 << 30)).expect("there is room for holes");
        }
        let mut command = place.command();
        command.args(["--quiet"]).args(words).args(["out/IMG", "source"]);
        let started = Started::new(&mut command);
        thread::sleep(Duration::from_millis(300));
        ends_by(started, ("TERM", 15));
        fs::remove_dir_all(place.path("out")).expect("is mine");
        place.folder("out");
    }
}

#[test]
fn what_the_caller_lets_it_ignore_is_ignored() {
    let place = Place::new();
    slow_source(&place);
    let script = "trap '' HUP INT; exec \"$0\" --quiet out/IMG source";
    let started = Started::new(place.command_of("/bin/sh").args(["-c", script, PROGRAM]));
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(20));
        for signal in ["HUP", "INT"] {
            // It may be done already.
            let _ = kill(signal, &started.id().to_string());
        }
    }
    started.finish().succeeded();
    assert_eq!(place.names("out"), ["IMG"]);
}

#[test]
fn the_first_process_of_a_container_ends_and_runs_again() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.folder("out");
    for _ in 0..3 {
        let mut command = place.command_of("unshare");
        command.args(["--pid", "--fork", PROGRAM, "--quiet", "--tar=f", "out/IMG"]);
        let started = Started::new(command.stdin(Stdio::piped()));
        let children = format!("/proc/{0}/task/{0}/children", started.id());
        let start = Instant::now();
        let child = loop {
            let text = fs::read_to_string(&children).unwrap_or_default();
            if let Some(child) = text.split_whitespace().next() {
                break child.to_owned();
            }
            assert!(start.elapsed() < AT_ONCE, "unshare begins");
        };
        thread::sleep(Duration::from_millis(200));
        assert!(kill("TERM", &child));
        assert_eq!(started.finish().code(), Some(128 + 15));
        assert!(place.names("out").is_empty());
    }
}
