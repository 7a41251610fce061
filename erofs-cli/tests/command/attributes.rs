//! Attributes of a file that an image replaces, and outputs that cannot be replaced.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use testdata::skip::{Oracle, have};
use testdata::tools::{program, run};

use crate::disks::{Volume, told};
use crate::place::{NOBODY, PROGRAM, Place, Run, is_root};

const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];

fn set_mode(place: &Place, path: &str, mode: u32) {
    fs::set_permissions(place.path(path), Permissions::from_mode(mode)).expect("is mine");
}

/// Mode, user and group.
fn rights(place: &Place, path: &str) -> (u32, u32, u32) {
    let found = fs::metadata(place.path(path)).expect("is there");
    (found.mode() & 0o7777, found.uid(), found.gid())
}

/// Runs a tool of the host, for its output.
fn tool(name: &str, words: &[&str], place: &Place) -> Result<String, String> {
    run(Command::new(program(name)?).args(words).current_dir(place.root()))
}

#[test]
fn an_image_keeps_mode_and_owner_of_what_it_replaces() {
    let place = Place::with_source();
    let expected = place.image("NEW source", "NEW");
    assert_eq!(rights(&place, "NEW").0, 0o644);
    for mode in [0o600, 0o640, 0o664, 0o400] {
        for before in ["", "from before"] {
            place.file("IMG", before);
            set_mode(&place, "IMG", mode);
            let owner = if is_root() { (1234, 5678) } else { (rights(&place, "IMG").1, 0) };
            if is_root() {
                chown(place.path("IMG"), Some(owner.0), Some(owner.1)).expect("root may");
            }
            assert!(place.image("IMG source", "IMG") == expected);
            let (found, user, group) = rights(&place, "IMG");
            assert_eq!(found, mode);
            if is_root() {
                assert_eq!((user, group), owner);
            }
            fs::remove_file(place.path("IMG")).expect("was written");
        }
    }
}

#[test]
fn where_modes_cannot_be_changed_nobody_else_gets_more_rights() {
    let Some(strace) = told("strace", program("strace")) else { return };
    let place = Place::with_source();
    let expected = place.image("--quiet NEW source", "NEW");
    for (mode, umask) in [(0o644, "077"), (0o600, "022"), (0o640, "000")] {
        place.file("IMG", "from before");
        set_mode(&place, "IMG", mode);
        let script = format!("umask {umask}; exec \"$@\"");
        let mut command = place.command_of("/bin/sh");
        command.args(["-c", &script, "sh"]).arg(&strace);
        command.args(["-f", "-qq", "-o", "trace", "-e", "inject=fchmod:error=EPERM", PROGRAM]);
        let run = Run::of(command.args(["--quiet", "IMG", "source"]));
        assert_eq!(run.code(), Some(0), "{run:?}");
        assert!(fs::read(place.path("IMG")).expect("is there") == expected);
        assert_eq!(rights(&place, "IMG").0 & !mode & 0o077, 0);
    }
}

#[test]
fn an_image_keeps_xattrs_and_access_lists_of_what_it_replaces() {
    let Some(volume) = Volume::ext4(16 << 20).filter(|_| have(Oracle::KernelMount)) else {
        return;
    };
    let place = Place::with_source();
    let image = volume.path().join("IMG");
    let shown = image.to_str().expect("is ASCII");
    let folder = volume.path().to_str().expect("is ASCII");
    let set = || -> Result<(), String> {
        // Another list than new files get here.
        tool("setfacl", &["-d", "-m", "u:1:rwx", folder], &place)?;
        fs::write(&image, "from before").map_err(|error| error.to_string())?;
        tool("setfacl", &["-b", "-m", "u:4321:r,g:77:rw", shown], &place)?;
        tool("setfattr", &["-n", "user.note", "-v", "kept", shown], &place)?;
        tool("setfattr", &["-n", "trusted.note", "-v", "too", shown], &place).map(drop)
    };
    if told("access lists", set()).is_none() {
        return;
    }
    let list = || tool("getfacl", &["-p", "-n", shown], &place).expect("can be read");
    let xattrs = || {
        let words = ["-d", "-m", "^(user|trusted)", "--absolute-names", shown];
        tool("getfattr", &words, &place).expect("can be read")
    };
    let before = (list(), xattrs());
    assert!(before.0.contains("user:4321:r--") && before.1.contains("trusted.note"), "{before:?}");
    Run::of(place.command().arg("--quiet").arg(&image).arg("source")).succeeded();
    assert_eq!((list(), xattrs()), before);
    // One without a list gets none from the folder.
    tool("setfacl", &["-b", shown], &place).expect("can be taken");
    let before = list();
    Run::of(place.command().arg("--quiet").arg(&image).arg("source")).succeeded();
    assert_eq!(list(), before);
}

#[test]
fn who_may_not_keep_the_owner_gives_nobody_more_rights() {
    if !is_root() {
        return;
    }
    let place = Place::with_source();
    place.folder("out");
    chown(place.path("out"), Some(NOBODY), Some(NOBODY)).expect("root may");
    for (mode, kept) in [(0o640, 0o600), (0o664, 0o644), (0o666, 0o666)] {
        place.file("out/IMG", "from before");
        set_mode(&place, "out/IMG", mode);
        chown(place.path("out/IMG"), Some(1), Some(0)).expect("root may");
        let mut command = place.command_of_nobody();
        Run::of(command.args(["--quiet", "out/IMG", "source"])).succeeded();
        assert_eq!(rights(&place, "out/IMG"), (kept, NOBODY, NOBODY));
    }
}

#[test]
fn other_names_of_a_replaced_file_keep_the_old_one() {
    let place = Place::with_source();
    place.file("IMG", "from before");
    fs::hard_link(place.path("IMG"), place.path("backup")).expect("free");
    place.image("IMG source", "IMG");
    assert_eq!(fs::read_to_string(place.path("backup")).expect("is there"), "from before");
}

