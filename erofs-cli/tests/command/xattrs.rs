//! Extended attributes that an image cannot hold.

use std::collections::BTreeMap;
use std::fs;

use testdata::archive::Archive;
use testdata::host;
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};

use crate::place::Place;
use crate::refusal::refusal_of;

/// As archives are that macOS makes, and those of systems with other ACLs.
fn place() -> Place {
    let place = Place::new();
    let macos: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.com.apple.provenance", &[1, 2, 0, 0]),
        ("LIBARCHIVE.xattr.com.apple.quarantine", b"MDA4MQ"),
        ("SCHILY.xattr.user.kept", b"yes"),
    ];
    let archive = Archive::default().dir("d/").pax(b'x', macos).file("d/b", b"b");
    let acl = [("SCHILY.xattr.system.nfs4_acl", &b"A::OWNER@:rw"[..])];
    let archive = archive.pax(b'x', &acl).file("d/a", b"a");
    place.file("TAR", archive.hard_link("c", "d/a").finish());
    place
}

#[test]
fn they_are_left_out_with_one_note_that_counts_them() {
    let place = place();
    for mode in ["f", "i"] {
        let run = place.run(&format!("--tar={mode} IMG TAR"));
        let note = "mkfs-erofs: note: extended attributes of names that no image can hold are left \
                    out, 3 in all, such as system.nfs4_acl of /c; --strict-xattrs refuses them\n";
        assert_eq!((run.code(), &run.stderr[..]), (Some(0), note));
        place.run(&format!("--quiet --tar={mode} IMG TAR")).succeeded();
    }
    place.run("--quiet --tar=f IMG TAR").succeeded();
    if have(Oracle::KernelMount) {
        let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
        let tree = host::snapshot(mount.path()).expect("is readable");
        let kept = BTreeMap::from([(b"user.kept".to_vec(), b"yes".to_vec())]);
        let xattrs = |path: &str| tree[path.as_bytes()].xattrs.clone();
        assert_eq!(xattrs("/d/b"), kept);
        assert!(xattrs("/d/a").is_empty());
    }
}

#[test]
fn they_are_refused_where_that_is_asked_for() {
    let place = place();
    for mode in ["f", "i"] {
        let message = refusal_of(&place, 1, &format!("--strict-xattrs --tar={mode} IMG TAR"));
        assert_eq!(message, "/c: EROFS cannot store the extended attribute system.nfs4_acl");
    }
    // Without any attribute there is nothing to refuse, and nothing to note.
    place.run("--strict-xattrs -x-1 --tar=f IMG TAR").succeeded();
    place.run("-x-1 --tar=f IMG TAR").succeeded();
}

/// They have no place on Linux, whoever has written them.
#[test]
fn names_that_nobody_can_ask_for_are_left_out_as_well() {
    let place = Place::new();
    let long = format!("SCHILY.xattr.user.{}", "n".repeat(300));
    let records: &[(&str, &[u8])] = &[("SCHILY.xattr.user.", b"1"), (&long, b"2")];
    place.file("TAR", Archive::default().pax(b'x', records).file("a", b"a").finish());
    let run = place.run("--tar=f IMG TAR");
    assert_eq!(run.code(), Some(0), "{run:?}");
    assert!(run.stderr.contains(" 2 in all, such as user. of /a; "), "{}", run.stderr);
    fs::remove_file(place.path("IMG")).expect("was written");
    let message = refusal_of(&place, 1, "--strict-xattrs --tar=f IMG TAR");
    assert_eq!(
        message,
        "/a: the extended attribute user. cannot be stored: its name is too long, has a NUL, \
         or has nothing after its prefix"
    );
}

/// Values that would be lost silently are refused.
#[test]
fn values_that_are_too_long_are_an_error() {
    let place = Place::new();
    let value = vec![b'v'; 65_536];
    let records: &[(&str, &[u8])] = &[("SCHILY.xattr.user.large", &value)];
    place.file("TAR", Archive::default().pax(b'x', records).file("a", b"a").finish());
    let message = refusal_of(&place, 1, "--tar=f IMG TAR");
    let expected =
        "/a: the extended attribute user.large has 65536 bytes, but at most 65535 can be stored";
    assert_eq!(message, expected);
    assert!(fs::metadata(place.path("IMG")).is_err());
}
