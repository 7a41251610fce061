//! The checks of every refused run.

use std::fs;
use std::process::Command;

use testdata::entry::{Compare, Snapshot, diff};
use testdata::host;

use crate::place::{Place, Run};

/// Checks a run that must make no image: it says why in one message, exits with `code`
/// and leaves all of `place` as it was, down to the bytes of a file that has the name
/// of the image.
///
/// The command is run once while there is no `IMG`, and once while there is
/// one. Returns the message.
#[track_caller]
pub(crate) fn refusal(place: &Place, code: i32, command: impl Fn() -> Command) -> String {
    let image = place.path("IMG");
    assert!(!image.exists(), "the first run is one without an image");
    let first = run(place, code, &command);
    fs::write(&image, "from before").expect("there is room");
    let second = run(place, code, &command);
    fs::remove_file(&image).expect("is there");
    assert_eq!(first, second, "an existing image makes no difference");
    first
}

/// The same of a line of words.
#[track_caller]
pub(crate) fn refusal_of(place: &Place, code: i32, line: &str) -> String {
    refusal(place, code, || {
        let mut command = place.command();
        command.args(line.split_whitespace());
        command
    })
}

#[track_caller]
fn run(place: &Place, code: i32, command: &impl Fn() -> Command) -> String {
    let before = snapshot(place);
    let run = Run::of(&mut command());
    unchanged(place, &before);
    assert_eq!((run.code(), run.stdout.as_str()), (Some(code), ""), "{run:?}");
    let message = run.stderr.strip_prefix("mkfs-erofs: ").expect("it says who speaks");
    let first = message.lines().next().expect("there is a message");
    // Only a usage error has more to say: where the help is.
    if code == 1 {
        assert_eq!(message, format!("{first}\n"), "one line");
    }
    first.to_owned()
}

pub(crate) fn snapshot(place: &Place) -> Snapshot {
    host::snapshot(place.root()).expect("is readable")
}

/// Checks that nothing in `place` has changed but times of folders, in which
/// a file may have come and gone.
#[track_caller]
pub(crate) fn unchanged(place: &Place, before: &Snapshot) {
    let compare = Compare { mtime: false, ..Compare::ALL };
    if let Err(text) = diff(before, &snapshot(place), compare) {
        panic!("changed by a run that failed:\n{text}");
    }
}
