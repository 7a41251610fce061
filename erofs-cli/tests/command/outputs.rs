//! Outputs that cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use testdata::skip::{Oracle, have};

use crate::disks::Volume;
use crate::place::{NOBODY, Place, Run, is_root};
use crate::refusal::{refusal_of, snapshot, unchanged};

/// The message about the output of `line`, which leaves everything as it was.
#[track_caller]
fn complaint(place: &Place, line: &str) -> String {
    refused(place, place.command().args(line.split_whitespace()))
}

#[track_caller]
fn refused(place: &Place, command: &mut Command) -> String {
    let before = snapshot(place);
    let run = Run::of(command);
    assert_eq!((run.code(), run.stdout.as_str()), (Some(1), ""), "{run:?}");
    unchanged(place, &before);
    let message = run.stderr.strip_prefix("mkfs-erofs: ").expect("it says who speaks");
    assert_eq!(message.lines().count(), 1, "{message}");
    message.trim_end().to_owned()
}

const NO_FILE: &str = "an image can only be written to a file or a block device";

#[test]
fn an_output_that_can_hold_no_image_is_refused_and_not_waited_for() {
    let place = Place::with_source();
    place.folder("folder");
    let make = Command::new("mkfifo").arg(place.path("fifo")).status();
    assert!(make.expect("there is a mkfifo").success());
    symlink("folder", place.path("to-folder")).expect("free");
    for output in
        ["folder", "folder/", ".", "..", "/", "to-folder", "fifo", "/dev/full", "/dev/null"]
    {
        let message = complaint(&place, &format!("{output} source"));
        assert_eq!(message, format!("{output}: {NO_FILE}"));
    }
}

#[test]
fn a_name_that_ends_in_a_slash_is_no_file() {
    let place = Place::with_source();
    place.file("file", "from before");
    for output in ["new/", "file/", "new/.", "file/."] {
        let message = complaint(&place, &format!("{output} source"));
        assert!(message.starts_with(&format!("{output}: ")), "{message}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named_with_the_output() {
    let place = Place::with_source();
    place.file("file", "from before");
    symlink("nowhere/IMG", place.path("dangling")).expect("free");
    symlink("loop", place.path("loop")).expect("free");
    for (output, why) in [
        ("nowhere/IMG", "No such file or directory (os error 2)"),
        ("dangling", "No such file or directory (os error 2)"),
        ("file/IMG", "Not a directory (os error 20)"),
        ("loop", "Too many levels of symbolic links (os error 40)"),
    ] {
        let message = complaint(&place, &format!("{output} source"));
        assert_eq!(message, format!("{output}: cannot be written: {why}"));
    }
    let long = "n".repeat(256);
    let message = complaint(&place, &format!("{long} source"));
    assert_eq!(message, format!("{long}: cannot be written: File name too long (os error 36)"));
}

#[test]
fn the_longest_name_a_file_can_have_is_written() {
    let place = Place::with_source();
    let name = "n".repeat(255);
    assert!(place.image(&format!("{name} source"), &name).len() >= 4096);
}

#[test]
fn an_output_in_a_source_is_refused_however_it_is_spelled() {
    let place = Place::with_source();
    let folder = place.root().display().to_string();
    symlink("source/a", place.path("shortcut")).expect("free");
    symlink("source/a/linked", place.path("to-new-file")).expect("free");
    place.file("list", format!("{folder}/source/a\n"));
    let inside = "the image would be part of its own source";
    for line in [
        "source/IMG source",
        "source/b source",
        "source/a/IMG source",
        "shortcut/IMG source",
        "to-new-file source",
        "./source/../source/a/IMG ./source/.",
        "IMG .",
        "--store-paths list source/a/IMG",
        "--store-paths list shortcut/IMG",
    ] {
        let output = line.split_whitespace().rev().nth(1).expect("has two words");
        let output = if line.starts_with("--") { line.rsplit(' ').next() } else { Some(output) };
        let output = output.expect("has a last word");
        assert_eq!(complaint(&place, line), format!("{output}: {inside}"), "{line}");
    }
    // Files beside the listed paths are not in the image.
    place.run("--store-paths list source/IMG").succeeded();
}

#[test]
fn a_folder_in_which_nobody_may_write_is_named_with_the_output() {
    let place = Place::with_source();
    place.file("out/IMG", "from before");
    let mut command = place.command_of_nobody();
    fs::set_permissions(place.path("out"), Permissions::from_mode(0o555)).expect("is mine");
    for output in ["out/IMG", "out/NEW"] {
        let message = refused(&place, command.args([output, "source"]));
        let why = "cannot be written: Permission denied (os error 13)";
        assert_eq!(message, format!("{output}: {why}"));
        command = place.command_of_nobody();
    }
    fs::set_permissions(place.path("out"), Permissions::from_mode(0o755)).expect("is mine");
}

#[test]
fn what_is_before_the_offset_must_be_readable_to_be_kept() {
    if !is_root() {
        // Nobody else can make a file that its user cannot read, but owns.
        return;
    }
    let place = Place::with_source();
    place.file("out/IMG", "from before");
    std::os::unix::fs::chown(place.path("out"), Some(NOBODY), Some(NOBODY)).expect("root may");
    fs::set_permissions(place.path("out/IMG"), Permissions::from_mode(0o200)).expect("is mine");
    let mut command = place.command_of_nobody();
    let message = refused(&place, command.args(["--offset=4096", "out/IMG", "source"]));
    assert_eq!(message, "out/IMG: cannot be written: Permission denied (os error 13)");
}

#[test]
fn a_full_disk_is_an_error_and_the_old_image_stays() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let volumes = [Volume::tmpfs("size=4m"), Volume::ext4(8 << 20)];
    for volume in volumes.into_iter().flatten() {
        let place = Place::new();
        // Blocks that differ, so that none is shared.
        let block = |number: u64| number.to_le_bytes().repeat(512);
        let bytes: Vec<u8> = (1..4096).flat_map(block).collect();
        place.file("source/large", bytes);
        let image = volume.path().join("IMG");
        for words in [&[][..], &["-Uclear"], &["--offset=1048576"], &["--chunksize=4096"]] {
            for before in [None, Some("from before")] {
                if let Some(text) = before {
                    fs::write(&image, text).expect("there is room for that");
                }
                let run = Run::of(place.command().args(words).arg(&image).arg("source"));
                let why = "cannot be written: No space left on device (os error 28)";
                let message = format!("mkfs-erofs: {}: {why}\n", image.display());
                assert_eq!((run.code(), run.stderr), (Some(1), message));
                assert_eq!(fs::read_to_string(&image).ok().as_deref(), before);
                let temporary = |name: &String| name.contains("mkfs-erofs");
                assert!(!volume.names().iter().any(temporary), "{:?}", volume.names());
            }
            fs::remove_file(&image).expect("is there");
        }
    }
}

#[test]
fn a_file_system_that_is_read_only_is_named_with_the_output() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let Some(volume) = Volume::tmpfs("size=4m,ro") else { return };
    let place = Place::with_source();
    let image = volume.path().join("IMG");
    let run = Run::of(place.command().arg(&image).arg("source"));
    let why = "cannot be written: Read-only file system (os error 30)";
    assert_eq!(run.stderr, format!("mkfs-erofs: {}: {why}\n", image.display()));
    assert_eq!(run.code(), Some(1));
}

