//! Sources that cannot be read, and several sources.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};

use crate::place::Place;
use crate::refusal::{refusal, refusal_of};

const MISSING: &str = "cannot be read: No such file or directory (os error 2)";

#[test]
fn a_source_that_is_not_there_is_named() {
    let place = Place::with_source();
    symlink("nowhere", place.path("dangling")).expect("free");
    symlink("loop", place.path("loop")).expect("free");
    for (source, why) in [
        ("nowhere", MISSING),
        ("source/c/d", MISSING),
        ("dangling", MISSING),
        ("source/b/below", "cannot be read: Not a directory (os error 20)"),
        ("loop", "cannot be read: Too many levels of symbolic links (os error 40)"),
    ] {
        assert_eq!(refusal_of(&place, 1, &format!("IMG {source}")), format!("{source}: {why}"));
    }
}

#[test]
fn sources_that_are_neither_directories_nor_images_are_named() {
    let place = Place::with_source();
    let make = Command::new("mkfifo").arg(place.path("fifo")).status();
    assert!(make.expect("there is a mkfifo").success());
    let message = refusal_of(&place, 1, "IMG source/b");
    let expected = "is neither a directory nor an EROFS image; for an archive give --tar=f";
    assert_eq!(message, format!("source/b: {expected}"));
    for source in ["fifo", "/dev/null", "/dev/zero"] {
        let message = refusal_of(&place, 1, &format!("IMG {source}"));
        let expected = format!("{source}: cannot be read: is not a file or a block device");
        assert_eq!(message, expected);
    }
}

/// A command that nobody runs, with `words`.
fn by_nobody(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command_of_nobody();
    command.args(words);
    command
}

/// Nobody may write here, and read what is not forbidden.
fn nobodys_place() -> Place {
    let place = Place::with_source();
    // Brings the program here, before the first look at the place.
    drop(place.command_of_nobody());
    fs::set_permissions(place.root(), Permissions::from_mode(0o777)).expect("is mine");
    place
}

#[test]
fn files_and_folders_that_may_not_be_read_are_named() {
    for (forbidden, mode, named) in [
        ("source/b", 0o000, "source/b"),
        ("source/a/file", 0o200, "source/a/file"),
        ("source/a", 0o000, "source/a"),
        // May be listed, but its entries may not be looked at.
        ("source/a", 0o444, "source/a/file"),
        ("source", 0o000, "source"),
    ] {
        let place = nobodys_place();
        let set = |mode| fs::set_permissions(place.path(forbidden), Permissions::from_mode(mode));
        set(mode).expect("is mine");
        let message = refusal(&place, 1, || by_nobody(&place, &["IMG", "source"]));
        set(0o755).expect("is mine");
        let why = "cannot be read: Permission denied (os error 13)";
        assert_eq!(message, format!("{named}: {why}"), "{forbidden} {mode:o}");
    }
}

#[test]
fn store_paths_that_may_not_be_read_are_named() {
    let place = nobodys_place();
    let path = place.path("source/b");
    place.file("list", format!("{}\n{}\n", place.path("source/a").display(), path.display()));
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("is mine");
    let message = refusal(&place, 1, || by_nobody(&place, &["--store-paths=list", "IMG"]));
    let why = "cannot be read: Permission denied (os error 13)";
    assert_eq!(message, format!("{}: {why}", path.display()));

    fs::set_permissions(place.path("list"), Permissions::from_mode(0o000)).expect("is mine");
    let message = refusal(&place, 1, || by_nobody(&place, &["--store-paths=list", "IMG"]));
    assert_eq!(message, format!("list: {why}"));
}

#[test]
fn what_is_left_out_need_not_be_readable() {
    let place = nobodys_place();
    fs::set_permissions(place.path("source/a"), Permissions::from_mode(0o000)).expect("is mine");
    let words = ["--exclude-path=a", "IMG", "source"];
    crate::place::Run::of(&mut by_nobody(&place, &words)).succeeded();
    fs::set_permissions(place.path("source/a"), Permissions::from_mode(0o755)).expect("is mine");
}

#[test]
fn later_folders_lie_over_earlier_ones() {
    let place = Place::with_source();
    place.file("upper/a/new", "n");
    place.file("upper/b/below", "a folder in place of a file");
    place.file("top/a/file", "the last one");
    let all = place.image("-T0 --all-root -U clear IMG source upper top", "IMG");
    fs::remove_file(place.path("IMG")).expect("is mine");
    // The same, put together by hand.
    place.file("merged/a/new", "n");
    place.file("merged/b/below", "a folder in place of a file");
    place.file("merged/a/file", "the last one");
    assert!(all == place.image("-T0 --all-root -U clear IMG merged", "IMG"), "images differ");
    fs::remove_file(place.path("IMG")).expect("is mine");
    let message = refusal_of(&place, 1, "IMG source nowhere");
    assert!(message.starts_with("nowhere: cannot be read: "), "{message}");
    let without = place.image("-T0 --all-root -U clear --exclude-path=a IMG source upper", "IMG");
    fs::remove_file(place.path("IMG")).expect("is mine");
    place.file("rest/b/below", "a folder in place of a file");
    assert!(without == place.image("-T0 --all-root -U clear IMG rest", "IMG"), "images differ");
}

#[test]
fn files_are_added_with_their_contents_alone() {
    let place = Place::with_source();
    place.file("one", "some bytes");
    place.file("x=y", "a program");
    fs::set_permissions(place.path("one"), Permissions::from_mode(0o600)).expect("is mine");
    fs::set_permissions(place.path("x=y"), Permissions::from_mode(0o700)).expect("is mine");
    place.file("list", format!("{}\n", place.path("source/a").display()));
    let added = "--add-file added=one --add-file /a/more=x=y";
    let image = place.image(&format!("--store-paths list {added} IMG"), "IMG");
    if have(Oracle::KernelMount) {
        let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
        for (path, contents, mode) in
            [("added", "some bytes", 0o100_444), ("a/more", "a program", 0o100_555)]
        {
            let path = mount.path().join(path);
            assert_eq!(fs::read_to_string(&path).expect("is there"), contents);
            let stat = fs::metadata(&path).expect("is there");
            assert_eq!((stat.mode(), stat.uid(), stat.gid(), stat.mtime()), (mode, 0, 0, 0));
        }
    }
    // An image of the same files in a directory has the same.
    place.file("dir/a/file", "some bytes");
    place.file("dir/a/more", "a program");
    place.file("dir/added", "some bytes");
    for (path, mode) in [("a/more", 0o555), ("added", 0o444)] {
        let path = place.path("dir").join(path);
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("is mine");
    }
    let same = "-L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -T0 --all-root -x-1";
    assert!(image == place.image(&format!("{same} SAME dir"), "SAME"), "the bytes differ");
}

#[test]
fn a_file_that_cannot_be_added_is_named() {
    let place = Place::with_source();
    for (added, message) in [
        ("new=nowhere", format!("nowhere: {MISSING}")),
        ("new=source", "source: cannot be read: not a regular file".to_owned()),
        ("new=/dev/null", "/dev/null: cannot be read: not a regular file".to_owned()),
        ("a/file=source/b", "/a/file: exists already".to_owned()),
        ("none/new=source/b", "/none: does not exist".to_owned()),
        ("b/new=source/b", "/b: is not a directory".to_owned()),
    ] {
        assert_eq!(refusal_of(&place, 1, &format!("--add-file {added} IMG source")), message);
    }
}
