//! Sources that change while the image is being made.

use std::fs::{self, File};
use std::path::Path;

use crate::place::{Place, Run};
use crate::stopped::{retry, slow_source, stop};

/// The message if `change` happens to the file that is read last, after it was looked
/// at. Only that change stays.
fn complaint(change: impl Fn(&Path)) -> String {
    let place = Place::new();
    slow_source(&place);
    place.file("out/IMG", "from before");
    let late = place.path("source/z-last");
    let content = fs::read(&late).expect("is there");
    retry(|| {
        // As it was for the next attempt, whatever has become of it.
        let _ = fs::remove_file(&late).or_else(|_| fs::remove_dir(&late));
        fs::write(&late, &content).expect("there is room");
        let mut command = place.command();
        command.args(["--workers=1", "-T0", "out/IMG", "source"]);
        let started = stop(&mut command, 4096)?;
        change(&late);
        started.signal("CONT");
        let run = started.finish();
        if run.code() == Some(0) {
            // It had read the file before it was stopped.
            fs::write(place.path("out/IMG"), "from before").expect("there is room");
            return None;
        }
        assert_eq!(run.code(), Some(1), "{run:?}");
        assert_eq!(place.names("out"), ["IMG"], "no temporary file stays");
        assert_eq!(fs::read(place.path("out/IMG")).expect("is there"), b"from before");
        Some(run.stderr)
    })
}

/// How long the file is that is read last.
const LEN: u64 = 1999 * 4096;

/// The message about a file whose length has changed.
fn changed(before: u64, now: u64) -> String {
    let change = format!("it had {before} bytes and now has {now}");
    format!("mkfs-erofs: source/z-last: changed while the image was being made: {change}\n")
}

#[test]
fn a_file_that_vanishes_is_named() {
    let message = complaint(|late| fs::remove_file(late).expect("is there"));
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(message, format!("mkfs-erofs: source/z-last: {missing}\n"));
}

#[test]
fn a_file_that_shrinks_is_named() {
    let cut = |late: &Path, len| {
        File::options().write(true).open(late).and_then(|file| file.set_len(len))
    };
    assert_eq!(complaint(|late| cut(late, 0).expect("is there")), changed(LEN, 0));
    assert_eq!(complaint(|late| cut(late, 5_000_001).expect("is there")), changed(LEN, 5_000_001));
}

#[test]
fn a_file_that_grows_is_named() {
    let message = complaint(|late| {
        let file = File::options().append(true).open(late).expect("is there");
        std::io::Write::write_all(&mut &file, b"x").expect("there is room");
    });
    assert_eq!(message, changed(LEN, LEN + 1));
}

#[test]
fn a_file_that_becomes_something_else_is_named_and_not_waited_for() {
    let message = complaint(|late| {
        fs::remove_file(late).expect("is there");
        fs::create_dir(late).expect("free");
    });
    assert!(message.starts_with("mkfs-erofs: source/z-last: "), "{message}");
    let message = complaint(|late| {
        fs::remove_file(late).expect("is there");
        let made = std::process::Command::new("mkfifo").arg(late).status();
        assert!(made.expect("there is a mkfifo").success());
    });
    assert!(message.starts_with("mkfs-erofs: source/z-last: "), "{message}");
    let message = complaint(|late| {
        fs::remove_file(late).expect("is there");
        std::os::unix::fs::symlink("/etc/passwd", late).expect("free");
    });
    assert!(message.starts_with("mkfs-erofs: source/z-last: "), "{message}");
}

/// Files come and go while the source is listed. Whatever the outcome, there
/// is either an image or an error and the old image.
#[test]
fn a_busy_source_gives_an_image_or_an_error() {
    let place = Place::with_source();
    for number in 0..300 {
        place.file(&format!("source/many/{number}"), format!("{number}"));
    }
    place.file("IMG", "from before");
    let busy = place.path("source/many");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..300).cycle() {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let path = busy.join(number.to_string());
                // It matters only that something happens.
                let _ = fs::remove_file(&path);
                let _ = fs::write(&path, "longer than before");
            }
        });
        for _ in 0..30 {
            let run = Run::of(place.command().args(["IMG", "source"]));
            check_outcome(&place, &run);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

fn check_outcome(place: &Place, run: &Run) {
    let image = fs::read(place.path("IMG")).expect("is there, old or new");
    assert_eq!(place.names("."), ["IMG", "source"], "{run:?}");
    match run.code() {
        Some(0) => {
            testdata::reader::snapshot(&place.path("IMG"), &[]).expect("is an image");
            fs::write(place.path("IMG"), "from before").expect("there is room");
        }
        Some(1) => {
            assert_eq!(image, b"from before");
            assert!(run.stderr.starts_with("mkfs-erofs: source/many"), "{run:?}");
        }
        _ => panic!("{run:?}"),
    }
}