/// Checks that an output, once written, is the image and the same file as before.
#[track_caller]
fn is_written_in_place(place: &Place, command: &mut Command, expected: &[u8]) {
    // A longer one, that is an image as well.
    let mut old = expected.to_vec();
    old.resize(expected.len() + 100_000, 7);
    fs::write(place.path("out/IMG"), old).expect("there is room");
    let before = fs::metadata(place.path("out/IMG")).expect("is there");
    Run::of(command).succeeded();
    let after = fs::metadata(place.path("out/IMG")).expect("is there");
    assert_eq!((after.ino(), after.dev()), (before.ino(), before.dev()));
    assert!(fs::read(place.path("out/IMG")).expect("is there") == expected);
    assert_eq!(place.names("out"), ["IMG"]);
}

#[test]
fn a_file_in_a_folder_that_takes_no_new_ones_is_written_in_place() {
    if !is_root() {
        return;
    }
    let place = Place::with_source();
    let expected = place.image("--quiet NEW source", "NEW");
    place.file("out/IMG", "");
    set_mode(&place, "out/IMG", 0o666);
    // Nobody may write there, and somebody else's file not be renamed over.
    for mode in [0o755, 0o1777] {
        set_mode(&place, "out", mode);
        let mut command = place.command_of_nobody();
        command.args(["--quiet", "out/IMG", "source"]);
        is_written_in_place(&place, &mut command, &expected);
    }
}

#[test]
fn a_file_at_which_something_is_mounted_is_written_in_place() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    let expected = place.image("--quiet NEW source", "NEW");
    place.file("out/IMG", "");
    place.file("elsewhere", "");
    let script = "mount --bind elsewhere out/IMG && \"$@\"; code=$?; umount out/IMG; exit $code";
    let mut command = place.command_of("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", PROGRAM, "--quiet", "out/IMG", "source"]);
    Run::of(&mut command).succeeded();
    assert!(fs::read(place.path("elsewhere")).expect("is there") == expected);
    assert_eq!(fs::read(place.path("out/IMG")).expect("is there"), b"");
    assert_eq!(place.names("out"), ["IMG"]);
}

#[test]
fn an_old_image_in_place_is_none_after_a_failed_build() {
    if !is_root() {
        return;
    }
    let place = Place::with_source();
    let image = place.image("--quiet NEW source", "NEW");
    assert_eq!(image[1024..1028], MAGIC);
    place.file("source/secret", "nobody may read this");
    set_mode(&place, "source/secret", 0o600);
    for words in [&["--quiet"][..], &["--quiet", "-zlz4"]] {
        place.file("out/IMG", &image);
        set_mode(&place, "out", 0o755);
        set_mode(&place, "out/IMG", 0o666);
        let mut command = place.command_of_nobody();
        let run = Run::of(command.args(words).args(["out/IMG", "source"]));
        assert_eq!(run.code(), Some(1), "{run:?}");
        let left = fs::read(place.path("out/IMG")).expect("is there");
        // Nothing was written, or what is there is no image.
        assert!(left == image || left[1024..1028] != MAGIC);
        let lost = "mkfs-erofs: out/IMG: was written in place, and what it held before is lost\n";
        assert_eq!(run.stderr.starts_with(lost), left != image, "{run:?}");
    }
}

/// Runs the command by a shell, which redirects as `redirection` says.
fn redirected(place: &Place, words: &str, redirection: &str) -> Run {
    let script = format!("\"$0\" {words} {redirection}");
    Run::of(place.command_of("/bin/sh").args(["-c", &script, PROGRAM]))
}

#[test]
fn standard_output_is_written_if_it_is_a_file() {
    let place = Place::with_source();
    let expected = place.image("NEW source", "NEW");
    for output in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        place.file("IMG", vec![7; 100_000]);
        let run = redirected(&place, &format!("{output} source"), "> IMG");
        assert_eq!(run.code(), Some(0), "{run:?}");
        assert!(
            run.stderr.starts_with(&format!("{output}: ")),
            "the summary goes elsewhere: {run:?}"
        );
        assert!(fs::read(place.path("IMG")).expect("is there") == expected, "{output}");
    }
    let run = redirected(&place, "--quiet /dev/fd/7 source", "7<> IMG");
    run.succeeded();
    assert!(fs::read(place.path("IMG")).expect("is there") == expected);
}

#[test]
fn a_pipe_or_a_terminal_is_refused_before_the_source_is_read() {
    let place = Place::with_source();
    let no_file = "an image can only be written to a file or a block device";
    for output in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        let script = format!("{{ \"$0\" {output} missing; echo $? >code; }} | cat");
        let run = Run::of(place.command_of("/bin/sh").args(["-c", &script, PROGRAM]));
        assert_eq!(run.stderr, format!("mkfs-erofs: {output}: {no_file}\n"));
        assert_eq!(fs::read_to_string(place.path("code")).expect("was written"), "1\n");
    }
    let run = redirected(&place, "/dev/tty missing", "< /dev/null");
    assert_ne!(run.code(), Some(0));
}

#[test]
fn a_file_that_is_appended_to_is_refused() {
    let place = Place::with_source();
    place.file("IMG", "from before");
    let run = redirected(&place, "/dev/stdout source", ">> IMG");
    let why = "is open for appending, but the start of an image is written last; in a shell, use > and not >>";
    assert_eq!(run.stderr, format!("mkfs-erofs: /dev/stdout: {why}\n"));
    assert_eq!(run.code(), Some(1));
    assert_eq!(fs::read_to_string(place.path("IMG")).expect("is there"), "from before");
}