#[test]
fn a_link_to_an_image_stays_a_link() {
    let place = Place::with_source();
    place.folder("elsewhere");
    symlink("elsewhere/image", place.path("link")).expect("free");
    let first = place.image("link source", "elsewhere/image");
    place.file("elsewhere/image", "from before");
    assert_eq!(place.image("link source", "elsewhere/image"), first);
    assert!(place.path("link").is_symlink());
    assert_eq!(place.names("elsewhere"), ["image"]);
}

#[test]
fn a_file_size_limit_is_an_error_and_not_a_death() {
    let place = Place::new();
    let block = |number: u64| number.to_le_bytes().repeat(512);
    let bytes: Vec<u8> = (1..1024).flat_map(block).collect();
    place.file("source/large", bytes);
    place.file("IMG", "from before");
    let before = snapshot(&place);
    // The signal that goes with the limit would end the process.
    let script = "ulimit -f 1000; exec \"$0\" IMG source";
    let run = Run::of(place.command_of("/bin/sh").args(["-c", script, crate::place::PROGRAM]));
    let message = "mkfs-erofs: IMG: cannot be written: File too large (os error 27)\n";
    assert_eq!((run.code(), run.stderr.as_str()), (Some(1), message));
    unchanged(&place, &before);
}

#[test]
fn errors_of_the_output_are_found_before_the_source_is_read() {
    let place = Place::with_source();
    // Both are wrong: the output is what is looked at first.
    let message = refusal_of(&place, 1, "nowhere/IMG missing");
    assert!(message.starts_with("nowhere/IMG: "), "{message}");
}

#[test]
fn an_output_in_the_source_needs_to_be_left_out() {
    let place = Place::with_source();
    let expected = place.image("-T0 OUT source", "OUT");
    for attempt in 0..2 {
        place.run("-T0 --exclude-path=a/IMG source/a/IMG source").succeeded();
        assert!(
            fs::read(place.path("source/a/IMG")).expect("was written") == expected,
            "{attempt}"
        );
    }
    place.run("-T0 --exclude-regex=^z|IMG$ source/NEW-IMG source").succeeded();
    for output in ["source/a/IMG", "source/none", "source/a/none"] {
        let run = place.run(&format!("--exclude-path=b {output} source"));
        assert_eq!(run.code(), Some(1), "{run:?}");
        assert!(run.stderr.ends_with("would be part of its own source\n"), "{run:?}");
    }
}

#[test]
fn what_is_read_is_not_written_by_whatever_name() {
    let place = Place::with_source();
    let list = format!("{}\n", place.path("source").display());
    place.file("input", &list);
    fs::hard_link(place.path("input"), place.path("hard")).expect("free");
    std::os::unix::fs::symlink("input", place.path("soft")).expect("free");
    for output in ["input", "hard", "soft", "./input"] {
        for line in [
            "--store-paths input OUT",
            "-zlz4 --compress-hints=input OUT source",
            "--file-contexts=input OUT source",
            "--add-file=/x=input OUT source",
            "--tar=f OUT input",
        ] {
            let run = place.run(&line.replace("OUT", output));
            assert_eq!(run.code(), Some(1), "{run:?}");
            let refusal =
                format!("mkfs-erofs: {output}: the image would be part of its own source\n");
            assert_eq!(run.stderr, refusal, "{line}");
            assert_eq!(fs::read(place.path("input")).expect("is there"), list.as_bytes());
        }
    }
    assert_eq!(place.names("."), ["hard", "input", "soft", "source"]);
}
