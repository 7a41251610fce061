//! Lists of store paths that make no image.

use std::fs::File;
use std::process::Stdio;

use crate::place::Place;
use crate::refusal::{refusal, refusal_of};

/// The message about a list, in which `{}` stands for the folder.
fn complaint(list: &[u8]) -> String {
    let place = Place::with_source();
    let folder = place.root().display().to_string();
    place.file("list", replace(list, b"{}", folder.as_bytes()));
    let message = refusal_of(&place, 1, "--store-paths list IMG");
    assert_eq!(refusal_of(&place, 1, "IMG --nix-closure=list"), message);
    let piped = || {
        let mut command = place.command();
        command.args(["--store-paths", "-", "IMG"]);
        command.stdin(Stdio::from(File::open(place.path("list")).expect("is there")));
        command
    };
    // The list has another name then, if it is the list that is named.
    let rest = message.strip_prefix("list: ");
    let expected = rest.map_or(message.clone(), |rest| format!("standard input: {rest}"));
    assert_eq!(refusal(&place, 1, piped), expected);
    message.replace(&folder, "{}")
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

#[test]
fn a_list_without_paths_is_refused() {
    for list in [&b""[..], b"\n", b"\n\n\r\n\n"] {
        assert_eq!(complaint(list), "list: the list of store paths is empty");
    }
}

#[test]
fn paths_that_are_not_absolute_are_named() {
    for path in ["a", "source/a", "./source/a", "../x", " /nix/store/a", "~/a"] {
        let list = format!("{{}}/source/b\n{path}\n");
        let expected = format!("list: {path}: a store path must be absolute");
        assert_eq!(complaint(list.as_bytes()), expected);
    }
}

#[test]
fn paths_without_a_name_are_named() {
    for path in ["/", "//", "/nix/store/..", "/.."] {
        let expected = format!("list: {path}: a store path must end in a name");
        assert_eq!(complaint(path.as_bytes()), expected);
    }
}

#[test]
fn two_paths_of_one_name_are_both_named() {
    let expected = "list: {}/source/a/../b: has the same name as {}/source/b, \
                    so both would be the same entry of the image";
    assert_eq!(complaint(b"{}/source/b\n{}/source/a/../b\n"), expected);
}

#[test]
fn paths_that_do_not_exist_are_named() {
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(complaint(b"{}/source/a\n{}/source/none\n"), format!("{{}}/source/none: {missing}"));
    // A space belongs to the path.
    assert_eq!(complaint(b"{}/source/b \n"), format!("{{}}/source/b : {missing}"));
    let below = "cannot be read: Not a directory (os error 20)";
    assert_eq!(complaint(b"{}/source/b/file\n"), format!("{{}}/source/b/file: {below}"));
}

#[test]
fn paths_no_file_can_have_are_named() {
    let missing = "cannot be read: No such file or directory (os error 2)";
    let message = complaint(b"{}/source/\xff\xfe\n");
    assert_eq!(message, format!("{{}}/source/\u{fffd}\u{fffd}: {missing}"));
    let message = complaint(b"{}/source/b\0c\n");
    let why = "cannot be read: file name contained an unexpected NUL byte";
    assert_eq!(message, format!("{{}}/source/b\\u{{0}}c: {why}"));
}

#[test]
fn bytes_that_are_not_utf_8_are_fine_in_names_that_exist() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Place::new();
    place.folder("store");
    let path = place.path("store").join(OsStr::from_bytes(b"\xff\xfe-\x01"));
    std::fs::write(&path, "some bytes").expect("there is room");
    place.file("list", path.as_os_str().as_bytes());
    place.run("--store-paths list IMG").succeeded();
    let tree = testdata::reader::snapshot(&place.path("IMG"), &[]).expect("is an image");
    assert!(tree.contains_key(&b"/\xff\xfe-\x01"[..]), "{:?}", tree.keys());
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let place = Place::with_source();
    for (list, why) in [
        ("nowhere", "No such file or directory (os error 2)"),
        ("source", "Is a directory (os error 21)"),
        ("source/b/list", "Not a directory (os error 20)"),
    ] {
        let message = refusal_of(&place, 1, &format!("--store-paths {list} IMG"));
        assert_eq!(message, format!("{list}: cannot be read: {why}"));
    }
}

#[test]
fn a_standard_input_that_is_closed_is_an_empty_list() {
    let place = Place::with_source();
    let closed = || {
        let mut command = place.command_of("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" <&-", crate::place::PROGRAM]);
        command.args(["--store-paths", "-", "IMG"]);
        command
    };
    let message = refusal(&place, 1, closed);
    assert_eq!(message, "standard input: the list of store paths is empty");
}

#[test]
fn a_store_directory_that_lacks_a_listed_path_is_refused() {
    let place = Place::with_source();
    place.file("list", "/nix/store/a\n/nix/store/none\n");
    let message = refusal_of(&place, 1, "--store-paths list IMG source");
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(message, format!("source/none: {missing}"));
}
