//! Habits of other programs that would destroy something, and slips of the keyboard.

use std::fs;
use std::process::{Command, Stdio};

use crate::place::{Place, Run};

/// A place with a directory, archives of it, and an image.
fn place() -> Place {
    let place = Place::with_source();
    let made = place.command_of("tar").args(["-cf", "a.tar", "source"]).status();
    assert!(made.expect("there is a tar").success());
    // The first bytes tell what it is.
    place.file("a.tar.gz", b"\x1f\x8b\x08\0and so on");
    place.file("a.tar.bz2", b"BZh91AY&SY and so on");
    place.file("a.tar.xz", b"\xfd7zXZ\0and so on");
    place.run("image source").succeeded();
    place
}

/// Runs a line that must fail and change nothing, and returns the message.
#[track_caller]
fn refused(place: &Place, line: &str) -> String {
    let read = |name: &String| fs::read(place.path(name)).ok();
    let before: Vec<_> = place.names(".").iter().map(|name| (name.clone(), read(name))).collect();
    let run = place.run(line);
    assert!(matches!(run.code(), Some(1 | 2)) && run.stdout.is_empty(), "{line}: {run:?}");
    let after: Vec<_> = place.names(".").iter().map(|name| (name.clone(), read(name))).collect();
    assert!(before == after, "{line} changes nothing");
    let mut lines = run.stderr.lines().filter_map(|line| line.strip_prefix("mkfs-erofs: "));
    lines.find(|line| !line.starts_with("note: ")).expect("says what is wrong").to_owned()
}

#[test]
fn an_archive_in_the_place_of_the_image_is_not_replaced() {
    let place = place();
    let order = "and the first of the arguments is the image to make; --force replaces it";
    for (line, message) in [
        ("a.tar source", "a.tar: is a tar archive"),
        ("a.tar.gz source", "a.tar.gz: is compressed by gzip"),
        ("a.tar.bz2 source", "a.tar.bz2: is compressed by bzip2"),
        ("a.tar.xz source", "a.tar.xz: is compressed by xz"),
        ("--tar a.tar image", "a.tar: is a tar archive"),
        ("--tar=f a.tar new", "a.tar: is a tar archive"),
        ("--tar=i a.tar", "a.tar: is a tar archive"),
    ] {
        assert_eq!(refused(&place, line), format!("{message}, {order}"), "{line}");
    }
    // Without a source there is nothing to look at.
    assert!(refused(&place, "a.tar").starts_with("SOURCE "));

    let image = place.image("image source", "image");
    place.file("text", "some text");
    for line in ["--force a.tar source", "image source", "text source"] {
        place.run(line).succeeded();
        let output = line.split(' ').rev().nth(1).expect("two words at least");
        assert_eq!(fs::read(place.path(output)).expect("was made"), image, "{line}");
    }
}

#[test]
fn what_lies_before_an_offset_may_be_an_archive() {
    let place = place();
    let archive = fs::read(place.path("a.tar")).expect("was made");
    let offset = archive.len();
    place.run(&format!("--offset={offset} a.tar source")).succeeded();
    assert_eq!(fs::read(place.path("a.tar")).expect("is there")[..offset], archive);
}

#[test]
fn a_source_that_is_something_else_is_named() {
    let place = place();
    place.file("text", "some text");
    place.file("empty", "");
    place.file("zip", "PK\x03\x04");
    place.file("nar", b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0");
    let pack = "to pack what is in an archive, give --tar=f";
    for (line, message) in [
        ("IMG a.tar", format!("a.tar: is a tar archive; {pack}")),
        ("IMG a.tar.bz2", format!("a.tar.bz2: is compressed by bzip2; {pack}")),
        (
            "IMG text",
            "text: is neither a directory nor an EROFS image; for an archive give --tar=f".into(),
        ),
        ("IMG zip", "zip: is a zip archive, which cannot be read here".into()),
        ("IMG nar", "nar: is an archive of Nix; to pack it, give --nar".into()),
        ("--tar=f IMG image", "image: is an EROFS image, and no tar archive".into()),
        ("--tar=i IMG image", "image: is an EROFS image, and no tar archive".into()),
        ("--tar=f IMG empty", "empty: is empty, and so is no tar archive".into()),
        ("--tar=f IMG", "standard input: is empty, and so is no tar archive".into()),
        (
            "--ungzip --tar=f IMG a.tar.bz2",
            "a.tar.bz2: cannot be read: is compressed by bzip2, and --ungzip says otherwise".into(),
        ),
        (
            "--unxz --tar=f IMG a.tar",
            "a.tar: cannot be read: is not compressed, and --unxz says otherwise".into(),
        ),
    ] {
        assert_eq!(refused(&place, line), message, "{line}");
    }
}

#[test]
fn a_file_that_a_flag_names_is_read_in_any_case() {
    let place = place();
    // What is meant is -z lz4.
    for line in ["--compress lz4 IMG source", "--compress-hints=lz4 --tar=i IMG a.tar"] {
        let message = refused(&place, line);
        assert!(message.starts_with("lz4: cannot be read: No such file"), "{line}: {message}");
    }
    place.file("lz4", "");
    let run = place.run("--compress lz4 IMG source");
    let note = "mkfs-erofs: note: --compress-hints: without -z nothing is compressed\n";
    assert_eq!((run.code(), run.stderr.as_str()), (Some(0), note));
}

#[test]
fn what_scripts_have_in_variables_is_taken() {
    let place = place();
    let plain = place.image("IMG source", "IMG");
    assert_eq!(place.image("-z none IMG source", "IMG"), plain);
    assert_eq!(place.image("-zlz4 -znone IMG source", "IMG"), plain);
    let release = Command::new("uname").arg("-r").output().expect("there is one");
    let release = String::from_utf8(release.stdout).expect("is text");
    place.run(&format!("--target-kernel={} IMG source", release.trim())).succeeded();
    assert_eq!(refused(&place, "--small -z none new source"), "-z none contradicts --small");
}

#[test]
fn an_exclude_that_leaves_nothing_out_is_told() {
    let place = place();
    let lines = |line: &str| -> Vec<String> {
        let run = place.run(line);
        assert_eq!(run.code(), Some(0), "{run:?}");
        run.stderr.lines().map(|line| line.replace("mkfs-erofs: note: ", "")).collect()
    };
    assert_eq!(
        lines(
            "--exclude-path=a --exclude-path=none --exclude-regex=^b --exclude-regex=^c IMG source"
        ),
        [
            "--exclude-path=none: leaves nothing out: there is none",
            "--exclude-regex=^c: leaves nothing out: no path matches",
        ]
    );
    assert_eq!(
        lines("--tar=f --exclude-path=none IMG a.tar"),
        ["--exclude-path=none: leaves nothing out: there is none"]
    );
    assert!(lines("--quiet --exclude-path=none IMG source").is_empty());
}

#[test]
fn who_has_seen_enough_of_the_summary_makes_no_failure() {
    let place = place();
    for json in ["", "--json"] {
        let script = format!("{{ sleep 0.1; \"$0\" {json} IMG source; echo $? >code; }} | true");
        let mut command = place.command_of("/bin/bash");
        command.args(["-c", &script, crate::place::PROGRAM]).stdin(Stdio::null());
        let run = Run::of(&mut command);
        assert_eq!(run.stderr, "");
        assert_eq!(fs::read_to_string(place.path("code")).expect("was written"), "0\n");
    }
}
