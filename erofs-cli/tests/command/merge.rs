//! Images that are merged, with the command lines and archives of containerd
//! (`internal/erofsutils` and the tests of `internal/fsview`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use testdata::archive::{Archive, Header};
use testdata::entry::{Compare, diff};
use testdata::mount::{KernelMount, Overlay};
use testdata::skip::{Oracle, have};
use testdata::{host, reader};

use crate::callers::place;
use crate::place::{PROGRAM, Place};
use crate::refusal::refusal_of;
use crate::tar::piped;

/// A layer as containerd makes it of an archive that comes by a pipe.
fn layer(place: &Place, name: &str, archive: Archive) {
    let line = format!("--tar=f --aufs --quiet -Enoinline_data {name}");
    piped(place, Path::new(PROGRAM), &line, &archive.finish()).succeeded();
}

/// A file whose header has the mode 0644.
fn file(archive: Archive, name: &str, data: &str) -> Archive {
    archive.member(&Header::new(b'0', name, data.len()), data.as_bytes())
}

/// The regular files of an image, as the kernel shows them if it can, else as our reader.
fn files(place: &Place, image: &str, devices: &[&str]) -> BTreeMap<String, String> {
    let devices: Vec<PathBuf> = devices.iter().map(|device| place.path(device)).collect();
    let devices: Vec<&Path> = devices.iter().map(|path| &**path).collect();
    let mount = KernelMount::with_devices(&place.path(image), &devices).expect("it mounts");
    texts(mount.path())
}

fn texts(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("is readable") {
            let path = entry.expect("is readable").path();
            match path.is_dir() {
                true => pending.push(path),
                false => {
                    let name = path.strip_prefix(root).expect("is below").display().to_string();
                    found.insert(name, fs::read_to_string(&path).expect("is text"));
                }
            }
        }
    }
    found
}

#[track_caller]
fn are(found: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    let found: Vec<_> = found.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(found, expected);
}

/// The files of `TestFSMountsEROFSWithDevices`.
#[test]
fn containerd_mounts_an_image_with_its_layers() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let first = file(Archive::default().dir("dir"), "dir/file1.txt", "file1 content");
    layer(&place, "ONE", file(first, "dir/file2.txt", "file2 content"));
    layer(&place, "TWO", file(Archive::default().dir("dir"), "dir/file3.txt", "file3 content"));
    place.run("--aufs --ovlfs-strip=1 --quiet IMG ONE TWO").succeeded();
    let expected = [
        ("dir/file1.txt", "file1 content"),
        ("dir/file2.txt", "file2 content"),
        ("dir/file3.txt", "file3 content"),
    ];
    are(&files(&place, "IMG", &["ONE", "TWO"]), &expected);
    // Readers that get all of them read the same.
    let devices = ["ONE", "TWO"].map(|device| place.path(device));
    let devices = devices.each_ref().map(|path| &**path);
    let read = reader::snapshot(&place.path("IMG"), &devices).expect("is readable");
    let mount = KernelMount::with_devices(&place.path("IMG"), &devices).expect("it mounts");
    let shown = host::snapshot(mount.path()).expect("is readable");
    let compare = Compare { xattrs: false, ..Compare::ALL };
    diff(&shown, &read, compare).unwrap_or_else(|text| panic!("{text}"));
    // One that stands alone.
    place.run("--aufs --ovlfs-strip=1 --clean=data --quiet ALONE ONE TWO").succeeded();
    are(&files(&place, "ALONE", &[]), &expected);
}

/// The files of `TestFSMountsOverlayWithEROFSDevices`.
#[test]
fn containerd_mounts_an_overlay_on_an_image_with_its_layers() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let mut lower = Archive::default().dir("dir");
    for number in [1, 2, 5] {
        lower = file(lower, &format!("dir/file{number}.txt"), &format!("file{number} content"));
    }
    layer(&place, "ONE", file(lower.dir("opaquedir"), "opaquedir/old.txt", "old content"));
    let upper = file(Archive::default().dir("dir"), "dir/file3.txt", "file3 content");
    let upper = file(upper, "dir/.wh.file5.txt", "").dir("opaquedir");
    let upper = file(upper, "opaquedir/.wh..wh..opq", "");
    layer(&place, "TWO", file(upper, "opaquedir/new.txt", "new content"));
    place.run("--aufs --ovlfs-strip=1 --quiet IMG ONE TWO").succeeded();
    let devices = ["ONE", "TWO"].map(|device| place.path(device));
    let devices = devices.each_ref().map(|path| &**path);
    let mount = KernelMount::with_devices(&place.path("IMG"), &devices).expect("it mounts");
    let overlay = Overlay::new(&[mount.path()]).expect("it mounts");
    for (name, text) in [("file4.txt", "file4 content"), ("file1.txt", "file1 override")] {
        fs::write(overlay.path().join("dir").join(name), text).expect("is writable");
    }
    let expected = [
        ("dir/file1.txt", "file1 override"),
        ("dir/file2.txt", "file2 content"),
        ("dir/file3.txt", "file3 content"),
        ("dir/file4.txt", "file4 content"),
        ("opaquedir/new.txt", "new content"),
    ];
    are(&texts(overlay.path()), &expected);
}

#[test]
fn marks_stay_unless_they_are_stripped() {
    let place = place();
    layer(&place, "ONE", file(Archive::default(), "old", "old"));
    layer(&place, "TWO", file(file(Archive::default(), ".wh.old", ""), ".wh.other", ""));
    let names = |flags: &str| {
        place.run(&format!("--quiet {flags} IMG ONE TWO")).succeeded();
        let found = reader::snapshot(&place.path("IMG"), &[&place.path("ONE"), &place.path("TWO")]);
        let found = found.expect("is readable");
        found.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["/", "/old", "/other"]);
    assert_eq!(names("--ovlfs-strip=1"), ["/"]);
}

#[test]
fn flags_about_contents_decode_and_others_do_not() {
    let place = place();
    place.run("-zlz4 -T0 PACKED DIR").succeeded();
    place.run("-T0 PLAIN DIR").succeeded();
    place.run("--quiet STAYING PACKED").succeeded();
    for (flags, advice) in [
        ("-zlz4", "; leave out -z, or give --clean=data, which compresses all anew"),
        ("-m4096:lz4 -E48bit", "; leave out -m, or give --clean=data, which copies those files"),
    ] {
        let message = refusal_of(&place, 2, &format!("{flags} IMG PACKED"));
        assert!(message.ends_with(&format!("stay compressed in an image{advice}")), "{message}");
    }
    let message = refusal_of(&place, 2, "-b1024 IMG PLAIN");
    assert!(message.contains("need its blocks of 4096 bytes, not of 1024"), "{message}");
    let algorithms = |flags: &str| {
        let run = place.run(&format!("--clean=data --json {flags} IMG PACKED"));
        run.succeeded();
        run.stdout.split("\"algorithms\":").nth(1).expect("has them")[..6].to_owned()
    };
    assert!(algorithms("--all-root -T5").starts_with("[\"lz4"));
    assert!(algorithms("-zzstd").starts_with("[\"zst"));
    for flags in ["-b1024", "--chunksize=4096", "-Ededupe"] {
        assert!(algorithms(flags).starts_with("[]"), "{flags}");
    }
}

#[test]
fn compressed_layers_stay_where_they_are() {
    let place = place();
    fs::create_dir(place.path("UPPER")).expect("is new");
    place.file("UPPER/new", "a new file, ".repeat(5000));
    place.run("-zlz4 -Efragments --quiet A DIR").succeeded();
    place.run("-zzstd,1 -Eztailpacking -C65536 --quiet B UPPER").succeeded();
    place.run("--quiet --verify OUT A B").succeeded();
    place.run("--quiet --clean=data ALONE A B").succeeded();
    let lens = ["OUT", "A", "B"].map(|name| fs::read(place.path(name)).expect("is there").len());
    assert!(lens[0] <= 3 * 4096, "{lens:?}");
    // It can be listed by itself, and extracted with its layers after it.
    place.run("--list OUT").succeeded();
    let run = place.run("--quiet --extract=NOTHING OUT");
    assert!(run.stderr.contains("has 2 further devices, and 0 were given"), "{run:?}");
    let all = ["OUT", "A", "B"].map(|name| fs::read(place.path(name)).expect("is there"));
    place.file("WHOLE", all.concat());
    place.run("--quiet --extract=OUTSIDE WHOLE").succeeded();
    place.run("--quiet --extract=EXPECTED ALONE").succeeded();
    let found = |name| host::snapshot(&place.path(name)).expect("is readable");
    let compare = Compare { root: false, ..Compare::ALL };
    diff(&found("EXPECTED"), &found("OUTSIDE"), compare).unwrap_or_else(|text| panic!("{text}"));
    if have(Oracle::KernelMount) {
        let devices = ["A", "B"].map(|device| place.path(device));
        let devices = devices.each_ref().map(|path| &**path);
        let with = KernelMount::with_devices(&place.path("OUT"), &devices).expect("it mounts");
        let alone = KernelMount::new(&place.path("ALONE")).expect("it mounts");
        let [with, alone] = [with, alone].map(|mount| host::snapshot(mount.path()));
        let [with, alone] = [with, alone].map(|shown| shown.expect("is readable"));
        diff(&alone, &with, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    }
}

#[test]
fn two_algorithms_are_no_table_of_devices() {
    let place = Place::new();
    // Both features have one bit.
    for (name, codec) in [("A", "lz4"), ("B", "zstd,1")] {
        place.file(&format!("DIR{name}/{name}"), format!("words of {name}, ").repeat(9000));
        place.run(&format!("-z{codec} -Eall-fragments --quiet {name} DIR{name}")).succeeded();
    }
    let run = place.run("--json --verify --clean=data IMG A B");
    run.succeeded();
    assert!(run.stdout.contains("\"algorithms\":[\"lz4\",\"zstd\"]"), "{run:?}");
}

#[test]
fn threads_change_no_byte() {
    let place = place();
    place.run("-zlz4 -Efragments ONE DIR").succeeded();
    place.run("-zzstd,1 -Efragments -C16384 TWO DIR").succeeded();
    let bytes =
        |workers: u32| place.image(&format!("--clean=data --workers={workers} IMG ONE TWO"), "IMG");
    assert!(bytes(1) == bytes(4));
}
